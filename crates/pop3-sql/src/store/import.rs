//! Messages from elsewhere, with the unique-ids that clients know.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_proto::UniqueId;
use pop3_serve::UserName;

use super::SqlStore;
use super::delivery::{facts, put_chunks};
use crate::error::SqlError;
use crate::spool::{CHUNK, SpooledMessage};
use crate::sql;
use crate::statement::{Call, Value, number};

/// A message to import.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqlImportedMessage {
    /// The unique-id.
    pub unique_id: String,
    /// When it was delivered. Default: now.
    pub received: Option<SystemTime>,
    /// Whether it was read. With expiry, its days begin now. Default: no.
    pub seen: bool,
    /// The content.
    pub content: Arc<SpooledMessage>,
}

impl SqlImportedMessage {
    /// Creates a message that was delivered now and not read.
    #[must_use]
    pub fn new(unique_id: impl Into<String>, content: Arc<SpooledMessage>) -> Self {
        Self { unique_id: unique_id.into(), received: None, seen: false, content }
    }

    /// Sets [`received`](Self::received).
    #[must_use]
    pub fn with_received(self, received: SystemTime) -> Self {
        Self { received: Some(received), ..self }
    }

    /// Sets [`seen`](Self::seen).
    #[must_use]
    pub fn with_seen(self, seen: bool) -> Self {
        Self { seen, ..self }
    }
}

impl SqlStore {
    /// Imports messages into a maildrop, all or none, in this order. Those whose unique-id is there already, or was
    /// imported before and has been deleted, are left out. Returns for each whether it was stored. They are durable
    /// when this returns. A quota does not matter.
    ///
    /// # Errors
    /// `NoMaildrop`, `Invalid` for a unique-id that breaks the rule of RFC 1939 section 7, and the errors of the
    /// database. After `UnknownOutcome`, import them again.
    pub async fn import(
        &self,
        user: &UserName,
        messages: Vec<SqlImportedMessage>,
    ) -> Result<Vec<bool>, SqlError> {
        for message in &messages {
            UniqueId::parse(message.unique_id.as_bytes()).map_err(|error| {
                SqlError::invalid(format!("the unique-id {:?} can't be used: {error}", message.unique_id))
            })?;
        }
        let (store, user) = (self.clone(), user.clone());
        self.run(async move { store.import_all(&user, &messages).await }).await
    }

    async fn import_all(
        &self,
        user: &UserName,
        messages: &[SqlImportedMessage],
    ) -> Result<Vec<bool>, SqlError> {
        let maildrop = self.maildrop(user).await?;
        let mut transaction = self.engine().begin().await?;
        let mut stored = Vec::with_capacity(messages.len());
        for batch in messages.chunks(100) {
            let noted = batch
                .iter()
                .map(|message| sql::IMPORTED.with([maildrop.into(), (&*message.unique_id).into()]));
            let noted = transaction.run(noted.collect()).await?;
            let new: Vec<_> = batch.iter().zip(noted).filter(|(_, one)| one.changed > 0).collect();
            let calls = new.iter().map(|(message, _)| row_of(maildrop, message)).collect::<Vec<_>>();
            let there = if calls.is_empty() { Vec::new() } else { transaction.run(calls).await? };
            let new: Vec<_> = new.into_iter().zip(there).filter(|(_, one)| one.changed > 0).collect();
            let new: Vec<_> = new.into_iter().map(|((message, _), _)| message).collect();
            stored.extend(batch.iter().map(|message| new.iter().any(|&one| core::ptr::eq(one, message))));
            let (mut calls, mut octets) = (Vec::new(), 0);
            for message in new {
                for seq in 0..message.content.chunks() {
                    let chunk = put_chunks(&message.content, maildrop, &message.unique_id, seq..seq + 1);
                    calls.append(&mut chunk.await?);
                    octets += CHUNK.min(usize::try_from(message.content.octets()).unwrap_or(CHUNK));
                    if octets >= 2 * CHUNK {
                        transaction.run(core::mem::take(&mut calls)).await?;
                        octets = 0;
                    }
                }
            }
            if !calls.is_empty() {
                transaction.run(calls).await?;
            }
        }
        transaction.commit().await?;
        Ok(stored)
    }
}

/// The row of a message.
fn row_of(maildrop: i64, message: &SqlImportedMessage) -> Call {
    let [octets, size, ascii_size, eight_bit] = facts(&message.content);
    sql::IMPORT.with([
        maildrop.into(),
        Value::from(&*message.unique_id),
        octets,
        size,
        ascii_size,
        eight_bit,
        message.received.map(milliseconds).into(),
        i64::from(message.seen).into(),
    ])
}

/// Since 1970.
fn milliseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    number(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
