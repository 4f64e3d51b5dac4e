//! A Maildir store for a POP3 server, and a crash-safe delivery side for a fetcher.
//!
//! [`Maildir`] is the server's side: it locks the Maildir, makes a snapshot of `new` and `cur` with
//! exact wire sizes and stable unique-ids, opens messages, and removes at QUIT what was marked.
//! [`Delivery`] is the fetcher's side: it writes a message under `tmp`, brings it to the disk, and
//! moves it to `new`.
//!
//! Whoever owns the Maildir may do with its files what he likes while a session runs. It costs him
//! an error message, never the server's progress, memory, or other people's files: only regular
//! files are opened, no link is followed, and nothing is opened that could make us wait.
//!
//! An open [`Maildir`] is a maildrop of [`pop3_driver::store`], and errors become
//! [`Rejection`](pop3_proto::Rejection)s that tell no paths.
//!
//! The crate knows no commands, sockets or runtimes. Its calls block on the file system. It needs a
//! Unix: names are octets, a file has an inode, a directory can be opened.
#![cfg(unix)]

mod commit;
mod config;
mod delivery;
mod driver;
mod error;
mod folders;
mod lf;
mod lock;
mod maildir;
mod message;
mod name;
mod patience;
mod scan;
mod sizes;
mod snapshot;
mod substitute;
mod uid;
mod unique;

pub use commit::{CommitError, CommitFailure, CommitReport};
pub use config::{Config, EightBitHeaders};
pub use delivery::{Delivered, Delivering, Delivery, DeliveryError};
pub use error::{FetchError, OpenError};
pub use lf::CrlfToLf;
pub use maildir::{Maildir, Summary};
pub use message::MessageFile;
pub use name::Folder;
pub use scan::{SkipReason, Skipped};
