//! The two databases behind one interface: statements that travel together, and transactions.

mod backoff;
mod connect;
mod postgres;
mod sqlite;

pub(crate) use backoff::Backoff;
pub(crate) use connect::Connector;
pub(crate) use postgres::Single;

use crate::config::SqlConfig;
use crate::error::SqlError;
use crate::statement::{Answer, Call, Dialect};
use crate::url::{Place, SqlUrl};

/// A database.
#[derive(Debug)]
pub(crate) enum Engine {
    Postgres(postgres::Postgres),
    Sqlite(sqlite::Sqlite),
}

/// A transaction of several round trips. Dropping it takes everything back.
#[derive(Debug)]
pub(crate) enum Transaction {
    Postgres(postgres::Transaction),
    Sqlite(sqlite::Transaction),
}

impl Engine {
    pub(crate) fn new(url: &SqlUrl, config: &SqlConfig) -> Result<Self, SqlError> {
        match &url.0 {
            Place::Postgres(address) => postgres::Postgres::new(address, config).map(Self::Postgres),
            Place::Sqlite(file) => sqlite::Sqlite::new(file, config).map(Self::Sqlite),
        }
    }

    pub(crate) const fn dialect(&self) -> Dialect {
        match self {
            Self::Postgres(_) => Dialect::Postgres,
            Self::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Runs statements that only read, in one round trip. Each sees what was committed before it. Repeats them once if
    /// the connection breaks: one from the pool may have been dead before.
    pub(crate) async fn read(&self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        match self {
            Self::Postgres(postgres) => postgres.read(calls).await,
            Self::Sqlite(sqlite) => sqlite.read(calls).await,
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
        match self {
            Self::Postgres(postgres) => postgres.write(calls).await,
            Self::Sqlite(sqlite) => sqlite.write(calls).await,
        }
    }

    /// Begins a transaction. Its first statements take its beginning along, so that this costs no round trip.
    pub(crate) async fn begin(&self) -> Result<Transaction, SqlError> {
        match self {
            Self::Postgres(postgres) => postgres.begin().await.map(Transaction::Postgres),
            Self::Sqlite(sqlite) => sqlite.begin().await.map(Transaction::Sqlite),
        }
    }

    /// Runs a text that makes tables, in one transaction with its other texts.
    pub(crate) async fn define(&self, texts: Vec<String>) -> Result<(), SqlError> {
        match self {
            Self::Postgres(postgres) => postgres.define(texts).await,
            Self::Sqlite(sqlite) => sqlite.define(texts).await,
        }
    }

    /// Connections that are in use, all that there are, the most that there may be, and calls that wait for one.
    pub(crate) fn usage(&self) -> [usize; 4] {
        let status = match self {
            Self::Postgres(postgres) => postgres.status(),
            Self::Sqlite(sqlite) => sqlite.status(),
        };
        [status.size.saturating_sub(status.available), status.size, status.max_size, status.waiting]
    }
}

impl Transaction {
    /// Runs statements in one round trip.
    pub(crate) async fn run(&mut self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        match self {
            Self::Postgres(transaction) => transaction.run(calls).await,
            Self::Sqlite(transaction) => transaction.run(calls).await,
        }
    }

    /// Runs one statement.
    pub(crate) async fn run_one(&mut self, call: Call) -> Result<Answer, SqlError> {
        Ok(self.run(vec![call]).await?.pop().unwrap_or_default())
    }

    /// # Errors
    /// As [`Engine::write`].
    pub(crate) async fn commit(self) -> Result<(), SqlError> {
        match self {
            Self::Postgres(transaction) => transaction.commit().await,
            Self::Sqlite(transaction) => transaction.commit().await,
        }
    }

    /// Takes everything back.
    pub(crate) async fn roll_back(self) {
        match self {
            Self::Postgres(transaction) => transaction.roll_back().await,
            Self::Sqlite(transaction) => transaction.roll_back().await,
        }
    }
}
