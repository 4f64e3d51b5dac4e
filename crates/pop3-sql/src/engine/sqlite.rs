//! SQLite. Its calls block, so they run on the blocking pool of the runtime. It has one writer at a time: those of this
//! process take turns, and wait for those of others.

mod file;

use core::fmt;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleResult, Status, TimeoutType};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::file::{failed, open, run};
use crate::config::SqlConfig;
use crate::error::{SqlError, SqlErrorKind};
use crate::statement::{Answer, Call};
use crate::stats::{Counted, Trip};

/// An SQLite database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    pool: Pool<Opener>,
    turn: Arc<Semaphore>,
    wait: Duration,
    counted: Arc<Counted>,
}

/// Opens connections.
struct Opener {
    file: PathBuf,
    patience: Duration,
}

/// A connection, which is elsewhere while it is used.
#[derive(Debug)]
struct Handle(Option<Connection>);

/// A transaction that writes.
pub(crate) struct Transaction {
    handle: Option<Object<Opener>>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Sqlite {
    pub(crate) fn new(file: &Path, config: &SqlConfig, counted: Arc<Counted>) -> Result<Self, SqlError> {
        let opener = Opener { file: file.to_owned(), patience: config.statement_timeout };
        let pool = Pool::builder(opener)
            .max_size(config.connections.max(1))
            .wait_timeout(Some(config.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| SqlError::unusable(error.to_string()))?;
        Ok(Self { pool, turn: Semaphore::new(1).into(), wait: config.wait, counted })
    }

    /// A connection, and the turn to write if the call writes.
    async fn handle(&self, writes: bool) -> Result<(Object<Opener>, Option<OwnedSemaphorePermit>), SqlError> {
        let since = Instant::now();
        let got = async {
            let turn = if writes { Some(self.turn().await?) } else { None };
            Ok((self.connection().await?, turn))
        };
        let got = got.await;
        self.counted.waited(since, &got);
        got
    }

    async fn connection(&self) -> Result<Object<Opener>, SqlError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(TimeoutType::Wait) => busy(),
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => SqlError::unreachable("the store is closed"),
        })
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, SqlError> {
        match tokio::time::timeout(self.wait, Arc::clone(&self.turn).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    pub(crate) async fn read(&self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        let (mut handle, _) = self.handle(false).await?;
        let trip = Trip::of(&calls);
        let answers =
            with(&mut handle, move |connection| calls.iter().map(|call| run(connection, call)).collect())
                .await;
        self.counted.ended(&trip, &answers);
        answers
    }

    pub(crate) async fn write(&self, calls: Vec<Call>, lightly: bool) -> Result<Vec<Answer>, SqlError> {
        let (mut handle, _turn) = self.handle(true).await?;
        let trip = Trip::of(&calls);
        let answers = with(&mut handle, move |connection| {
            connection.execute_batch(if lightly { LIGHTLY } else { DURABLY }).map_err(failed)?;
            let transaction = connection.transaction_with_behavior(IMMEDIATE).map_err(failed)?;
            let answers = calls.iter().map(|call| run(&transaction, call)).collect::<Result<_, _>>()?;
            transaction.commit().map_err(failed)?;
            Ok(answers)
        })
        .await;
        self.counted.ended(&trip, &answers);
        answers
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, SqlError> {
        let (mut handle, turn) = self.handle(true).await?;
        let begin = |connection: &mut Connection| {
            connection.execute_batch(DURABLY)?;
            connection.execute_batch("BEGIN IMMEDIATE")
        };
        with(&mut handle, move |connection| begin(connection).map_err(failed)).await?;
        Ok(Transaction { handle: Some(handle), _turn: turn })
    }

    pub(crate) async fn define(&self, texts: Vec<String>) -> Result<(), SqlError> {
        let (mut handle, _) = self.handle(false).await?;
        with(&mut handle, move |connection| {
            let transaction = connection.transaction_with_behavior(IMMEDIATE).map_err(failed)?;
            texts.iter().try_for_each(|text| transaction.execute_batch(text).map_err(failed))?;
            transaction.commit().map_err(failed)
        })
        .await
    }

    pub(crate) fn status(&self) -> Status {
        self.pool.status()
    }
}

/// Whether a commit waits for the disk. Neither harms the file.
const DURABLY: &str = "PRAGMA synchronous = FULL";
const LIGHTLY: &str = "PRAGMA synchronous = NORMAL";

const IMMEDIATE: rusqlite::TransactionBehavior = rusqlite::TransactionBehavior::Immediate;

/// Runs a call where it may block. If the caller leaves, the call is finished and its connection closed.
async fn with<T: Send + 'static>(
    handle: &mut Object<Opener>,
    call: impl FnOnce(&mut Connection) -> Result<T, SqlError> + Send + 'static,
) -> Result<T, SqlError> {
    let Some(mut connection) = handle.0.take() else {
        return Err(SqlError::unreachable("the connection to the database was lost by an earlier error"));
    };
    let blocking = tokio::task::spawn_blocking(move || {
        let result = call(&mut connection);
        (connection, result)
    });
    let (connection, result) = blocking.await.map_err(|error| {
        SqlError::new(SqlErrorKind::UnknownOutcome, format!("the call was cut off: {error}"))
    })?;
    handle.0 = Some(connection);
    result
}

fn busy() -> SqlError {
    SqlError::new(SqlErrorKind::Busy, "the database is busy: it was not this call's turn in time")
}

impl Transaction {
    pub(crate) async fn run(&mut self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        let Some(handle) = &mut self.handle else {
            return Err(SqlError::unreachable("the transaction has ended because of an earlier error"));
        };
        with(handle, move |connection| calls.iter().map(|call| run(connection, call)).collect()).await
    }

    pub(crate) async fn commit(self) -> Result<(), SqlError> {
        self.end("COMMIT").await
    }

    pub(crate) async fn roll_back(self) {
        self.end("ROLLBACK").await.ok();
    }

    async fn end(mut self, text: &'static str) -> Result<(), SqlError> {
        let Some(mut handle) = self.handle.take() else { return Ok(()) };
        let ended = with(&mut handle, move |connection| connection.execute_batch(text).map_err(failed)).await;
        if ended.is_err() {
            drop(Object::take(handle));
        }
        ended
    }
}

impl Drop for Transaction {
    /// Closes the connection, which takes everything back.
    fn drop(&mut self) {
        self.handle.take().map(Object::take);
    }
}

impl Manager for Opener {
    type Type = Handle;
    type Error = SqlError;

    async fn create(&self) -> Result<Handle, SqlError> {
        let (file, patience) = (self.file.clone(), self.patience);
        let opened = tokio::task::spawn_blocking(move || open(&file, patience)).await;
        opened
            .map_err(|error| SqlError::unreachable(error.to_string()))?
            .map(|connection| Handle(Some(connection)))
    }

    async fn recycle(&self, handle: &mut Handle, _: &Metrics) -> RecycleResult<SqlError> {
        let usable = handle.0.as_ref().is_some_and(Connection::is_autocommit);
        if usable { Ok(()) } else { Err(deadpool::managed::RecycleError::message("lost")) }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("file", &self.file).finish_non_exhaustive()
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}
