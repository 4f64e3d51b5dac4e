//! Maildrops and users in PostgreSQL, for any number of POP3 servers, or in SQLite, for one machine.
#![cfg(unix)]

mod config;
mod error;
mod node;
mod spool;
mod store;
mod url;

pub use config::SqlConfig;
pub use error::{SqlError, SqlErrorKind};
pub use node::{SqlCommit, SqlMaildrop, SqlMessage, SqlNode, SqlOpenOptions, StoredEntry};
pub use spool::{Spool, SpooledMessage};
pub use store::{DeliveryOptions, DeliveryReceipt, Finding, ImportedMessage, Migration, Quota, SqlStore};
pub use url::SqlUrl;
