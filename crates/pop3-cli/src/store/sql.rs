//! Databases from which and into which messages are copied.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use pop3_proto::MessageNumber;
use pop3_serve::UserName;
use pop3_sql::{SpooledMessage, SqlImportedMessage, SqlMaildrop, SqlMessage, SqlNode, SqlOpenOptions};

use super::transfer::{Item, Source, Target};
use crate::database::Database;
use crate::exit::Failure;

/// Messages that are stored at once. Each may take half a megabyte of memory.
const BATCH: usize = 50;

/// What the other nodes see of this program.
const NAME: &str = "pop3 store";

/// A database that is read.
pub(super) struct FromDatabase {
    pub(super) database: Database,
    node: Arc<SqlNode>,
}

impl FromDatabase {
    pub(super) fn join(database: Database) -> Result<Self, Failure> {
        let node = database.wait(database.store.join(NAME))?;
        Ok(Self { database, node })
    }

    /// Locks the maildrop of a user.
    pub(super) fn maildrop(&self, user: &UserName) -> Result<FromSql<'_>, Failure> {
        let database = &self.database;
        let maildrop = database.wait(self.node.open_maildrop(user, SqlOpenOptions::default()))?;
        let entries = database.wait(maildrop.entries())?;
        let item = |entry: pop3_sql::StoredEntry| {
            let flags = entry.seen.then(|| b"S".to_vec());
            Item { unique_id: entry.unique_id, received: entry.received, flags }
        };
        let items = entries.into_iter().map(item).collect();
        Ok(FromSql { database, maildrop, items })
    }

    /// Leaves the nodes of the database.
    pub(super) fn leave(self) -> Result<(), Failure> {
        Ok(self.database.wait(self.node.leave())?)
    }
}

/// A locked maildrop that is read.
pub(super) struct FromSql<'d> {
    database: &'d Database,
    maildrop: SqlMaildrop,
    items: Vec<Item>,
}

impl FromSql<'_> {
    /// Releases the lock.
    pub(super) fn release(self) -> Result<(), Failure> {
        Ok(self.database.wait(self.maildrop.release())?)
    }
}

impl Source for FromSql<'_> {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn missing(&self) -> Vec<String> {
        Vec::new()
    }

    fn open(&mut self, place: usize) -> Result<Box<dyn Read + '_>, Failure> {
        let number = MessageNumber::from_index(place)
            .ok_or_else(|| Failure::usage("a maildrop has too many messages"))?;
        let message = self.database.wait(self.maildrop.message(number))?;
        Ok(Box::new(Chunks { database: self.database, message, chunk: Bytes::new() }))
    }
}

/// A message, read chunk by chunk.
struct Chunks<'d> {
    database: &'d Database,
    message: SqlMessage,
    chunk: Bytes,
}

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            // Empty at the end.
            self.chunk = self.database.wait(self.message.chunk()).map_err(io::Error::other)?;
        }
        let len = buffer.len().min(self.chunk.len());
        let piece = self.chunk.split_to(len);
        buffer[..len].copy_from_slice(&piece);
        Ok(len)
    }
}

/// A maildrop that is written.
pub(super) struct IntoSql<'d> {
    database: &'d Database,
    user: UserName,
    waiting: Vec<SqlImportedMessage>,
    stored: usize,
}

impl<'d> IntoSql<'d> {
    pub(super) const fn new(database: &'d Database, user: UserName) -> Self {
        Self { database, user, waiting: Vec::new(), stored: 0 }
    }
}

impl Target for IntoSql<'_> {
    /// The database finds out itself.
    fn knows(&self, _: &str) -> bool {
        false
    }

    fn add(&mut self, item: &Item, content: &mut dyn Read) -> Result<(), Failure> {
        let spooled = SpooledMessage::read(content)
            .map_err(|error| Failure::usage(format!("a message of {} can't be read: {error}", self.user)))?;
        let seen = item.flags.as_ref().is_some_and(|flags| flags.contains(&b'S'));
        let message = SqlImportedMessage::new(item.unique_id.clone(), Arc::new(spooled));
        self.waiting.push(message.with_received(item.received).with_seen(seen));
        if self.waiting.len() >= BATCH {
            self.finish()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<usize, Failure> {
        let messages = core::mem::take(&mut self.waiting);
        let stored = self.database.wait(self.database.store.import(&self.user, messages))?;
        self.stored += stored.into_iter().filter(|stored| *stored).count();
        Ok(self.stored)
    }
}

/// All users who have a maildrop.
pub(super) fn users(database: &Database) -> Result<Vec<UserName>, Failure> {
    let mut users: Vec<UserName> = Vec::new();
    loop {
        let mut more = database.wait(database.store.maildrops(users.last()))?;
        if more.is_empty() {
            return Ok(users);
        }
        users.append(&mut more);
    }
}
