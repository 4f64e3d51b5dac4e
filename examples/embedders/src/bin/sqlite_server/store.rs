//! The maildrops in the SQLite file.

use core::error::Error;
use std::collections::HashSet;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_tokio::backend::{Context, LoginAttempt};
use pop3_tokio::proto::server::{Accepted, Extent};
use pop3_tokio::proto::{self, Deletions, MessageNumber, Rejection, UniqueId};
use pop3_tokio::sasl::Mechanism;
use pop3_tokio::sasl::scram::{Hash, Keys};
use pop3_tokio::server::Peer;
use pop3_tokio::store::{Maildrop, Store};

use crate::database::{Database, ITERATIONS, PART};

/// The store of all sessions.
pub(crate) struct Mail {
    database: Arc<Database>,
    decoy_key: [u8; 32],
    /// The users whose maildrops are open. They are in memory, so a server that is killed leaves no lock behind.
    open: Arc<Mutex<HashSet<i64>>>,
}

impl Mail {
    pub(crate) fn new(database: Database, decoy_key: [u8; 32]) -> Self {
        Self { database: Arc::new(database), decoy_key, open: Arc::default() }
    }
}

fn unavailable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Rejection {
    eprintln!("the database is unavailable: {}", error.into());
    Rejection::temporary("the database is unavailable")
}

impl Store for Mail {
    type Maildrop = Session;

    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::ScramSha256Plus, Mechanism::ScramSha256, Mechanism::Plain]
    }

    fn scram_keys(&self, name: &str, hash: Hash, _: &Peer, _: &Context) -> Result<Option<Keys>, Rejection> {
        let user = self.database.user(name).map_err(unavailable)?;
        Ok(user.map(|(_, keys)| keys).filter(|keys| keys.hash() == hash))
    }

    fn open(&self, attempt: &LoginAttempt, _: &Peer, _: &Context) -> Result<(Accepted, Session), Rejection> {
        let name = str::from_utf8(&attempt.name).map_err(|_| Rejection::credentials())?;
        let user = self.database.user(name).map_err(unavailable)?;
        // After SCRAM, the driver has verified the proof. Other clients have sent the password.
        if !attempt.is_proved() {
            // An unknown name takes as long as a wrong password.
            let decoy = || Keys::decoy(Hash::Sha256, &self.decoy_key, name, ITERATIONS);
            let keys = user.as_ref().map_or_else(decoy, |(_, keys)| keys.clone());
            let password = attempt.password().ok_or_else(Rejection::credentials)?;
            if !keys.verify_password(password.expose()) {
                return Err(Rejection::credentials());
            }
        }
        let (user, _) = user.ok_or_else(Rejection::credentials)?;
        let mut session = Session::new(self, user).ok_or_else(Rejection::in_use)?;
        let mut snapshot = proto::Snapshot::new();
        for (id, octets) in self.database.messages(user).map_err(unavailable)? {
            snapshot.push(octets, UniqueId::parse(id.to_string().as_bytes()).map_err(unavailable)?);
            session.messages.push(id);
        }
        Ok((snapshot.into(), session))
    }
}

/// A maildrop that is open. No other session can open it until this is dropped.
pub(crate) struct Session {
    database: Arc<Database>,
    open: Arc<Mutex<HashSet<i64>>>,
    user: i64,
    /// The ids of the snapshot.
    messages: Vec<i64>,
}

impl Session {
    fn new(mail: &Mail, user: i64) -> Option<Self> {
        let (database, open) = (Arc::clone(&mail.database), Arc::clone(&mail.open));
        locked(&mail.open).insert(user).then(|| Self { database, open, user, messages: Vec::new() })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        locked(&self.open).remove(&self.user);
    }
}

fn locked(open: &Mutex<HashSet<i64>>) -> MutexGuard<'_, HashSet<i64>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Maildrop for Session {
    type Message = Content;

    fn fetch(&mut self, number: MessageNumber, _: Extent, _: &Context) -> Result<Content, Rejection> {
        let gone = || Rejection::permanent("the message no longer exists");
        let message = *self.messages.get(number.index()).ok_or_else(gone)?;
        let part = self.database.part(message, 0).map_err(unavailable)?.ok_or_else(gone)?;
        Ok(Content { database: Arc::clone(&self.database), message, number: 0, part: Cursor::new(part) })
    }

    fn commit(self, deletions: &Deletions, _: &Context) -> usize {
        let ids = deletions.iter().filter_map(|number| self.messages.get(number.index()).copied());
        match self.database.delete(&ids.collect::<Vec<_>>()) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("no message was deleted: {error}");
                deletions.len()
            }
        }
    }
}

/// The content of a message, which is read part by part.
pub(crate) struct Content {
    database: Arc<Database>,
    message: i64,
    number: u64,
    part: Cursor<Vec<u8>>,
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A part of full length is followed by another one.
        if self.part.position() == PART {
            self.number += 1;
            let part = self.database.part(self.message, self.number).map_err(io::Error::other)?;
            self.part = Cursor::new(part.ok_or_else(|| io::Error::other("the message no longer exists"))?);
        }
        self.part.read(buffer)
    }
}
