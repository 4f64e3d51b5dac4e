//! How a node shows the others that it lives.

use std::path::Path;
use std::sync::Arc;

use crate::config::SqlConfig;
use crate::engine::{Connector, Single};
use crate::error::SqlError;
use crate::lock_file::{LockFile, LockFiles};
use crate::sql;
use crate::statement::Value;
use crate::store::SqlStore;
use crate::url::{Place, SqlUrl};

/// The lock of a node, and its heartbeat.
#[derive(Debug)]
pub(super) struct Presence {
    incarnation: i64,
    name: String,
    store: SqlStore,
    lock: Lock,
}

#[derive(Debug)]
enum Lock {
    /// An advisory lock of the session of this connection.
    Session {
        connector: Arc<Connector>,
        single: Option<Single>,
        taken: bool,
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
                Lock::Session { connector, single: None, taken: false }
            }
            Place::Sqlite(file) => Lock::File { _lock: take_file(file, incarnation).await? },
        };
        let mut presence = Self { incarnation, name: name.to_owned(), store: store.clone(), lock };
        presence.beat().await?;
        Ok(presence)
    }

    /// Renews the heartbeat, and first the connection and the lock if they were lost. The incarnation stays the same:
    /// sessions of this node keep their maildrops, unless somebody else has taken them over meanwhile.
    pub(super) async fn beat(&mut self) -> Result<(), SqlError> {
        let beat =
            |held: i64| sql::HEARTBEAT.with([self.incarnation.into(), Value::from(&*self.name), held.into()]);
        let Lock::Session { connector, single, taken } = &mut self.lock else {
            return self.store.engine().write(vec![beat(1)]).await.map(drop);
        };
        let own = self.incarnation;
        let beaten = async {
            let connection = match single {
                Some(connection) => connection,
                None => {
                    *taken = false;
                    single.insert(Single::connect(connector, self.store.config()).await?)
                }
            };
            if !*taken {
                *taken = take(connection, own).await?;
            }
            connection.run(&[beat(i64::from(*taken))]).await
        };
        let beaten = beaten.await;
        if beaten.is_err() {
            *single = None;
        }
        beaten.map(drop).map_err(|error| error.of_lost(crate::SqlErrorKind::Unreachable))
    }

    /// Ends the incarnation, whose maildrops are released already.
    pub(super) async fn leave(self) -> Result<(), SqlError> {
        self.store.engine().write(vec![sql::LEAVE.with([self.incarnation.into()])]).await.map(drop)
    }
}

/// Takes the advisory lock. If a former connection of this node still has it, that is ended; the lock is free a moment
/// later.
async fn take(connection: &Single, incarnation: i64) -> Result<bool, SqlError> {
    let answers = connection.run(&[sql::TAKE.with([incarnation.into()])]).await?;
    let taken = answers.into_iter().next().and_then(crate::statement::Answer::first);
    if taken.is_some_and(|row| row.number(0).is_ok_and(|taken| taken == 1)) {
        return Ok(true);
    }
    connection.run(&[sql::END_OTHER.with([incarnation.into()])]).await?;
    Ok(false)
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

/// The settings of the connection of a node.
impl SqlConfig {
    /// The time between two heartbeats.
    pub(crate) const HEARTBEAT: core::time::Duration = core::time::Duration::from_secs(5);
}
