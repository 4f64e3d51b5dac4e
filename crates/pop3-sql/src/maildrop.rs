//! A maildrop that is open.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use pop3_proto::{Deletions, MessageNumber, Octets, Snapshot, UniqueId};

use crate::commit::{Commit, SqlCommit};
use crate::entry::Entry;
use crate::error::{SqlError, SqlErrorKind};
use crate::held::Hold;
use crate::lock::Lock;
use crate::message::SqlMessage;
use crate::open_options::SqlOpenOptions;
use crate::shared::Shared;
use crate::sql;
use crate::statement::Answer;

/// A maildrop that is open and locked. Dropping it releases the lock in the background, and removes nothing.
pub struct SqlMaildrop {
    lock: Lock,
    snapshot: Snapshot,
    entries: Box<[Entry]>,
    expire: Option<u32>,
    /// What the client has asked for already.
    expected: Vec<MessageNumber>,
    /// What was read along with another message.
    ahead: HashMap<MessageNumber, Bytes>,
}

/// A message in a maildrop, for an export.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredEntry {
    /// Its place in the snapshot.
    pub number: MessageNumber,
    /// The unique-id.
    pub unique_id: String,
    /// When it was delivered.
    pub received: SystemTime,
    /// Whether it was read, as far as that was recorded: only where messages expire, or if it was so at the import.
    pub seen: bool,
    /// The number of octets in stored form.
    pub octets: u64,
    /// The size on the wire.
    pub size: Octets,
}

/// The most octets that are read along with a message.
const AHEAD: u64 = 1 << 20;

/// Longer messages are read when it is their turn.
const SHORT: u64 = 64 * 1024;

impl SqlMaildrop {
    pub(crate) fn new(
        shared: Arc<Shared>,
        hold: Hold,
        (id, token): (i64, i64),
        messages: Answer,
        options: SqlOpenOptions,
    ) -> Result<Self, SqlError> {
        let lock = Lock { shared, id, token, hold: Some(hold) };
        let (mut snapshot, mut entries) = (Snapshot::new(), Vec::with_capacity(messages.rows.len()));
        for mut row in messages.rows {
            let unique_id = row.text(1)?;
            let Ok(uid) = UniqueId::parse(unique_id.as_bytes()) else {
                tracing::warn!(message = row.number(0)?, "left out a message: its unique-id can't be sent");
                continue;
            };
            let ascii = if options.ascii_headers && !row.is_null(3) { row.count(3)? } else { row.count(2)? };
            if snapshot.push(ascii, uid).is_none() {
                break;
            }
            entries.push(Entry::new(row.number(0)?, row.count(5)?, row.number(4)? != 0));
        }
        Ok(Self {
            lock,
            snapshot,
            entries: entries.into(),
            expire: options.expire.filter(|_| !options.read_only),
            expected: Vec::new(),
            ahead: HashMap::new(),
        })
    }

    /// Takes the snapshot, to pass it to the session without a copy.
    #[must_use]
    pub fn take_snapshot(&mut self) -> Snapshot {
        core::mem::take(&mut self.snapshot)
    }

