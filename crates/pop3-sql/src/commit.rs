//! The commit at QUIT, and the release of the lock.

use core::time::Duration;
use std::time::Instant;

use crate::engine::Backoff;
use crate::error::{SqlError, SqlErrorKind};
use crate::lock::Lock;
use crate::sql;
use crate::statement::{Answer, Call};

/// What a commit has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlCommit {
    /// How many messages were removed as marked. Fewer than marked if some did not exist any more.
    pub removed: u64,
    /// How many others had expired and were removed. 0 if the outcome was looked up.
    pub expired: u64,
    /// Whether the connection broke, and the outcome had to be looked up.
    pub looked_up: bool,
}

/// What is to be committed.
pub(crate) struct Commit {
    pub(crate) lock: Lock,
    /// The messages that the client has marked.
    pub(crate) removed: Vec<i64>,
    /// Others that it has read, if messages expire.
    pub(crate) retrieved: Vec<i64>,
    pub(crate) expire: Option<u32>,
}

/// How long the outcome of a commit is looked up if there is no deadline.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long a commit is repeated that certainly has not happened, such as while the database starts again.
const TRYING: Duration = Duration::from_secs(30);

/// One day in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

impl Commit {
    /// Commits. The lock is released with it, or else in the background.
    pub(crate) async fn run(mut self, deadline: Option<Instant>) -> Result<SqlCommit, SqlError> {
        if self.expire == Some(0) {
            // What was read is removed at once, though the client did not say so.
            let (marked, read) = (self.removed.len() as u64, self.retrieved.len() as u64);
            self.removed.append(&mut self.retrieved);
            let mut done = self.commit(deadline).await?;
            if !done.looked_up {
                done.expired = done.removed.saturating_sub(marked).min(read);
                done.removed -= done.expired;
            }
            return Ok(done);
        }
        if !self.removed.is_empty() {
            return self.commit(deadline).await;
        }
        // The client has asked for nothing, so nothing can go wrong for it.
        if self.expire.is_none() {
            self.lock.release().await.ok();
            return Ok(SqlCommit::default());
        }
        match self.lock.shared.store.engine().write(self.calls(false)).await {
            Ok(answers) => Ok(self.judge(answers, false).unwrap_or_default()),
            Err(error) => {
                tracing::warn!(%error, "what has expired was not removed; the next session does it");
                Ok(SqlCommit::default())
            }
        }
    }

    async fn commit(self, deadline: Option<Instant>) -> Result<SqlCommit, SqlError> {
        let begun = Instant::now();
        let deadline = deadline.unwrap_or(begun + PATIENCE);
        let mut backoff = Backoff::new(Duration::from_secs(2));
        let mut unknown = false;
        loop {
            let error = match self.lock.shared.store.engine().write(self.calls(unknown)).await {
                Ok(answers) => return self.judge(answers, unknown),
                Err(error) => error,
            };
            unknown |= error.kind() == SqlErrorKind::UnknownOutcome;
            let now = Instant::now();
            let wait = backoff.next();
            let until = if unknown { deadline } else { deadline.min(begun + TRYING) };
            if now + wait >= until || !error.is_temporary() {
                let kind = if unknown { SqlErrorKind::UnknownOutcome } else { error.kind() };
                tracing::error!(%error, unknown, "a commit has failed");
                return Err(error.of_kind(kind));
            }
            tracing::warn!(%error, "a commit is repeated");
            tokio::time::sleep(wait).await;
        }
    }

    /// With `looks_up`, also asks what came of an earlier attempt.
    fn calls(&self, looks_up: bool) -> Vec<Call> {
        let Lock { id, token, shared, .. } = &self.lock;
        let (id, token, node) = (*id, *token, shared.incarnation);
        let key = || [id.into(), token.into(), node.into()];
        // A transaction that was cut off, but may still end, has the row: this waits for it.
        let mut calls = vec![sql::HOLD.with(key())];
        calls.extend(looks_up.then(|| sql::OUTCOME.with(key())));
        let with = |ids: &Vec<i64>| [id.into(), token.into(), node.into(), ids.clone().into()];
        if !self.removed.is_empty() {
            calls.push(sql::NOTE.with(with(&self.removed)));
            calls.push(sql::REMOVE.with(with(&self.removed)));
        }
        if let Some(days) = self.expire.filter(|&days| days > 0) {
            let age = DAY.saturating_mul(days.into());
            let [a, b, c] = key();
            calls.push(sql::EXPIRE.with([a, b, c, age.into()]));
            calls.push(sql::SEEN.with(with(&self.retrieved)));
        }
        calls.push(sql::FREE.with(key()));
        calls
    }

    /// What the answers say.
    fn judge(mut self, answers: Vec<Answer>, looked_up: bool) -> Result<SqlCommit, SqlError> {
        let mut answers = answers.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let held = next();
        let outcome = if looked_up { next() } else { Answer::default() };
        let mut removed = 0;
        if !self.removed.is_empty() {
            next();
            removed = next().changed;
        }
        let expired = if self.expire.is_some_and(|days| days > 0) { next().changed } else { 0 };
        if held.rows.is_empty() {
            // The lock may be this node's under a token of a statement whose answer was lost.
            self.lock.suspect();
            let counted = self.lock.shared.store.engine().counted();
            let Some(row) = outcome.first() else {
                counted.lost_lock();
                return Err(SqlError::new(
                    SqlErrorKind::LockLost,
                    "the maildrop was taken over while this node was not heard of; nothing was removed",
                ));
            };
            counted.looked_up();
            return Ok(SqlCommit { removed: row.count(0)?, expired: 0, looked_up: true });
        }
        if looked_up {
            self.lock.shared.store.engine().counted().looked_up();
        }
        self.lock.hold = None;
        Ok(SqlCommit { removed, expired, looked_up })
    }
}
