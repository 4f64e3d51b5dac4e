//! The store: a database, and what is done with it.

mod check;
mod delivery;
mod import;
mod maildrops;
mod opening;

use core::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;

use pop3_serve::UserName;
use tokio::runtime::Handle;

pub use self::check::SqlFinding;
pub use self::delivery::{DeliveryOptions, DeliveryReceipt};
pub use self::import::SqlImportedMessage;
pub use self::maildrops::Quota;
pub(crate) use self::maildrops::{PAGE, user_name};
pub use self::opening::Migration;
use crate::config::SqlConfig;
use crate::engine::Engine;
use crate::error::{SqlError, no_maildrop};
use crate::sql;
use crate::stats::SqlStats;
use crate::url::SqlUrl;

/// The maildrops and users in one database. Clones share their connections.
///
/// Open it on a tokio runtime that outlives it: all its work is done there, so the calls may be awaited anywhere, also
/// on other runtimes. A call that has begun is finished even if its future is dropped.
#[derive(Clone)]
pub struct SqlStore {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    handle: Handle,
    url: SqlUrl,
    config: SqlConfig,
}

impl SqlStore {
    /// Asks the database for an answer.
    ///
    /// # Errors
    /// Returns why there is none.
    pub async fn ping(&self) -> Result<(), SqlError> {
        let store = self.clone();
        self.run(async move { store.engine().read_one(sql::PING.with([])).await.map(drop) }).await
    }

    /// Returns what the store has done, in numbers. Waits for nothing.
    #[must_use]
    pub fn stats(&self) -> SqlStats {
        self.engine().stats()
    }

    /// Returns the URL of the database.
    #[must_use]
    pub fn url(&self) -> &SqlUrl {
        &self.inner.url
    }

    pub(crate) fn config(&self) -> &SqlConfig {
        &self.inner.config
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// Runs work on the runtime of the store, to its end whoever waits for it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, SqlError>> + Send + 'static,
    ) -> Result<T, SqlError> {
        match self.inner.handle.spawn(work).await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(SqlError::unreachable("the store is closed: its runtime has ended")),
            },
        }
    }

    /// The number of a maildrop.
    pub(crate) async fn maildrop(&self, user: &UserName) -> Result<i64, SqlError> {
        let row = self.engine().read_one(sql::MAILDROP.with([user.as_str().into()])).await?.first();
        row.ok_or_else(|| no_maildrop(user))?.number(0)
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("url", &self.inner.url).finish_non_exhaustive()
    }
}