    /// Returns the messages in the order of the snapshot, with what an export needs.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn entries(&self) -> Result<Vec<StoredEntry>, SqlError> {
        let (store, id) = (self.lock.shared.store.clone(), self.lock.id);
        let read = async move { store.engine().read_one(sql::ENTRIES.with([id.into()])).await };
        let answer = self.lock.shared.store.run(read).await?;
        let numbers: HashMap<i64, usize> =
            self.entries.iter().enumerate().map(|(index, entry)| (entry.id, index)).collect();
        let mut entries = Vec::with_capacity(answer.rows.len());
        for mut row in answer.rows {
            // What was delivered since is not in the snapshot.
            let number = numbers.get(&row.number(0)?).and_then(|&index| MessageNumber::from_index(index));
            let Some(number) = number else { continue };
            entries.push(StoredEntry {
                number,
                unique_id: row.text(1)?,
                received: SystemTime::UNIX_EPOCH + Duration::from_millis(row.count(2)?),
                seen: !row.is_null(3),
                octets: row.count(4)?,
                size: row.count(5)?,
            });
        }
        Ok(entries)
    }

    /// Tells which messages are likely to be opened after the next one. [`message`](Self::message) then reads as many
    /// of them as are short in the same query. An empty list drops what was read in advance.
    pub fn expect(&mut self, messages: &[MessageNumber]) {
        self.expected = messages.to_vec();
        self.ahead.retain(|number, _| messages.contains(number));
    }

    /// Opens a message that was read along with another one, or that has no octets.
    pub fn try_message(&mut self, number: MessageNumber) -> Option<SqlMessage> {
        let entry = self.entry(number)?;
        let octets = self.ahead.remove(&number)?;
        Some(SqlMessage::new(self.lock.shared.store.clone(), entry, octets))
    }

    /// Opens a message, and reads its first chunk, in one round trip.
    ///
    /// # Errors
    /// `NoMessage`, and the errors of the database.
    pub async fn message(&mut self, number: MessageNumber) -> Result<SqlMessage, SqlError> {
        if let Some(message) = self.try_message(number) {
            return Ok(message);
        }
        let entry = self.entry(number).ok_or_else(no_message)?;
        let store = self.lock.shared.store.clone();
        let others = self.others(number, entry);
        let mut ids = vec![entry.id];
        ids.extend(others.iter().map(|(_, entry)| entry.id));
        let read = {
            let store = store.clone();
            async move { store.engine().read_one(sql::FIRST_CHUNKS.with([ids.into()])).await }
        };
        let answer = store.run(read).await?;
        let mut first = (entry.octets() == 0).then(Bytes::new);
        for mut row in answer.rows {
            let (id, octets) = (row.number(0)?, row.octets(1)?);
            if id == entry.id {
                first = Some(octets);
            } else if let Some((number, _)) = others.iter().find(|(_, other)| other.id == id) {
                self.ahead.insert(*number, octets);
            }
        }
        Ok(SqlMessage::new(store, entry, first.ok_or_else(no_message)?))
    }

    /// Returns whether the header of a message has an octet outside ASCII.
    #[must_use]
    pub fn needs_utf8(&self, number: MessageNumber) -> bool {
        self.entries.get(number.index()).is_some_and(|entry| entry.needs_utf8())
    }

    fn entry(&self, number: MessageNumber) -> Option<Entry> {
        self.entries.get(number.index()).copied()
    }

    /// What is read along with this message.
    fn others(&self, number: MessageNumber, entry: Entry) -> Vec<(MessageNumber, Entry)> {
        let mut room = AHEAD.saturating_sub(entry.octets());
        let mut others = Vec::new();
        for &other in &self.expected {
            let Some(entry) = self.entry(other) else { continue };
            if other == number || self.ahead.contains_key(&other) {
                continue;
            }
            let octets = entry.octets();
            if octets == 0 || octets > SHORT || octets > room {
                break;
            }
            room -= octets;
            others.push((other, entry));
        }
        others
    }

    /// Removes the messages that are marked as deleted, and releases the lock, in one round trip, both or neither. If
    /// the connection breaks, the outcome is looked up until the deadline; without one, for 5 minutes.
    ///
    /// If the future is dropped, the commit is finished all the same.
    ///
    /// # Errors
    /// `LockLost`, `UnknownOutcome`, and the errors of the database. Nothing was removed, unless the outcome is
    /// unknown.
    pub async fn commit(
        self,
        deletions: &Deletions,
        deadline: Option<Instant>,
    ) -> Result<SqlCommit, SqlError> {
        self.remove(deletions.iter(), deletions.retrieved(), deadline).await
    }

    /// Does the same as [`commit`](Self::commit), but takes message numbers: the messages to remove, and those that
    /// were sent completely.
    ///
    /// # Errors
    /// Returns the same errors as [`commit`](Self::commit).
    pub async fn remove(
        self,
        deleted: impl IntoIterator<Item = MessageNumber>,
        retrieved: impl IntoIterator<Item = MessageNumber>,
        deadline: Option<Instant>,
    ) -> Result<SqlCommit, SqlError> {
        let id = |number: MessageNumber| Some(self.entry(number)?.id);
        let removed: BTreeSet<i64> = deleted.into_iter().filter_map(id).collect();
        let retrieved = match self.expire {
            None => Vec::new(),
            Some(_) => retrieved.into_iter().filter_map(id).filter(|id| !removed.contains(id)).collect(),
        };
        let removed = removed.into_iter().collect();
        let store = self.lock.shared.store.clone();
        let commit = Commit { lock: self.lock, removed, retrieved, expire: self.expire };
        store.run(commit.run(deadline)).await
    }

    /// Releases the lock, and waits until that is done.
    ///
    /// # Errors
    /// Returns the errors of the database. The release is then repeated in the background.
    pub async fn release(self) -> Result<(), SqlError> {
        let store = self.lock.shared.store.clone();
        let lock = self.lock;
        store.run(async move { lock.release().await }).await
    }
}

fn no_message() -> SqlError {
    SqlError::new(SqlErrorKind::NoMessage, "the message no longer exists")
}

impl fmt::Debug for SqlMaildrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SqlMaildrop");
        debug.field("messages", &self.entries.len()).field("token", &self.lock.token).finish_non_exhaustive()
    }
}
