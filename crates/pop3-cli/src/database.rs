//! Stores in databases, for the commands that do one thing and end.

use std::{env, io};

use pop3_sql::{SqlConfig, SqlError, SqlErrorKind, SqlStore, SqlUrl};
use tokio::runtime::{Builder, Runtime};

use crate::args::store_url::StoreUrl;
use crate::exit::{Exit, Failure};

/// Connections to the database. These commands do one thing after the other.
const CONNECTIONS: usize = 2;

/// A store, and the runtime of its connections.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) store: SqlStore,
    runtime: Runtime,
}

/// Why there is no store.
#[derive(Debug)]
pub(crate) enum NoStore {
    /// The system gives no runtime.
    System(io::Error),
    Sql(SqlError),
}

impl Database {
    /// Opens the store.
    pub(crate) fn open(url: &SqlUrl) -> Result<Self, NoStore> {
        let runtime = runtime().map_err(NoStore::System)?;
        let store = runtime.block_on(SqlStore::open(url, config())).map_err(NoStore::Sql)?;
        Ok(Self { store, runtime })
    }

    /// Waits for what the store does.
    pub(crate) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }
}

/// Runs one call, such as one that needs no store to be there.
pub(crate) fn wait<T>(call: impl Future<Output = T>) -> Result<T, NoStore> {
    Ok(runtime().map_err(NoStore::System)?.block_on(call))
}

pub(crate) const fn config() -> SqlConfig {
    let mut config = SqlConfig::new();
    config.connections = CONNECTIONS;
    config
}

/// The database of a store, or `None` if it has Maildirs. A password that is not in the URL comes from `PGPASSWORD`.
pub(crate) fn url(store: &StoreUrl) -> Result<Option<SqlUrl>, SqlError> {
    let url = match store {
        StoreUrl::Maildir(_) => return Ok(None),
        StoreUrl::Sqlite(file) => SqlUrl::sqlite(file),
        StoreUrl::Postgres(url) => url.expose().parse()?,
    };
    Ok(Some(match env::var_os("PGPASSWORD") {
        Some(password) if !url.has_password() => url.with_password(password.into_encoded_bytes()),
        _ => url,
    }))
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        let exit = if error.kind() == SqlErrorKind::Unreachable {
            Exit::Connect
        } else if error.is_temporary() {
            Exit::TryLater
        } else {
            Exit::Usage
        };
        Self::new(exit, error.to_string())
    }
}

impl From<NoStore> for Failure {
    fn from(error: NoStore) -> Self {
        match error {
            NoStore::System(error) => {
                Self::new(Exit::TryLater, format!("a thread can't be started: {error}"))
            }
            NoStore::Sql(error) => error.into(),
        }
    }
}
