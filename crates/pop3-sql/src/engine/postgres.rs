//! PostgreSQL. Statements are sent with the types of their values and without a name, so that each takes one round
//! trip, or shares one with others, and none leaves anything behind in the session: poolers in transaction mode work.

mod pipeline;
mod values;

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError, Status};
use tokio::sync::Notify;
use tokio_postgres::Client;

use self::pipeline::{Sent, run};
use super::Backoff;
use super::connect::{Connector, failed};
use crate::config::SqlConfig;
use crate::error::{SqlError, SqlErrorKind};
use crate::statement::{Answer, Call};
use crate::stats::{Counted, Trip};
use crate::url::Address;

/// A PostgreSQL database.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Pool<Connector>,
    settings: Settings,
    counted: Arc<Counted>,
}

/// What is said at the beginning of a transaction, and how long an answer is waited for.
#[derive(Clone, Debug)]
struct Settings {
    begin: String,
    begin_lightly: String,
    patience: Duration,
}

/// How long more than the database itself we wait for it.
const MARGIN: Duration = Duration::from_secs(5);

/// How often statements that only read are tried if the connection breaks, and the longest wait in between.
const READ_TRIES: u32 = 3;
const READ_WAIT: Duration = Duration::from_millis(100);

impl Settings {
    fn new(config: &SqlConfig) -> Self {
        let limit = config.statement_timeout.as_millis();
        // Each statement sees what was committed before it, whatever the default of the database is. What is committed
        // is on the disk, unless the default is stricter. A node that stops in the middle holds no row for long. One
        // statement for all settings, because each costs the database as much as a small query.
        let begin = |disk: &str| {
            format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT set_config('synchronous_commit', {disk}, true), \
                set_config('lock_timeout', '{limit}', true), set_config('statement_timeout', '{limit}', true), \
                set_config('idle_in_transaction_session_timeout', '{limit}', true)"
            )
        };
        let durable = "coalesce(nullif(current_setting('synchronous_commit'), 'off'), 'on')";
        let (begin, begin_lightly) = (begin(durable), begin("'off'"));
        Self { begin, begin_lightly, patience: config.statement_timeout + MARGIN }
    }
}

/// A transaction. A connection whose transaction may be open is not used again.
#[derive(Debug)]
pub(crate) struct Transaction {
    client: Option<Object<Connector>>,
    settings: Settings,
    begun: bool,
}

/// A connection outside of the pool, for what belongs to a session of the database.
#[derive(Debug)]
pub(crate) struct Single {
    client: Client,
    patience: Duration,
}

impl Postgres {
    pub(crate) fn new(
        address: &Address,
        config: &SqlConfig,
        counted: Arc<Counted>,
    ) -> Result<Self, SqlError> {
        let pool = Pool::builder(Connector::new(address, config, Arc::clone(&counted))?)
            .max_size(config.connections.max(1))
            .wait_timeout(Some(config.wait))
            .create_timeout(Some(config.connect_timeout + MARGIN))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| SqlError::unusable(error.to_string()))?;
        Ok(Self { pool, settings: Settings::new(config), counted })
    }

    async fn client(&self) -> Result<Object<Connector>, SqlError> {
        let since = Instant::now();
        let client = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(deadpool::managed::TimeoutType::Wait) => SqlError::new(
                SqlErrorKind::Busy,
                "no connection to the database became free in time; allow more connections, or look for what slows \
                    down the database",
            ),
            PoolError::Timeout(_) => SqlError::unreachable("the database does not accept a connection in time"),
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                SqlError::unreachable("the store is closed")
            }
        });
        self.counted.waited(since, &client);
        client
    }

    pub(crate) async fn read(&self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        let mut backoff = Backoff::new(READ_WAIT);
        let mut tries = 1;
        loop {
            let client = self.client().await?;
            let sent: Vec<_> = calls.iter().map(Sent::Call).collect();
            let trip = Trip::of(&calls);
            let answers = run(&client, &sent, self.settings.patience).await;
            self.counted.ended(&trip, &answers);
            let error = match answers {
                Ok(answers) => return Ok(answers),
                Err((_, error)) => error,
            };
            if is_clean(&error) {
                return Err(error);
            }
            drop(Object::take(client));
            if tries == READ_TRIES {
                // Nothing was to be changed, so nothing is unknown.
                return Err(error.of_kind(SqlErrorKind::Unreachable));
            }
            tries += 1;
            tokio::time::sleep(backoff.next()).await;
        }
    }

    pub(crate) async fn write(&self, calls: Vec<Call>, lightly: bool) -> Result<Vec<Answer>, SqlError> {
        let client = self.client().await?;
        let begin = if lightly { &self.settings.begin_lightly } else { &self.settings.begin };
        let mut sent = vec![Sent::Text(begin)];
        sent.extend(calls.iter().map(Sent::Call));
        sent.push(Sent::Text("COMMIT"));
        let trip = Trip::of(&calls);
        let answers = run(&client, &sent, self.settings.patience).await;
        self.counted.ended(&trip, &answers);
        match answers {
            Ok(mut answers) => {
                answers.pop();
                answers.remove(0);
                Ok(answers)
            }
            Err((index, error)) => {
                let error = outcome(error, index + 1 == sent.len());
                if !is_clean(&error) {
                    drop(Object::take(client));
                }
                Err(error)
            }
        }
    }

    pub(crate) async fn begin(&self) -> Result<Transaction, SqlError> {
        let client = Some(self.client().await?);
        Ok(Transaction { client, settings: self.settings.clone(), begun: false })
    }

    pub(crate) async fn define(&self, texts: Vec<String>) -> Result<(), SqlError> {
        let client = self.client().await?;
        let text = format!("BEGIN; {}; COMMIT", texts.join("; "));
        let done = client.batch_execute(&text).await;
        if done.is_err() {
            drop(Object::take(client));
        }
        done.map_err(failed)
    }

    pub(crate) fn status(&self) -> Status {
        self.pool.status()
    }
}

