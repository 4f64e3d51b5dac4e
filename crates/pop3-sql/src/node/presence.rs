//! How a node shows the others that it lives.

use core::time::Duration;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::engine::{Connector, Single};
use crate::error::{SqlError, SqlErrorKind};
use crate::lock_file::{LockFile, LockFiles};
use crate::sql;
use crate::statement::{Answer, Value};
use crate::store::SqlStore;
use crate::url::{Place, SqlUrl};

/// The lock of a node, and its heartbeat.
#[derive(Debug)]
pub(super) struct Presence {
    incarnation: i64,
    name: String,
    store: SqlStore,
    lock: Lock,
    /// Told when the connection of the node ends.
    end: Arc<Notify>,
}

#[derive(Debug)]
enum Lock {
    /// An advisory lock of the session of this connection.
    Session {
        connector: Arc<Connector>,
        single: Option<Single>,
        /// The session of the database that has it.
        taken_by: Option<i64>,
    },
    File {
        _lock: LockFile,
    },
}

impl Presence {
    /// Takes the lock of a new incarnation. Its number is random, so that it never comes twice, not even after a
    /// backup of the database was restored.
    pub(super) async fn begin(store: &SqlStore, name: &str, incarnation: i64) -> Result<Self, SqlError> {
        let url: &SqlUrl = store.config().node_url.as_ref().unwrap_or_else(|| store.url());
        let lock = match &url.0 {
            Place::Postgres(address) => {
                let counted = Arc::clone(store.engine().counted());
                let connector = Connector::new(address, store.config(), counted)?.into();
                Lock::Session { connector, single: None, taken_by: None }
            }
            Place::Sqlite(file) => Lock::File { _lock: take_file(file, incarnation).await? },
        };
        let (name, store) = (name.to_owned(), store.clone());
        let mut presence = Self { incarnation, name, store, lock, end: Arc::default() };
        presence.beat().await?;
        Ok(presence)
    }

    /// Renews the heartbeat, and first the connection and the lock if they were lost. The incarnation stays the same:
    /// sessions of this node keep their maildrops, unless somebody else has taken them over meanwhile.
    ///
    /// Returns whether it had to take the lock.
    pub(super) async fn beat(&mut self) -> Result<bool, SqlError> {
        let beat =
            |held: i64| sql::HEARTBEAT.with([self.incarnation.into(), Value::from(&*self.name), held.into()]);
        let Lock::Session { connector, single, taken_by } = &mut self.lock else {
            return self.store.engine().write_lightly(vec![beat(1)]).await.map(|_| false);
        };
        let own = self.incarnation;
        let beaten = async {
            let connection = match single {
                Some(connection) => connection,
                None => {
                    *taken_by = None;
                    single.insert(Single::connect(connector, PATIENCE, &self.end).await?)
                }
            };
            let is_new = taken_by.is_none() && take(connection, own).await?;
            let held = is_new || taken_by.is_some();
            let session = first_number(connection.run(&[beat(i64::from(held))]).await?);
            if is_new {
                *taken_by = session;
                connection.run(&[sql::HURRY.with([])]).await?;
            } else if *taken_by != session && held {
                *taken_by = session;
                tracing::warn!(
                    "the connection of this node goes through a pooler, so a crash of this node is only noticed after 30 \
                        seconds; set the URL of the database itself for it"
                );
            }
            Ok(is_new)
        };
        let beaten: Result<bool, SqlError> = beaten.await;
        if beaten.is_err() {
            *single = None;
        }
        beaten.map_err(|error| error.of_lost(SqlErrorKind::Unreachable))
    }

    /// Told when the connection of the node ends.
    pub(super) fn end(&self) -> Arc<Notify> {
        Arc::clone(&self.end)
    }

    /// The time between two heartbeats.
    pub(super) const fn rhythm(&self) -> Duration {
        match self.lock {
            Lock::Session { .. } => Duration::from_secs(2),
            // Each waits for the disk, and the lock itself tells more.
            Lock::File { .. } => Duration::from_secs(5),
        }
    }

    /// Ends the incarnation, whose maildrops are released already.
    pub(super) async fn leave(self) -> Result<(), SqlError> {
        self.store.engine().write(vec![sql::LEAVE.with([self.incarnation.into()])]).await.map(drop)
    }
}

/// How long an answer to a node may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// How often the lock is asked for that a former connection had, and how long in between.
const TAKES: u32 = 40;
const TAKE_AGAIN: Duration = Duration::from_millis(50);

/// Takes the advisory lock. If a former connection of this node still has it, that is ended.
async fn take(connection: &Single, incarnation: i64) -> Result<bool, SqlError> {
    for _ in 0..TAKES {
        let taken = first_number(connection.run(&[sql::TAKE.with([incarnation.into()])]).await?);
        if taken == Some(1) {
            return Ok(true);
        }
        connection.run(&[sql::END_OTHER.with([incarnation.into()])]).await?;
        tokio::time::sleep(TAKE_AGAIN).await;
    }
    Ok(false)
}

/// The number that the first statement has returned.
fn first_number(answers: Vec<Answer>) -> Option<i64> {
    answers.into_iter().next()?.first()?.number(0).ok()
}

async fn take_file(database: &Path, incarnation: i64) -> Result<LockFile, SqlError> {
    let database = database.to_owned();
    let take = move || {
        let database = std::fs::canonicalize(&database).map_err(|error| {
            SqlError::unusable(format!("the database {} can't be opened: {error}", database.display()))
        })?;
        LockFiles::beside(&database).take(incarnation)
    };
    let taken = tokio::task::spawn_blocking(take).await;
    taken.map_err(|error| SqlError::unreachable(error.to_string()))?
}
