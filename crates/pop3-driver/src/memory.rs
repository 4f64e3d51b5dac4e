//! A mail store in memory, for examples and tests.

mod account;

use std::collections::HashMap;
use std::io::{self, Cursor, Read as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection, Secret, UniqueId, dots};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use crate::backend::{Context, LoginAttempt, Proof};
use crate::server::Peer;
use crate::store::{Maildrop, Store};
use crate::tls::Certificate;
use account::{Message, User, prepared};

/// Maildrops in memory that follow the rules of a real store: one session at a time, and removal only at QUIT (RFC
/// 1939 section 8).
///
/// It keeps passwords in clear text, so that you can test every login method with it.
///
/// ```
/// let store = pop3_driver::memory::MemoryStore::new();
/// store.add_user("mrose", "tanstaaf");
/// store.deliver("mrose", b"Subject: hello\n\nworld\n");
/// assert_eq!(store.messages("mrose").len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    users: HashMap<Vec<u8>, User>,
    tokens: Vec<(Secret, Vec<u8>)>,
    certificates: Vec<(Certificate, Vec<u8>)>,
    acting: Vec<(Vec<u8>, Vec<u8>)>,
    anonymous: Option<Vec<u8>>,
    mechanisms: Option<Vec<Mechanism>>,
}

/// An open maildrop of a [`MemoryStore`].
#[derive(Debug)]
pub struct MemoryMaildrop {
    store: MemoryStore,
    name: Vec<u8>,
    messages: Vec<Message>,
}

impl MemoryStore {
    /// Creates a store without users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user without messages, or changes the password of an existing user. Name and password are prepared
    /// with SASLprep (RFC 4013), as a client prepares them.
    pub fn add_user(&self, name: &str, password: &str) {
        self.shared().users.entry(prepared(name)).or_default().set_password(password);
    }

    /// Accepts a bearer token for a user, with OAUTHBEARER and XOAUTH2.
    pub fn add_token(&self, name: &str, token: &str) {
        self.shared().tokens.push((Secret::new(token.as_bytes().to_vec()), prepared(name)));
    }

    /// Accepts a client certificate for a user, with EXTERNAL.
    pub fn add_certificate(&self, name: &str, certificate: Certificate) {
        self.shared().certificates.push((certificate, prepared(name)));
    }

    /// Lets a user open the maildrop of another.
    pub fn let_act_for(&self, name: &str, other: &str) {
        self.shared().acting.push((prepared(name), prepared(other)));
    }

    /// Lets every client open the maildrop of this user, with ANONYMOUS.
    pub fn let_in_anybody(&self, name: &str) {
        self.shared().anonymous = Some(prepared(name));
    }

    /// Sets the mechanisms of AUTH. Default: all that the connection can use, strongest first.
    pub fn set_mechanisms(&self, mechanisms: &[Mechanism]) {
        self.shared().mechanisms = Some(mechanisms.to_vec());
    }

    /// Delivers a message in stored form to a user. Does nothing if there is no such user.
    pub fn deliver(&self, name: &str, content: &[u8]) {
        if let Some(user) = self.shared().users.get_mut(&prepared(name)) {
            user.deliver(content);
        }
    }

    /// Returns the messages of a user, in stored form.
    #[must_use]
    pub fn messages(&self, name: &str) -> Vec<Arc<[u8]>> {
        let shared = self.shared();
        let messages = shared.users.get(&prepared(name)).map(|user| user.messages.as_slice());
        messages.unwrap_or_default().iter().map(|message| Arc::clone(&message.content)).collect()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Whose maildrop the credentials open, if they are right.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a proof that is still to come is none of these")]
    fn verify(&self, attempt: &LoginAttempt, peer: &Peer) -> Option<Vec<u8>> {
        // OAUTHBEARER and EXTERNAL may leave the name to the proof.
        let meant = |owner: &Vec<u8>| attempt.name.is_empty() || attempt.name == *owner;
        match &attempt.proof {
            Proof::Token(token) => {
                let known =
                    |(known, owner): &&(Secret, Vec<u8>)| known.same_octets(token.expose()) && meant(owner);
                self.tokens.iter().find(known).map(|(_, owner)| owner.clone())
            }
            Proof::Certificate => {
                let shown = peer.tls.as_ref().and_then(|tls| tls.certificates.first())?;
                let known = self.certificates.iter().find(|(known, owner)| known == shown && meant(owner))?;
                Some(known.1.clone())
            }
            Proof::Anonymous { .. } => self.anonymous.clone(),
            _ => {
                let Some(user) = self.users.get(&attempt.name) else {
                    // The same work as for a user who exists.
                    let _ = User::default().proves(attempt);
                    return None;
                };
                let proved = attempt.is_proved() || user.proves(attempt);
                proved.then(|| attempt.maildrop().to_vec())
            }
        }
    }
}

impl Store for MemoryStore {
    type Maildrop = MemoryMaildrop;