impl Transaction {
    pub(crate) async fn run(&mut self, calls: Vec<Call>) -> Result<Vec<Answer>, SqlError> {
        let Some(client) = &self.client else { return Err(ended()) };
        let mut sent: Vec<_> = (!self.begun).then(|| Sent::Text(&self.settings.begin)).into_iter().collect();
        let first = sent.len();
        sent.extend(calls.iter().map(Sent::Call));
        let answers = run(client, &sent, self.settings.patience).await;
        self.begun = true;
        match answers {
            Ok(mut answers) => Ok(answers.split_off(first)),
            Err((_, error)) => {
                self.client.take().map(Object::take);
                // Nothing was committed.
                Err(error.of_lost(SqlErrorKind::Unreachable))
            }
        }
    }

    pub(crate) async fn commit(mut self) -> Result<(), SqlError> {
        let Some(client) = self.client.take() else { return Err(ended()) };
        match run(&client, &[Sent::Text("COMMIT")], self.settings.patience).await {
            Ok(_) => Ok(()),
            Err((_, error)) => {
                drop(Object::take(client));
                Err(outcome(error, true))
            }
        }
    }

    pub(crate) async fn roll_back(mut self) {
        let Some(client) = self.client.take() else { return };
        if self.begun && run(&client, &[Sent::Text("ROLLBACK")], self.settings.patience).await.is_err() {
            drop(Object::take(client));
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.client.take().map(Object::take);
    }
}

impl Single {
    /// When the connection ends, `end` is told.
    pub(crate) async fn connect(
        connector: &Connector,
        patience: Duration,
        end: &Arc<Notify>,
    ) -> Result<Self, SqlError> {
        let client = tokio::time::timeout(patience, connector.connect(Some(Arc::clone(end)))).await;
        let late = |_| SqlError::unreachable("the database does not accept a connection in time");
        Ok(Self { client: client.map_err(late)??, patience })
    }

    /// Runs statements, each in a transaction of its own.
    pub(crate) async fn run(&self, calls: &[Call]) -> Result<Vec<Answer>, SqlError> {
        let sent: Vec<_> = calls.iter().map(Sent::Call).collect();
        run(&self.client, &sent, self.patience).await.map_err(|(_, error)| error)
    }
}

/// What an error says about a transaction whose statements were all sent, if the first one that failed was its last
/// one or another.
fn outcome(error: SqlError, was_commit: bool) -> SqlError {
    // A server that stops may say so instead of the success.
    let unknown = was_commit && error.kind() == SqlErrorKind::Unreachable;
    if unknown { error.of_kind(SqlErrorKind::UnknownOutcome) } else { error }
}

/// Whether the connection can be used again after this error.
const fn is_clean(error: &SqlError) -> bool {
    !matches!(error.kind(), SqlErrorKind::UnknownOutcome | SqlErrorKind::Unreachable)
}

fn ended() -> SqlError {
    SqlError::unreachable("the transaction has ended because of an earlier error")
}
