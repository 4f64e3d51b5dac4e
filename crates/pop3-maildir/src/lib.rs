//! Maildirs for POP3: the mail store of a server, and crash-safe delivery for a program that fetches mail.
//!
//! - [`Maildir`] is the side of the server. It locks a Maildir, takes a snapshot of `new` and `cur` with the exact
//!   sizes on the wire and stable unique-ids, opens messages, and at QUIT removes the messages marked as deleted.
//! - [`Delivery`] is the side of the program that fetches. It writes a message in `tmp`, syncs it to the disk, and
//!   moves it to `new`.
//!
//! # Which crate to use
//!
//! For a complete server over Maildirs, use `pop3-serve`. For a complete program that fetches mail into a Maildir,
//! use `pop3-fetch`. Use this crate if you write the server or the program yourself.
//!
//! # Example: a server over a Maildir
//!
//! A [`Maildir`] is a [`Maildrop`](pop3_driver::store::Maildrop) of the driver. You add the check of the credentials.
//! `pop3-std` serves it with a thread for each connection; `pop3-tokio` and `pop3-async-std` work in the same way.
//!
//! ```
//! use std::io::Write as _;
//! use std::net::TcpListener;
//! use std::path::PathBuf;
//! use std::sync::Arc;
//!
//! use pop3_driver::backend::{Context, LoginAttempt, Proof};
//! use pop3_driver::server::{Entrance, Peer, SessionReport, Service, Welcome};
//! use pop3_driver::store::{Blocking, Inline, Store};
//! use pop3_driver::{Stop, tls::Role};
//! use pop3_maildir::{Delivery, Maildir};
//! use pop3_proto::Rejection;
//! use pop3_proto::server::{Accepted, ServerConfig};
//! use pop3_std::{Client, ClientOptions, Security};
//!
//! struct Users {
//!     folder: PathBuf,
//! }
//!
//! impl Store for Users {
//!     type Maildrop = Maildir;
//!
//!     fn open(&self, attempt: &LoginAttempt, _: &Peer, _: &Context) -> Result<(Accepted, Maildir), Rejection> {
//!         match &attempt.proof {
//!             Proof::Password(password) if attempt.name == b"mrose" && password.same_octets(b"tanstaaf") => {}
//!             _ => return Err(Rejection::credentials()),
//!         }
//!         let mut maildir = Maildir::open(self.folder.join("mrose"))?;
//!         Ok((Accepted::from(maildir.take_snapshot()), maildir))
//!     }
//! }
//!
//! struct Mail(Arc<Users>);
//!
//! impl Service for Mail {
//!     type Backend = Blocking<Users, Inline>;
//!
//!     async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
//!         let backend = Blocking::new(Arc::clone(&self.0), Inline::default(), peer.clone());
//!         // This example has no TLS. Trust only connections from this machine.
//!         Ok(Welcome::new(ServerConfig::default().into(), backend).with_trusted(true))
//!     }
//!
//!     fn ended(&self, _: &Peer, _: &SessionReport) {}
//! }
//!
//! let folder = tempfile::tempdir()?;
//! let mut message = Delivery::open(folder.path().join("mrose"), true)?.begin()?;
//! message.write_all(b"Subject: hello\n\nHello!\n")?;
//! message.finish()?;
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let port = listener.local_addr()?.port();
//! let mail = Arc::new(Mail(Arc::new(Users { folder: folder.path().to_owned() })));
//! let stop = Stop::new();
//! let until = stop.clone();
//! let server =
//!     std::thread::spawn(move || pop3_std::serve(listener, Entrance::Plain, &Role::None, &mail, &until));
//!
//! let mut client = Client::connect("127.0.0.1", port, Security::TrustedPlaintext, ClientOptions::new())?;
//! client.login(b"mrose", b"tanstaaf")?;
//! assert_eq!(client.stat()?.octets, 26); // Each LF counts as CRLF.
//! client.quit()?;
//! stop.stop();
//! server.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises and limits
//!
//! - **A delivered message survives a power failure** once [`Delivering::finish`] has returned.
//! - **One session at a time.** The lock of a Maildir is released when the session or its process ends (RFC 1939
//!   section 4).
//! - **Unique-ids are stable** across sessions and changes of flags (RFC 1939 section 7).
//! - **The owner of a Maildir cannot harm the server.** Users may change their files during a session. The worst
//!   result is an error message for them. Only regular files are read, links are not followed, and opening never
//!   waits for another process.
//! - **Clients see no paths.** Errors become [`Rejection`](pop3_proto::Rejection)s without file names.
//! - **Calls block** on the file system, except [`Maildir::try_message`] and [`MessageFile::try_read`]. In an `async`
//!   server, run the others in a thread pool; see [`Blocking`](pop3_driver::store::Blocking).
//! - **It needs a Unix**, because it works with inodes, open directories and names of arbitrary octets.
#![cfg(unix)]

mod commit;
mod config;
mod delivery;
mod driver;
mod entries;
mod error;
mod folders;
mod found;
mod import;
mod lf;
mod lock;
mod lookup;
mod maildir;
mod measure;
mod message;
mod name;
mod patience;
mod record;
mod scan;
mod search;
mod sizes;
mod snapshot;
mod substitute;
mod uid;
mod unique;
mod unique_ids;

pub use commit::{CommitError, CommitFailure, CommitReport};
pub use config::{EightBitHeaders, MaildirConfig};
pub use delivery::{Delivered, Delivering, Delivery, DeliveryError};
pub use error::{MessageError, OpenError};
pub use import::{ImportError, ImportReport, ImportedMessage, MaildirImport, MboxImport};
pub use lf::CrlfToLf;
pub use maildir::{Maildir, MaildirSummary, MessageAttributes};
pub use message::MessageFile;
pub use name::{InfoSeparator, MaildirFolder};
pub use scan::{SkipReason, Skipped};
pub use unique_ids::{UidlFormat, UidlFormatError, UniqueIds};
