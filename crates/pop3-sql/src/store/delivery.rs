//! Getting messages in.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use pop3_serve::UserName;

use super::SqlStore;
use crate::engine::{Backoff, Transaction};
use crate::error::{SqlError, SqlErrorKind, no_maildrop};
use crate::random;
use crate::spool::SpooledMessage;
use crate::sql;
use crate::statement::{Call, Row, Value, number};

/// What [`SqlStore::deliver`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryReceipt {
    /// The unique-id of the message. That of the first delivery if this is a retry.
    pub unique_id: String,
    /// Whether the message was stored. `false`: a message with this key was stored in the last week.
    pub stored: bool,
}

/// Options of a delivery.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DeliveryOptions<'a> {
    /// Recognises a retry of the same delivery to the same user for a week: 1 to 128 octets. Default: none.
    pub key: Option<&'a [u8]>,
}

impl<'a> DeliveryOptions<'a> {
    /// Creates options without a key.
    #[must_use]
    pub const fn new() -> Self {
        Self { key: None }
    }

    /// Sets [`key`](Self::key).
    #[must_use]
    pub const fn with_key(self, key: &'a [u8]) -> Self {
        Self { key: Some(key) }
    }
}

/// One delivery.
struct Delivery {
    store: SqlStore,
    user: UserName,
    message: Arc<SpooledMessage>,
    /// The given key, or one of its own.
    key: Bytes,
    /// New and random: never from a sequence, which goes back when a backup is restored.
    unique_id: String,
}

/// How often a delivery is tried if the connection breaks.
const TRIES: u32 = 5;

/// The chunks that are sent at once.
const BATCH: u64 = 2;

impl SqlStore {
    /// Delivers a message. It is durable when this returns. Does not need a lock: a session that is open does not see
    /// the message.
    ///
    /// # Errors
    /// `NoMaildrop`, `OverQuota`, `Invalid` for a key of another length, and the errors of the database. If the
    /// connection breaks, the delivery is repeated, but stored only once; after `UnknownOutcome`, this was not possible
    /// in time, and the message may have been stored.
    pub async fn deliver(
        &self,
        user: &UserName,
        message: &Arc<SpooledMessage>,
        options: DeliveryOptions<'_>,
    ) -> Result<DeliveryReceipt, SqlError> {
        let unique_id = random_id()?;
        let key = match options.key {
            Some(key) if key.is_empty() || key.len() > 128 => {
                return Err(SqlError::invalid("the key of a delivery must have 1 to 128 octets"));
            }
            Some(key) => Bytes::copy_from_slice(key),
            // The first octet is one that no text begins with.
            None => [&[0xff][..], unique_id.as_bytes()].concat().into(),
        };
        let (user, message) = (user.clone(), Arc::clone(message));
        let delivery = Delivery { store: self.clone(), user, message, key, unique_id };
        self.run(async move { delivery.run().await }).await
    }
}

impl Delivery {
    async fn run(&self) -> Result<DeliveryReceipt, SqlError> {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let (mut tries, mut unknown) = (1, false);
        loop {
            let error = match self.attempt().await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            unknown |= error.kind() == SqlErrorKind::UnknownOutcome;
            let lost = matches!(error.kind(), SqlErrorKind::UnknownOutcome | SqlErrorKind::Unreachable);
            if !lost || tries == TRIES {
                let certain = !unknown || error.kind() == SqlErrorKind::OverQuota;
                return Err(if certain { error } else { error.of_kind(SqlErrorKind::UnknownOutcome) });
            }
            tracing::warn!(user = self.user.as_str(), %error, "a delivery is repeated");
            tries += 1;
            tokio::time::sleep(backoff.next()).await;
        }
    }

    async fn attempt(&self) -> Result<DeliveryReceipt, SqlError> {
        let engine = self.store.engine();
        let target = sql::TARGET.with([self.user.as_str().into(), self.key.clone().into()]);
        let target = engine.read_one(target).await?.first();
        let mut target = target.ok_or_else(|| no_maildrop(&self.user))?;
        let maildrop = target.number(0)?;
        if !target.is_null(3) {
            return Ok(self.receipt(target.text(3)?));
        }
        let quota = (target.maybe(1)?, target.maybe(2)?);
        let mut calls = self.first_calls(maildrop)?;
        let chunks = self.message.chunks();
        if quota == (None, None) && chunks <= BATCH {
            calls.append(&mut self.chunks(maildrop, 0..chunks).await?);
            let answers = engine.write(calls).await?;
            return self.delivered(answers.into_iter().nth(1).and_then(crate::statement::Answer::first));
        }
        let mut transaction = engine.begin().await?;
        let answers = transaction.run(calls).await?;
        let receipt = self.delivered(answers.into_iter().nth(1).and_then(crate::statement::Answer::first))?;
        if !receipt.stored {
            transaction.roll_back().await;
            return Ok(receipt);
        }
        for start in (0..chunks).step_by(BATCH as usize) {
            let end = start.saturating_add(BATCH).min(chunks);
            transaction.run(self.chunks(maildrop, start..end).await?).await?;
        }
        if quota != (None, None)
            && let Err(error) = self.check_quota(&mut transaction, maildrop).await
        {
            transaction.roll_back().await;
            return Err(error);
        }
        transaction.commit().await?;
        Ok(receipt)
    }

