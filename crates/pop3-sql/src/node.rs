//! A node: a process that opens maildrops.

use core::time::Duration;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use pop3_proto::{Deletions, MessageNumber, Octets, Snapshot};
use pop3_serve::UserName;

use crate::error::SqlError;

const LATER: &str = "not implemented yet";

/// A process that opens maildrops. It holds a lock in the database by which the others see that it lives, and renews
/// its heartbeat every 5 seconds. Implements [`Maildrops`](pop3_serve) and [`Users`](pop3_serve::Users).
#[derive(Debug)]
pub struct SqlNode {}

/// How to open a maildrop.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SqlOpenOptions {
    /// The minimum time between two logins, by the database's clock. Default: none.
    pub login_delay: Duration,
    /// Whether the snapshot has the sizes with headers in ASCII. Default: no.
    pub ascii_headers: bool,
    /// The days after which a message that was read is removed at the commit. Default: never.
    pub expire: Option<u32>,
}

/// A maildrop that is open and locked. Dropping it releases the lock in the background, and removes nothing.
#[derive(Debug)]
pub struct SqlMaildrop {}

/// A message in a maildrop, for an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEntry {
    /// The unique-id.
    pub unique_id: String,
    /// When it was delivered.
    pub received: SystemTime,
    /// Whether it was read, as far as that was recorded.
    pub seen: bool,
    /// The number of octets in stored form.
    pub octets: u64,
    /// The size on the wire.
    pub size: Octets,
}

/// What a commit has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlCommit {
    /// How many messages were removed as marked. Fewer than marked if some did not exist any more.
    pub removed: u64,
    /// How many others had expired and were removed.
    pub expired: u64,
    /// Whether the connection broke, and the outcome had to be looked up.
    pub looked_up: bool,
}

/// The content of a message, chunk by chunk. While one is used, the next one is read.
#[derive(Debug)]
pub struct SqlMessage {}

impl SqlNode {
    /// Locks a maildrop and takes its snapshot, in one round trip.
    ///
    /// # Errors
    /// `NoMaildrop`, `Locked`, `TooSoon`, and the errors of the database.
    pub async fn open_maildrop(
        self: &Arc<Self>,
        user: &UserName,
        options: SqlOpenOptions,
    ) -> Result<SqlMaildrop, SqlError> {
        let _ = (user, options);
        Err(SqlError::unusable(LATER))
    }

    /// Returns whether the database answers, as the last heartbeat has found out.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        false
    }

    /// Ends the node: releases its locks and leaves the list of nodes. Call it when all sessions have ended.
    ///
    /// # Errors
    /// Returns an error if the database can't be reached. The others then notice by the heartbeat.
    pub async fn leave(&self) -> Result<(), SqlError> {
        Err(SqlError::unusable(LATER))
    }
}

impl SqlMaildrop {
    /// Takes the snapshot, to pass it to the session without a copy.
    #[must_use]
    pub fn take_snapshot(&mut self) -> Snapshot {
        Snapshot::new()
    }

    /// Returns the messages in the order of the snapshot, with what an export needs.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn entries(&self) -> Result<Vec<StoredEntry>, SqlError> {
        Err(SqlError::unusable(LATER))
    }

    /// Tells which messages are likely to be opened next. [`message`](Self::message) then reads as many of them as are
    /// short in the same query.
    pub fn expect(&mut self, messages: &[MessageNumber]) {
        let _ = messages;
    }

    /// Opens a message that was read along with another one.
    pub fn try_message(&mut self, number: MessageNumber) -> Option<SqlMessage> {
        let _ = number;
        None
    }

    /// Opens a message, and reads its first chunk, in one round trip.
    ///
    /// # Errors
    /// `NoMessage`, and the errors of the database.
    pub async fn message(&mut self, number: MessageNumber) -> Result<SqlMessage, SqlError> {
        let _ = number;
        Err(SqlError::unusable(LATER))
    }

    /// Removes the messages that are marked as deleted, and releases the lock, in one round trip, both or neither. If
    /// the connection breaks, the outcome is looked up until the deadline.
    ///
    /// # Errors
    /// `LockLost`, `UnknownOutcome`, and the errors of the database. Nothing was removed, unless the outcome is
    /// unknown.
    pub async fn commit(
        self,
        deletions: &Deletions,
        deadline: Option<Instant>,
    ) -> Result<SqlCommit, SqlError> {
        let _ = (deletions, deadline);
        Err(SqlError::unusable(LATER))
    }

    /// Releases the lock, and waits until that is done.
    ///
    /// # Errors
    /// Returns the errors of the database. The release is then repeated in the background.
    pub async fn release(self) -> Result<(), SqlError> {
        Err(SqlError::unusable(LATER))
    }
}

impl SqlMessage {
    /// Returns the next octets, or `None` at the end.
    ///
    /// # Errors
    /// Returns the errors of the database, and `NoMessage` if the message was removed meanwhile.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, SqlError> {
        Err(SqlError::unusable(LATER))
    }
}
