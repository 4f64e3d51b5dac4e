//! The two databases behind one interface: statements that travel together, and transactions.

mod backoff;
mod connect;
mod postgres;
mod sqlite;

pub(crate) use backoff::Backoff;
pub(crate) use connect::Connector;
pub(crate) use postgres::Single;

use std::sync::Arc;

use crate::config::SqlConfig;
use crate::error::SqlError;
use crate::statement::{Answer, Call, Dialect};
use crate::stats::{Counted, SqlStats, Trip};
use crate::url::{Place, SqlUrl};

/// A database.
#[derive(Debug)]
pub(crate) struct Engine {
    kind: Kind,
    counted: Arc<Counted>,
}

#[derive(Debug)]
enum Kind {
    Postgres(postgres::Postgres),
    Sqlite(sqlite::Sqlite),
}

/// A transaction of several round trips. Dropping it takes everything back.
#[derive(Debug)]
pub(crate) struct Transaction {
    kind: Transacting,
    counted: Arc<Counted>,
}

#[derive(Debug)]
enum Transacting {
    Postgres(postgres::Transaction),
    Sqlite(sqlite::Transaction),
}

impl Engine {
    pub(crate) fn new(url: &SqlUrl, config: &SqlConfig) -> Result<Self, SqlError> {
        let counted = Arc::new(Counted::default());
        let kind = match &url.0 {
            Place::Postgres(address) => {
                Kind::Postgres(postgres::Postgres::new(address, config, Arc::clone(&counted))?)
            }
            Place::Sqlite(file) => Kind::Sqlite(sqlite::Sqlite::new(file, config, Arc::clone(&counted))?),
        };
        Ok(Self { kind, counted })
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self.kind {
            Kind::Postgres(_) => Dialect::Postgres,
            Kind::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Runs statements that only read, in one round trip. Each sees what was committed before it. Repeats them a few
    /// times if the connection breaks: one from the pool may have been dead before.
    pub(crate) async fn read(&self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        match &self.kind {
            Kind::Postgres(postgres) => postgres.read(calls).await,
            Kind::Sqlite(sqlite) => sqlite.read(calls).await,
        }
    }

    /// Runs one statement that only reads.
    pub(crate) async fn read_one(&self, call: Call) -> Result<Answer, SqlError> {
        Ok(self.read(vec![call]).await?.pop().unwrap_or_default())
    }

    /// Runs statements in one transaction and one round trip: all take effect, or none. Each sees what was committed
    /// before it.
    ///
    /// # Errors
    /// `UnknownOutcome` if the connection broke after they were sent. With any other error, none has taken effect.
    pub(crate) async fn write(&self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        match &self.kind {
            Kind::Postgres(postgres) => postgres.write(calls, false).await,
            Kind::Sqlite(sqlite) => sqlite.write(calls, false).await,
        }
    }

    /// Does the same without waiting for the disk: if the database crashes within a second, it may be as if this had
    /// never happened. For heartbeats and releases, and nothing that is promised to anybody.
    pub(crate) async fn write_lightly(&self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        match &self.kind {
            Kind::Postgres(postgres) => postgres.write(calls, true).await,
            Kind::Sqlite(sqlite) => sqlite.write(calls, true).await,
        }
    }

    /// Begins a transaction. Its first statements take its beginning along, so that this costs no round trip.
    pub(crate) async fn begin(&self) -> Result<Transaction, SqlError> {
        let kind = match &self.kind {
            Kind::Postgres(postgres) => postgres.begin().await.map(Transacting::Postgres),
            Kind::Sqlite(sqlite) => sqlite.begin().await.map(Transacting::Sqlite),
        };
        Ok(Transaction { kind: kind?, counted: Arc::clone(&self.counted) })
    }

    /// Runs a text that makes tables, in one transaction with its other texts.
    pub(crate) async fn define(&self, texts: Vec<String>) -> Result<(), SqlError> {
        match &self.kind {
            Kind::Postgres(postgres) => postgres.define(texts).await,
            Kind::Sqlite(sqlite) => sqlite.define(texts).await,
        }
    }

    /// What is counted.
    pub(crate) const fn counted(&self) -> &Arc<Counted> {
        &self.counted
    }

    /// The numbers of now.
    pub(crate) fn stats(&self) -> SqlStats {
        let status = match &self.kind {
            Kind::Postgres(postgres) => postgres.status(),
            Kind::Sqlite(sqlite) => sqlite.status(),
        };
        let in_use = status.size.saturating_sub(status.available);
        self.counted.read([in_use, status.size, status.max_size, status.waiting])
    }
}

impl Transaction {
    /// Runs statements in one round trip.
    pub(crate) async fn run(&mut self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        let trip = Trip::of_transaction();
        let answers = match &mut self.kind {
            Transacting::Postgres(transaction) => transaction.run(calls).await,
            Transacting::Sqlite(transaction) => transaction.run(calls).await,
        };
        self.counted.ended(&trip, &answers);
        answers
    }

    /// Runs one statement.
    pub(crate) async fn run_one(&mut self, call: Call) -> Result<Answer, SqlError> {
        Ok(self.run(vec![call]).await?.pop().unwrap_or_default())
    }

    /// # Errors
    /// As [`Engine::write`].
    pub(crate) async fn commit(self) -> Result<(), SqlError> {
        let trip = Trip::of_transaction();
        let committed = match self.kind {
            Transacting::Postgres(transaction) => transaction.commit().await,
            Transacting::Sqlite(transaction) => transaction.commit().await,
        };
        self.counted.ended(&trip, &committed);
        committed
    }

    /// Takes everything back.
    pub(crate) async fn roll_back(self) {
        match self.kind {
            Transacting::Postgres(transaction) => transaction.roll_back().await,
            Transacting::Sqlite(transaction) => transaction.roll_back().await,
        }
    }
}
