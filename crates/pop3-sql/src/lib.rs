//! Maildrops and users in PostgreSQL, for any number of POP3 servers, or in SQLite, for one machine.
//!
//! Both have the same tables and the same statements, so you can begin with a file and move to a server later. For a
//! program that serves them, see `pop3 serve --store`. Use this crate to deliver messages from a program of your own, to
//! manage users, or to serve maildrops from your own process with `pop3-serve`.
//!
//! - [`SqlStore`] is the database: [deliveries](SqlStore::deliver), imports, users, quotas, the check.
//! - [`SqlNode`] is a process that opens maildrops. It is a [`Maildrops`](pop3_serve::Maildrops) for
//!   [`ServeConfig::on`](pop3_serve::ServeConfig::on), and its [users](SqlNode::users) are
//!   [`Users`](pop3_serve::Users) for the server.
//! - [`SqlMaildrop`] is a maildrop that is open, for a session of your own, or for an export.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use pop3_proto::MessageNumber;
//! use pop3_serve::UserName;
//! use pop3_sql::{DeliveryOptions, SpooledMessage, SqlConfig, SqlOpenOptions, SqlStore, SqlUrl};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn core::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let file = folder.path().join("mail.db");
//! // Or "postgres://pop3@db.example/mail".parse()?, after SqlStore::migrate.
//! let store = SqlStore::open(&SqlUrl::sqlite(file), SqlConfig::new()).await?;
//! let alice = UserName::parse(b"alice").ok_or("no name")?;
//! store.add_user(&alice, &["{PLAIN}secret"]).await?;
//!
//! let message = Arc::new(SpooledMessage::read(&b"Subject: hello\n\nHello!\n"[..])?);
//! let options = DeliveryOptions::new().with_key(b"queue-id 4711");
//! assert!(store.deliver(&alice, &message, options).await?.stored);
//! assert!(!store.deliver(&alice, &message, options).await?.stored); // A retry.
//!
//! let node = store.join("this machine").await?;
//! let mut maildrop = node.open_maildrop(&alice, SqlOpenOptions::new()).await?;
//! let first = MessageNumber::FIRST;
//! assert_eq!(maildrop.take_snapshot().size(first), Some(26));
//! assert!(maildrop.message(first).await?.chunk().await?.starts_with(b"Subject"));
//! maildrop.remove([first], [], None).await?; // QUIT after DELE 1
//! node.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! To serve it: `Server::bind(ServeConfig::on(node.clone()), node.users(NameRule::new()))`.
//!
//! # Promises and limits
//!
//! - **A delivered message survives a power failure** of the database once [`SqlStore::deliver`] has returned, and is
//!   stored once, also if the connection breaks in the middle.
//! - **One session at a time** has a maildrop, on all nodes together. A commit removes messages only under the token of
//!   its own lock. So a node that was frozen or cut off, and whose maildrop was taken over, removes nothing.
//! - **No lock stays.** The maildrops of a node that has died are free after 3 seconds (SQLite: at once), those of one that
//!   is frozen or cut off after 30, by the clock of the database. A node whose release was lost repeats it.
//! - **The answer to QUIT is true.** If the connection breaks during a commit, the outcome is looked up before anything
//!   is said.
//! - **A unique-id never comes twice**, not even after a backup was restored: it is random, with 128 bits.
//! - **Memory**: a message is read and written in chunks of 256 KiB, at most two at a time. A session has 16 octets for
//!   each message, and up to 1 MiB of short messages that its client has asked for in advance.
//! - **Round trips**: one to find the user, one to lock the maildrop and to read the list, one for each chunk of 256 KiB
//!   or for up to 1 MiB of short messages, one for the commit.
//! - **A slow client or sender holds nothing** in the database: no connection, no transaction, no lock of a row.
//! - **It needs tokio** for its own work, see [`SqlStore`]. It needs a Unix, because the lock of SQLite does.
//! - PostgreSQL is tested with version 15. Poolers in transaction mode work, if [`SqlConfig::node_url`] leads past
//!   them.
//!
//! # Tables
//!
//! `schema.rs` has them with comments. All names begin with `pop3_`. Times are in milliseconds since 1970 (UTC), by the
//! clock of the database.
//!
//! | table | has |
//! |---|---|
//! | `pop3_schema` | the version of the tables |
//! | `pop3_users`, `pop3_certificates` | the users, with the forms of a users file |
//! | `pop3_maildrops` | a row for each maildrop: which node has it, the token, the last login, the quota |
//! | `pop3_messages` | the unique-id, the sizes in both forms, when it was delivered and read |
//! | `pop3_chunks` | the content, in pieces of 256 KiB |
//! | `pop3_commits` | what was committed under which token, for a day |
//! | `pop3_deliveries` | the keys of deliveries, for a week |
//! | `pop3_imported` | the unique-ids that were imported, for ever |
//! | `pop3_nodes` | the nodes, with their heartbeats |
//! | `pop3_failures` | failed logins, for a minute |
//! | `pop3_settings` | what all nodes share |
#![cfg(unix)]

mod commit;
mod config;
mod engine;
mod entry;
mod error;
mod held;
mod lock;
mod lock_file;
mod maildrop;
mod message;
mod node;
mod open_options;
mod random;
mod releases;
mod schema;
mod served_users;
mod serving;
mod shared;
mod spool;
mod sql;
mod statement;
mod stats;
mod store;
mod url;
mod users;

pub use commit::SqlCommit;
pub use config::SqlConfig;
pub use error::{SqlError, SqlErrorKind};
pub use maildrop::{SqlMaildrop, StoredEntry};
pub use message::SqlMessage;
pub use node::SqlNode;
pub use open_options::SqlOpenOptions;
pub use served_users::SqlUsers;
pub use spool::{Spool, SpooledMessage};
pub use stats::SqlStats;
pub use store::{
    DeliveryOptions, DeliveryReceipt, Migration, Quota, SqlFinding, SqlImportedMessage, SqlStore,
};
pub use url::SqlUrl;
