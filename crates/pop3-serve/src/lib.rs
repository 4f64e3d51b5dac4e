//! A POP3 server over Maildirs, as a library: users and their logins, limits, listeners, and the lines of a log. A hosting
//! panel puts it into its own process.
//!
//! [`Server::bind`] takes a [`Config`] and the [`Users`], and [`Server::serve`] (on the tokio that is there) or
//! [`Server::run`] (on a runtime of its own) serves until a [`Stop`] is thrown:
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! use std::io::{BufRead as _, BufReader, Write as _};
//! use std::sync::Arc;
//!
//! use pop3_serve::{Config, Runtime, Server, Stop, Table};
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
//! let config = Config::new(&mail).listen("127.0.0.1:0".parse()?);
//! let server = Server::bind(config, users)?;
//! let (_, address) = server.addresses().next().ok_or("no listener")?;
//!
//! let stop = Stop::new();
//! let until = stop.clone();
//! let serving = std::thread::spawn(move || server.run(Runtime::Tokio, &until));
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
//! # Users
//!
//! [`Users`] says where they come from: a [`UsersFile`], a [`Table`] in memory, or a panel's own database, which has to
//! find a [`User`] by name and nothing else. The [`Gatekeeper`] checks credentials of all kinds against that, computes
//! hashes on threads of its own, and slows down who guesses.
//!
//! # The users file
//!
//! A line is `name:` and one form: `{PLAIN}secret`, where the password goes to the end of the line,
//! spaces included; a PHC string (argon2, scrypt or pbkdf2); SCRAM keys
//! (`SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, RFC 5803); `{CERT}` and the SHA-256 of a
//! client's certificate; `{TOKEN}`; or a setting, `{LOGIN-DELAY}seconds` or `{EXPIRE}days`.
//!
//! A name may stand on several lines, for forms of different kinds: one password in clear or as a PHC
//! string, one set of SCRAM keys for each hash, any number of certificates. Empty lines and lines that
//! begin with `#` are skipped.
//!
//! # What it does to its process
//!
//! Nothing is printed, no signal is caught, and no limit of the process is changed. What happens is told through
//! [`tracing`]: each session and each refused login is an event; [`log`] writes such events as lines. To serve many
//! connections, call [`raise_open_files`] first: [`Server::bind`] counts how many connections the limit allows.
//!
//! # Features
//!
//! `tokio` (default), `async-std`, `smol` and `threads` bring one [`Runtime`] each; at least one is needed to serve.
//! `log` (default) brings [`log`]. `self-signed` brings [`Certificate::self_signed`].
//!
//! The crate needs a Unix, as Maildirs do.
#![cfg_attr(
    not(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads")),
    expect(unused, reason = "without a runtime there is no server, but users and their checks")
)]

mod announced;
mod brake;
mod certificate;
mod config;
mod delays;
mod descriptors;
mod error;
mod external;
mod gate;
mod guarded;
mod listeners;
#[cfg(feature = "log")]
pub mod log;
mod offer;
mod places;
mod policy;
mod server;
mod source;
mod store;
mod throttle;
mod tokens;
mod users;
mod workers;
mod written;

pub use certificate::Certificate;
pub use config::{Config, Limits};
pub use descriptors::raise as raise_open_files;
pub use error::{Error, ErrorKind};
pub use gate::Gatekeeper;
pub use listeners::Runtime;
pub use offer::Offer;
pub use pop3_driver::Stop;
pub use pop3_driver::server::Entrance;
pub use server::Server;
pub use tokens::TokenCommand;
pub use users::{
    BadForm, BadPassword, LoggedIn, PasswordForm, Profile, SaltKey, Table, TableError, User, UserName, Users,
    UsersFile, parse_days,
};
pub use written::{parse_host, parse_implementation, parse_mechanisms, parse_network, this_host};
