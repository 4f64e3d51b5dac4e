//! A user of the store in memory.

use std::sync::Arc;

use pop3_proto::{Rejection, Secret};
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys, MIN_ITERATIONS, SALT_OCTETS};

use crate::backend::LoginAttempt;

#[derive(Debug)]
pub(super) struct User {
    password: Secret,
    /// The password as SASLprep makes it.
    prepared: Secret,
    /// Made when they are first asked for.
    keys: Vec<Keys>,
    pub(super) messages: Vec<Message>,
    delivered: u64,
    pub(super) locked: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) uid: u64,
    pub(super) content: Arc<[u8]>,
}

impl Default for User {
    fn default() -> Self {
        let (password, prepared) = (Secret::new(Vec::new()), Secret::new(Vec::new()));
        Self { password, prepared, keys: Vec::new(), messages: Vec::new(), delivered: 0, locked: false }
    }
}

impl User {
    pub(super) fn set_password(&mut self, password: &str) {
        self.password = Secret::new(password.as_bytes().to_vec());
        self.prepared = Secret::new(prepared(password));
        self.keys.clear();
    }

    /// Whether the credentials prove this user's password, as it was set or as SASLprep makes it:
    /// clients use either.
    pub(super) fn proves(&self, attempt: &LoginAttempt) -> bool {
        attempt.prove(self.password.expose()) | attempt.prove(self.prepared.expose())
    }

    pub(super) fn deliver(&mut self, content: &[u8]) {
        self.delivered += 1;
        self.messages.push(Message { uid: self.delivered, content: content.into() });
    }

    /// The keys for this hash. The salt stays the same as long as the password does.
    pub(super) fn keys(&mut self, hash: Hash) -> Result<Keys, Rejection> {
        if let Some(keys) = self.keys.iter().find(|keys| keys.hash() == hash) {
            return Ok(keys.clone());
        }
        let mut salt = [0; SALT_OCTETS];
        getrandom::fill(&mut salt)
            .map_err(|_| Rejection::temporary("the server has no random octets at the moment"))?;
        let keys = Keys::derive(hash, self.password.expose(), &salt, MIN_ITERATIONS);
        let keys = keys.map_err(|_| Rejection::permanent("no keys can be derived from this password"))?;
        self.keys.push(keys.clone());
        Ok(keys)
    }
}

/// A name or a password as a client's is when it gets here; as it is, where it can't be prepared.
pub(super) fn prepared(text: &str) -> Vec<u8> {
    prepare(text, StringKind::Stored)
        .map_or_else(|_| text.as_bytes().to_vec(), |text| text.into_owned().into_bytes())
}
