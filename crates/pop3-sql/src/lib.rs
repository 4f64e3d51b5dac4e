//! Maildrops and users in PostgreSQL, for any number of POP3 servers, or in SQLite, for one machine.
#![cfg(unix)]

mod commit;
mod config;
mod engine;
mod error;
mod maildrop;
mod message;
mod node;
mod schema;
mod seam;
mod spool;
mod sql;
mod statement;
mod stats;
mod store;
mod url;
mod users;

pub use config::SqlConfig;
pub use error::{SqlError, SqlErrorKind};
pub use maildrop::{SqlCommit, SqlMaildrop, StoredEntry};
pub use message::SqlMessage;
pub use node::{SqlNode, SqlOpenOptions};
pub use spool::{Spool, SpooledMessage};
pub use stats::SqlStats;
pub use store::{DeliveryOptions, DeliveryReceipt, ImportedMessage, Migration, Quota, SqlFinding, SqlStore};
pub use url::SqlUrl;
pub use users::SqlUsers;
