//! The content of a message.

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::entry::Entry;
use crate::error::{SqlError, SqlErrorKind};
use crate::sql;
use crate::statement::number;
use crate::store::SqlStore;

/// The content of a message, chunk by chunk. While one is used, the next one is read.
#[derive(Debug)]
pub struct SqlMessage {
    store: SqlStore,
    entry: Entry,
    first: Option<Bytes>,
    /// The number of the chunk that is returned next.
    next: u64,
    /// The octets that were returned.
    returned: u64,
    ahead: Option<JoinHandle<Result<Bytes, SqlError>>>,
    /// Whether all of it is likely to be read.
    eager: bool,
}

impl SqlMessage {
    pub(crate) const fn new(store: SqlStore, entry: Entry, first: Bytes) -> Self {
        Self { store, entry, first: Some(first), next: 0, returned: 0, ahead: None, eager: true }
    }

    /// Returns the number of octets in stored form.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.entry.octets()
    }

    /// Does not read the second chunk before it is asked for, because most likely it will not be (TOP).
    #[must_use]
    pub const fn for_top(mut self) -> Self {
        self.eager = false;
        self
    }

    /// Returns the next octets if they are in memory.
    ///
    /// # Errors
    /// Returns an error if the message is damaged.
    pub fn try_chunk(&mut self) -> Result<Option<Bytes>, SqlError> {
        match self.first.take() {
            Some(first) => self.returned(first).map(Some),
            None => Ok(None),
        }
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.first.is_none() && self.next >= self.entry.chunks()
    }

    /// Returns the next octets, or none at the end.
    ///
    /// If the future is dropped, the next call continues.
    ///
    /// # Errors
    /// Returns the errors of the database, and `NoMessage` if the message was removed meanwhile.
    pub async fn chunk(&mut self) -> Result<Bytes, SqlError> {
        if let Some(first) = self.try_chunk()? {
            return Ok(first);
        }
        if self.next >= self.entry.chunks() {
            return Ok(Bytes::new());
        }
        self.read_ahead();
        let Some(ahead) = &mut self.ahead else { return Ok(Bytes::new()) };
        let read = ahead.await;
        self.ahead = None;
        let octets = read.map_err(|error| SqlError::unreachable(error.to_string()))??;
        self.returned(octets)
    }

    /// Counts a chunk, and begins to read the next one.
    fn returned(&mut self, octets: Bytes) -> Result<Bytes, SqlError> {
        self.next += 1;
        self.returned += octets.len() as u64;
        let (whole, last) = (self.entry.octets(), self.next >= self.entry.chunks());
        if self.returned > whole || (last && self.returned != whole) || (octets.is_empty() && whole > 0) {
            return Err(SqlError::invalid(
                "a message has another length than noted; pop3 store check finds all of this kind",
            ));
        }
        if self.eager || self.next > 1 {
            self.read_ahead();
        }
        Ok(octets)
    }

    fn read_ahead(&mut self) {
        if self.ahead.is_some() || self.next >= self.entry.chunks() {
            return;
        }
        let (store, call) =
            (self.store.clone(), sql::CHUNK.with([self.entry.id.into(), number(self.next).into()]));
        self.ahead = Some(self.store.handle().spawn(async move {
            let row = store.engine().read_one(call).await?.first();
            let gone = || SqlError::new(SqlErrorKind::NoMessage, "the message was removed while it was read");
            row.ok_or_else(gone)?.octets(0)
        }));
    }
}

impl Drop for SqlMessage {
    fn drop(&mut self) {
        if let Some(ahead) = &self.ahead {
            ahead.abort();
        }
    }
}