    fn mechanisms(&self) -> Vec<Mechanism> {
        let shared = self.shared();
        if let Some(mechanisms) = &shared.mechanisms {
            return mechanisms.clone();
        }
        let mut of_use = Mechanism::ALL.to_vec();
        of_use.retain(|mechanism| {
            let token = matches!(mechanism, Mechanism::OAuthBearer | Mechanism::XOAuth2);
            (*mechanism != Mechanism::External || !shared.certificates.is_empty())
                && (!token || !shared.tokens.is_empty())
                && (*mechanism != Mechanism::Anonymous || shared.anonymous.is_some())
        });
        of_use
    }

    fn scram_keys(
        &self,
        name: &str,
        hash: Hash,
        _peer: &Peer,
        _context: &Context,
    ) -> Result<Option<Keys>, Rejection> {
        match self.shared().users.get_mut(name.as_bytes()) {
            Some(user) => user.keys(hash).map(Some),
            None => Ok(None),
        }
    }

    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        self.shared().acting.iter().any(|(own, others)| own == user && others == other)
    }

    fn open(
        &self,
        attempt: &LoginAttempt,
        peer: &Peer,
        _context: &Context,
    ) -> Result<(Accepted, MemoryMaildrop), Rejection> {
        let mut shared = self.shared();
        let name = shared.verify(attempt, peer).ok_or_else(Rejection::credentials)?;
        let user = shared.users.get_mut(&name).ok_or_else(Rejection::credentials)?;
        if core::mem::replace(&mut user.locked, true) {
            return Err(Rejection::in_use());
        }
        let mut snapshot = pop3_proto::Snapshot::new();
        for message in &user.messages {
            let uid = message.uid.to_string();
            if let Ok(uid) = UniqueId::parse(uid.as_bytes()) {
                snapshot.push(dots::wire_size(&message.content), uid);
            }
        }
        let messages = user.messages.clone();
        let mut accepted = Accepted::from(snapshot);
        accepted.user = Some(name.escape_ascii().to_string());
        Ok((accepted, MemoryMaildrop { store: self.clone(), name, messages }))
    }
}

impl Maildrop for MemoryMaildrop {
    type Message = Cursor<Arc<[u8]>>;

    fn try_fetch(
        &mut self,
        message: MessageNumber,
        _extent: Extent,
    ) -> Option<Result<Self::Message, Rejection>> {
        Some(self.message(message))
    }

    fn try_read(message: &mut Self::Message, buffer: &mut [u8]) -> io::Result<usize> {
        message.read(buffer)
    }

    fn fetch(
        &mut self,
        message: MessageNumber,
        _extent: Extent,
        _context: &Context,
    ) -> Result<Self::Message, Rejection> {
        self.message(message)
    }

    fn commit(self, deletions: &Deletions, _context: &Context) -> usize {
        let removed: Vec<u64> = deletions
            .iter()
            .filter_map(|message| self.messages.get(message.index()))
            .map(|message| message.uid)
            .collect();
        if let Some(user) = self.store.shared().users.get_mut(&self.name) {
            user.messages.retain(|message| !removed.contains(&message.uid));
        }
        0
    }
}

impl MemoryMaildrop {
    fn message(&self, number: MessageNumber) -> Result<Cursor<Arc<[u8]>>, Rejection> {
        let message = self.messages.get(number.index());
        message
            .map(|message| Cursor::new(Arc::clone(&message.content)))
            .ok_or_else(|| Rejection::permanent("the message no longer exists"))
    }
}

impl Drop for MemoryMaildrop {
    fn drop(&mut self) {
        if let Some(user) = self.store.shared().users.get_mut(&self.name) {
            user.locked = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // 1939-4.04
    #[test]
    fn a_maildrop_has_one_session_and_loses_nothing_by_its_end() {
        let store = MemoryStore::new();
        for name in ["mrose", "other"] {
            store.add_user(name, "tanstaaf");
            store.deliver(name, b"Subject: x\n\nx\n");
        }
        let open = |name: &str| {
            let proof = Proof::Password(Secret::from("tanstaaf"));
            let attempt = LoginAttempt::new(name.as_bytes().to_vec(), proof);
            store.open(&attempt, &Peer::without_address(), &Context::unbounded())
        };
        let (accepted, first) = open("mrose").unwrap();
        assert_eq!(accepted.snapshot.len(), 1);
        assert_eq!(open("mrose").map(drop), Err(Rejection::in_use()));
        let (_, other) = open("other").unwrap();
        assert_eq!(open("mrose").map(drop), Err(Rejection::in_use()), "a refusal does not free it");
        drop(first);
        assert_eq!(store.messages("mrose").len(), 1);
        let (accepted, _again) = open("mrose").unwrap();
        assert_eq!(accepted.snapshot.len(), 1);
        drop(other);
    }
}
