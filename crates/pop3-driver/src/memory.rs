//! A store in memory, for examples and tests.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_proto::server::{Accepted, Credentials, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection, Secret, UniqueId, dots};

use crate::server::Peer;
use crate::store::{Maildrop, Store};

/// Maildrops in memory, with the rules of a real store: one session at a time, removal at QUIT only.
///
/// ```
/// let store = pop3_driver::memory::MemoryStore::new();
/// store.add_user("mrose", "tanstaaf");
/// store.deliver("mrose", b"Subject: hello\n\nworld\n");
/// assert_eq!(store.messages("mrose").len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    users: Arc<Mutex<HashMap<Vec<u8>, User>>>,
}

#[derive(Debug)]
struct User {
    secret: Secret<Vec<u8>>,
    messages: Vec<Message>,
    delivered: u64,
    locked: bool,
}

#[derive(Clone, Debug)]
struct Message {
    uid: u64,
    content: Arc<[u8]>,
}

/// An open maildrop of a [`MemoryStore`].
#[derive(Debug)]
pub struct MemoryMaildrop {
    store: MemoryStore,
    name: Vec<u8>,
    messages: Vec<Message>,
}

impl MemoryStore {
    /// A store without users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a user without messages, or gives one a new password.
    pub fn add_user(&self, name: &str, password: &str) {
        let secret = Secret::new(password.as_bytes().to_vec());
        self.users()
            .entry(name.as_bytes().to_vec())
            .and_modify(|user| user.secret = secret.clone())
            .or_insert_with(|| User { secret, messages: Vec::new(), delivered: 0, locked: false });
    }

    /// Delivers a message in stored form to a user; to nobody when there is no such user.
    pub fn deliver(&self, name: &str, content: &[u8]) {
        if let Some(user) = self.users().get_mut(name.as_bytes()) {
            user.delivered += 1;
            user.messages.push(Message { uid: user.delivered, content: content.into() });
        }
    }

    /// The messages of a user, in stored form.
    #[must_use]
    pub fn messages(&self, name: &str) -> Vec<Arc<[u8]>> {
        let users = self.users();
        let messages = users.get(name.as_bytes()).map(|user| user.messages.as_slice()).unwrap_or_default();
        messages.iter().map(|message| Arc::clone(&message.content)).collect()
    }

    fn users(&self) -> MutexGuard<'_, HashMap<Vec<u8>, User>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    type Maildrop = MemoryMaildrop;

    fn open(&self, credentials: &Credentials, _peer: &Peer) -> Result<(Accepted, MemoryMaildrop), Rejection> {
        let mut users = self.users();
        let Some(user) = users.get_mut(&credentials.name) else {
            // The same work as for a user who exists.
            let _ = credentials.prove(b"nobody has this password");
            return Err(Rejection::credentials());
        };
        if !credentials.prove(user.secret.expose()) {
            return Err(Rejection::credentials());
        }
        if core::mem::replace(&mut user.locked, true) {
            return Err(Rejection::in_use());
        }
        let mut snapshot = pop3_proto::Maildrop::new();
        for message in &user.messages {
            let uid = message.uid.to_string();
            if let Ok(uid) = UniqueId::parse(uid.as_bytes()) {
                snapshot.push(dots::wire_size(&message.content), uid);
            }
        }
        let messages = user.messages.clone();
        let maildrop = MemoryMaildrop { store: self.clone(), name: credentials.name.clone(), messages };
        Ok((Accepted::new(snapshot), maildrop))
    }
}

impl Maildrop for MemoryMaildrop {
    type Message = Cursor<Arc<[u8]>>;

    fn fetch(&mut self, message: MessageNumber, _extent: Extent) -> Result<Self::Message, Rejection> {
        let message = self.messages.get(message.index());
        message
            .map(|message| Cursor::new(Arc::clone(&message.content)))
            .ok_or_else(|| Rejection::permanent("the message is gone"))
    }

    fn commit(self, deletions: &Deletions) -> usize {
        let removed: Vec<u64> = deletions
            .iter()
            .filter_map(|message| self.messages.get(message.index()))
            .map(|message| message.uid)
            .collect();
        if let Some(user) = self.store.users().get_mut(&self.name) {
            user.messages.retain(|message| !removed.contains(&message.uid));
        }
        0
    }
}

impl Drop for MemoryMaildrop {
    fn drop(&mut self) {
        if let Some(user) = self.store.users().get_mut(&self.name) {
            user.locked = false;
        }
    }
}