    /// Notes the key, tells of which delivery it is, and begins the message if it is of this one.
    fn first_calls(&self, maildrop: i64) -> Result<Vec<Call>, SqlError> {
        let attempt = Value::from(random::number()?);
        let (unique_id, key) = (&*self.unique_id, || Value::from(self.key.clone()));
        let [octets, size, ascii_size, eight_bit] = facts(&self.message);
        Ok(vec![
            sql::KEY.with([maildrop.into(), key(), unique_id.into(), attempt.clone()]),
            sql::KEY_OF.with([maildrop.into(), key()]),
            sql::MESSAGE.with([
                maildrop.into(),
                unique_id.into(),
                octets,
                size,
                ascii_size,
                eight_bit,
                key(),
                attempt,
            ]),
        ])
    }

    async fn chunks(&self, maildrop: i64, range: core::ops::Range<u64>) -> Result<Vec<Call>, SqlError> {
        put_chunks(&self.message, maildrop, &self.unique_id, range).await
    }

    /// What was found under the key.
    fn delivered(&self, found: Option<Row>) -> Result<DeliveryReceipt, SqlError> {
        let mut found = found.ok_or_else(|| SqlError::invalid("the key of a delivery was not noted"))?;
        Ok(self.receipt(found.text(0)?))
    }

    fn receipt(&self, unique_id: String) -> DeliveryReceipt {
        DeliveryReceipt { stored: unique_id == self.unique_id, unique_id }
    }

    /// Other deliveries wait from here to the end of the transaction.
    async fn check_quota(&self, transaction: &mut Transaction, maildrop: i64) -> Result<(), SqlError> {
        let calls = vec![sql::HOLD_QUOTA.with([maildrop.into()]), sql::USAGE.with([maildrop.into()])];
        let mut answers = transaction.run(calls).await?.into_iter();
        let mut next = || answers.next().and_then(crate::statement::Answer::first).unwrap_or_default();
        let (quota, usage) = (next(), next());
        let over = |column, what: &str| -> Result<(), SqlError> {
            let (used, most): (i64, Option<i64>) = (usage.number(column)?, quota.maybe(column)?);
            match most {
                Some(most) if used > most => {
                    let text = format!("the maildrop of {} is full: it may have {most} {what}", self.user);
                    Err(SqlError::new(SqlErrorKind::OverQuota, text))
                }
                _ => Ok(()),
            }
        };
        over(0, "messages")?;
        over(1, "octets")
    }
}

/// The columns of a message that are known from its content.
pub(super) fn facts(message: &SpooledMessage) -> [Value; 4] {
    [
        number(message.octets()).into(),
        number(message.size()).into(),
        message.ascii_size().map(number).into(),
        i64::from(message.needs_utf8()).into(),
    ]
}

/// Stores chunks of a message. They are read where that may block.
pub(super) async fn put_chunks(
    message: &Arc<SpooledMessage>,
    maildrop: i64,
    unique_id: &str,
    range: core::ops::Range<u64>,
) -> Result<Vec<Call>, SqlError> {
    let (message, unique_id) = (Arc::clone(message), unique_id.to_owned());
    let read = move || {
        range
            .map(|seq| {
                let octets = message.chunk(seq)?;
                let seq = number(seq);
                Ok(sql::PUT_CHUNK.with([maildrop.into(), (&*unique_id).into(), seq.into(), octets.into()]))
            })
            .collect::<std::io::Result<Vec<_>>>()
    };
    let unreadable = |error: &dyn core::fmt::Display| {
        SqlError::new(SqlErrorKind::Database, format!("a temporary file can't be read: {error}"))
    };
    let calls = tokio::task::spawn_blocking(read).await.map_err(|error| unreadable(&error))?;
    calls.map_err(|error| unreadable(&error))
}

/// 128 random bits in hexadecimal digits.
fn random_id() -> Result<String, SqlError> {
    Ok(random::octets::<16>()?.iter().map(|octet| format!("{octet:02x}")).collect())
}
