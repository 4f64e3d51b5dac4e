//! Opening a database, and making its tables.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::{Inner, SqlStore};
use crate::config::SqlConfig;
use crate::engine::Engine;
use crate::error::{SqlError, SqlErrorKind};
use crate::schema;
use crate::sql;
use crate::url::SqlUrl;

/// What the version of the tables was before [`SqlStore::migrate`], and is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The version before. 0: there were no tables.
    pub from: u32,
    /// The version now.
    pub to: u32,
}

impl SqlStore {
    /// Opens a database, which must have the tables of this version. A new SQLite file is created with them; nobody
    /// but its owner may read it.
    ///
    /// # Errors
    /// Returns an error if there is no tokio runtime, if the database can't be reached, or if it has no tables or those
    /// of another version.
    pub async fn open(url: &SqlUrl, config: SqlConfig) -> Result<Self, SqlError> {
        let store = Self::connect(url, config)?;
        let opened = store.clone();
        let open = async move {
            match (opened.version().await?, opened.url().file()) {
                (schema::VERSION, _) => Ok(()),
                (0, Some(_)) => opened.make(0).await.map(drop),
                (version, _) => Err(opened.wrong_version(version)),
            }
        };
        store.run(open).await?;
        Ok(store)
    }

    /// Creates the tables, or brings them to this version. Does nothing if they have it. Stop the nodes of an older
    /// version before.
    ///
    /// # Errors
    /// Returns an error if the database can't be reached, or if a newer version has made its tables.
    pub async fn migrate(url: &SqlUrl, config: SqlConfig) -> Result<Migration, SqlError> {
        let store = Self::connect(url, config)?;
        let migrated = store.clone();
        let migrate = async move {
            match migrated.version().await? {
                version @ 0..=schema::VERSION => migrated.make(version).await,
                version => Err(migrated.wrong_version(version)),
            }
        };
        store.run(migrate).await
    }

    fn connect(url: &SqlUrl, config: SqlConfig) -> Result<Self, SqlError> {
        let handle = Handle::try_current().map_err(|_| {
            SqlError::unusable(
                "a SQL store needs tokio: open it on a runtime of tokio, which may be another than the \
                one that serves",
            )
        })?;
        let engine = Engine::new(url, &config)?;
        Ok(Self { inner: Arc::new(Inner { engine, handle, url: url.clone(), config }) })
    }

    /// The version of the tables; 0 if there are none.
    async fn version(&self) -> Result<u32, SqlError> {
        match self.engine().read_one(sql::VERSION.with([])).await {
            Ok(answer) => match answer.first() {
                Some(row) => u32::try_from(row.number(0)?).map_err(|_| self.wrong_version(u32::MAX)),
                None => Ok(0),
            },
            Err(error) if error.kind() == SqlErrorKind::Schema => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Makes the tables of this version from those of another.
    async fn make(&self, from: u32) -> Result<Migration, SqlError> {
        let done = Migration { from, to: schema::VERSION };
        if from == schema::VERSION {
            return Ok(done);
        }
        let mut texts = vec![schema::VERSION_TABLE.to_owned()];
        texts.extend(schema::steps(from, self.engine().dialect()));
        texts.push("DELETE FROM pop3_schema".to_owned());
        texts.push(format!("INSERT INTO pop3_schema (version) VALUES ({})", schema::VERSION));
        match self.engine().define(texts).await {
            Ok(()) => Ok(done),
            // Another process may have been faster.
            Err(error) => match self.version().await {
                Ok(schema::VERSION) => Ok(done),
                _ => Err(error),
            },
        }
    }

    fn wrong_version(&self, version: u32) -> SqlError {
        let (url, own) = (self.url(), schema::VERSION);
        let text = match version {
            0 => format!("{url} has no tables of this program; pop3 store init --store URL creates them"),
            older if older < own => format!(
                "the tables of {url} have version {older}, and this program needs {own}; stop all older nodes, then \
                    pop3 store init --store URL brings the tables to it"
            ),
            newer => format!(
                "the tables of {url} have version {newer}, and this program knows only {own}; install a newer one"
            ),
        };
        SqlError::new(SqlErrorKind::Schema, text)
    }
}
