//! A complete POP3 server over Maildirs or a store of your own, as a library.
//!
//! Use this crate to run a POP3 server inside your own process, for example in a hosting panel. It has users and
//! logins, TLS, limits, listeners and logging. For a mail store of your own, implement [`Maildrops`]; for one in a
//! database, see `pop3-sql`. To have logins, limits and listeners of your own as well, use `pop3-tokio`, `pop3-async-std`
//! or `pop3-std`. For Maildirs in such a server, use `pop3-maildir`.
//!
//! # Example
//!
//! [`Server::bind`] takes a [`ServeConfig`] and the [`Users`]. [`Server::run`] starts a runtime and serves on it.
//! [`Server::serve`] serves on the current tokio runtime. Both return when the [`Stop`] is stopped.
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! use std::io::{BufRead as _, BufReader, Write as _};
//! use std::sync::Arc;
//!
//! use pop3_serve::{ServeConfig, ServerRuntime, Server, Stop, Table};
//!
//! // mail/alice is alice's Maildir.
//! let folder = tempfile::tempdir()?;
//! let mail = folder.path().join("mail");
//! for name in ["new", "cur", "tmp"] {
//!     std::fs::create_dir_all(mail.join("alice").join(name))?;
//! }
//! std::fs::write(mail.join("alice/new/1"), "Subject: hello\n\nHello!\n")?;
//!
//! let users = Arc::new(Table::parse(b"alice:{PLAIN}secret\n")?);
//! let config = ServeConfig::new(&mail).listen("127.0.0.1:0".parse()?);
//! let server = Server::bind(config, users)?;
//! let (_, address) = server.addresses().next().ok_or("no listener")?;
//!
//! let stop = Stop::new();
//! let until = stop.clone();
//! let serving = std::thread::spawn(move || server.run(ServerRuntime::Tokio, &until));
//!
//! let mut client = std::net::TcpStream::connect(address)?;
//! client.write_all(b"USER alice\r\nPASS secret\r\nSTAT\r\nQUIT\r\n")?;
//! let replies: Vec<String> = BufReader::new(client).lines().collect::<Result<_, _>>()?;
//! assert_eq!(replies[3], "+OK 1 26");
//!
//! stop.stop();
//! serving.join().unwrap()?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! # Reloading
//!
//! [`Server::handle`] returns a [`ServerHandle`], with which the settings and the users can be replaced while the server
//! runs.
//!
//! # Users
//!
//! [`Users`] is the source of the users: a [`UsersFile`], a [`Table`] in memory, or your own database, which only has
//! to find a [`User`] by name, on a thread or awaited ([`AsyncUsers`]). The [`Gatekeeper`] checks all kinds of credentials, computes password hashes on its
//! own threads, and slows down guessing.
//!
//! # The users file
//!
//! A line is `name:` followed by one of these forms:
//!
//! - `{PLAIN}secret`: the password in clear text. It extends to the end of the line, including spaces.
//! - a PHC string: a hash with argon2, scrypt or pbkdf2.
//! - a hash of crypt(3): `$y$`, `$6$`, `$5$`, `$2a$`, `$2b$`, `$2y$` or `$1$`.
//! - `{SSHA512}` and other [schemes](password_schemes), and a hash.
//! - `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`: SCRAM keys (RFC 5803 section 2).
//! - `{CERT}` and the SHA-256 of a client certificate.
//! - `{TOKEN}`.
//! - `{LOGIN-DELAY}seconds` or `{EXPIRE}days`: a setting (RFC 2449 sections 6.5 and 6.7).
//! - `{HOME}path`: the home directory, for [`MaildropPath`].
//! - `{ALLOW-NETS}networks`, with commas: where the user may log in from. `{NOLOGIN}`: nowhere.
//!
//! A name may have several lines with forms of different kinds: one password in clear text or as a hash, one
//! set of SCRAM keys for each hash, and any number of certificates. Empty lines and lines that start with `#` are
//! ignored.
//!
//! [`UsersFile::load_with`] reads passwd-files of Dovecot, too, and [`UsersEdit`] changes both. [`ExternalCheck`] has
//! another program check passwords or tokens.
//!
//! # Promises and limits
//!
//! The server prints nothing, handles no signals, and does not change the limits of the process. It reports through
//! [`tracing`]: each session, login and refusal is an event, the calls of a session's store are in the span
//! `pop3_session` (level DEBUG), and [`log`] writes the events as lines. None of them contains a secret.
//! [`Server::counters`] counts what the server does. To serve
//! many connections, call [`raise_open_files`] first: [`Server::bind`] computes from the limit how many connections
//! it can serve.
//!
//! See `pop3-maildir` for the promises about messages in Maildirs, and `pop3-driver` for those about connections.
//!
//! # RFCs
//!
//! RFC 1939 (POP3), RFC 2449 (CAPA), RFC 2595 and RFC 8314 (TLS), RFC 5034 (AUTH), RFC 6856 (UTF8 and LANG).
//!
//! # Features
//!
//! `tokio` (on by default), `async-std`, `smol` and `threads` each add a [`ServerRuntime`]. A server needs at least
//! one. `log` (on by default) adds the module [`log`]. `self-signed` adds [`ReloadableCertificate::self_signed`].
//!
//! The crate needs a Unix, because Maildirs do.
#![cfg_attr(
    not(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads")),
    expect(unused, reason = "without a runtime there is no server, but users and their checks")
)]

mod announced;
mod boxed;
mod brake;
mod certificate;
mod check;
mod checks;
mod config;
mod counters;
mod delays;
mod descriptors;
mod error;
mod external;
mod gate;
mod guarded;
mod heartbeat;
mod hosted;
mod listeners;
#[cfg(feature = "log")]
pub mod log;
mod machine;
mod maildrops;
mod offer;
mod places;
mod policy;
mod reload;
mod server;
mod source;
mod store;
mod sync;
mod throttle;
mod users;
mod workers;
mod written;

pub use boxed::BoxFuture;
pub use certificate::{CertificateExpiry, ReloadableCertificate};
pub use check::BadSetting;
pub use checks::ExternalCheck;
pub use config::{ConnectionLimits, ServeConfig};
pub use counters::{CounterValues, Counters, DurationCounter, DurationCounts, LimitHit, LoginOutcome};
pub use descriptors::raise as raise_open_files;
pub use error::{ServeError, ServeErrorKind};
pub use gate::Gatekeeper;
pub use heartbeat::Heartbeat;
pub use hosted::HostedServer;
pub use listeners::{Listeners, ServerRuntime};
pub use machine::{Checkers, Machine};
pub use maildrops::{
    Committed, MaildropError, MaildropLogin, MaildropMessage, Maildrops, OpenMaildrop, OpenedMaildrop,
};
pub use offer::MechanismOffer;
pub use pop3_driver::server::{Entrance, SessionId};
pub use pop3_driver::{Stop, backend};
pub use pop3_maildir::{InfoSeparator, UniqueIds};
pub use pop3_proto as proto;
pub use reload::{NotChanged, ServerHandle};
pub use server::Server;
pub use users::{
    AnyUser, AsyncUsers, BadForm, BadMaildropPath, BadPassword, DecoyKey, LoggedIn, MaildropPath, NameRule,
    PasswordForm, Profile, Table, TableError, User, UserName, Users, UsersEdit, UsersFile, UsersFormat,
    parse_days, password_schemes,
};
pub use written::{
    parse_host, parse_implementation, parse_mechanisms, parse_network, parse_unique_ids, this_host,
};
