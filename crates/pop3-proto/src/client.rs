//! The role of the client.
//!
//! [`Session`] has the rules: which command may be sent when, and what a reply changes. It knows no
//! octets and no time. [`Connection`] has the octets: it writes commands, cuts replies out of
//! whatever pieces were read, pairs them with the commands, and keeps the limits and the deadlines
//! of [`Config`].
//!
//! ```
//! use bytes::BytesMut;
//! use pop3_proto::client::{Config, Connection, Entry, Event};
//! use pop3_proto::{Channel, Command, Input, Instant, Name, Password};
//!
//! let now = Instant::EPOCH;
//! let mut client = Connection::new(Config::default(), Channel::Tls, now);
//! // What a server would answer; a real caller reads it from a socket, after each command.
//! let mut replies = [&b"+OK\r\n"[..], b"+OK\r\n", b"+OK 2 messages\r\n1 120\r\n2 200\r\n.\r\n"].into_iter();
//! let mut received = b"+OK ready\r\n".to_vec();
//! let mut to_send = BytesMut::new();
//! let commands = [
//!     Command::User(Name::parse(b"mrose")?),
//!     Command::Pass(Password::parse(b"tanstaaf")?),
//!     Command::List(None),
//! ];
//! let mut commands = commands.iter();
//! let mut octets = 0;
//! loop {
//!     let mut input = Input::new(&received);
//!     let done = match client.poll(now, &mut input)? {
//!         Event::Entry { entry: Entry::Scan(listing), .. } => {
//!             octets += listing.octets;
//!             false
//!         }
//!         event => event.ends_reply(),
//!     };
//!     let consumed = input.consumed();
//!     received.drain(..consumed);
//!     if done {
//!         let Some(command) = commands.next() else { break };
//!         client.send(command, now, &mut to_send)?;
//!         received.extend_from_slice(replies.next().unwrap());
//!     }
//! }
//! assert_eq!(octets, 320);
//! assert_eq!(&to_send[..], b"USER mrose\r\nPASS tanstaaf\r\nLIST\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod awaited;
mod challenge;
mod config;
mod connection;
mod due;
mod entry;
mod error;
mod event;
mod excerpt;
mod first_line;
mod lines;
mod masking;
mod misuse;
mod outgoing;
mod outstanding;
mod patience;
mod receive;
mod sending;
mod session;
mod shown;
mod state;

pub use challenge::Challenge;
pub use config::Config;
pub use connection::Connection;
pub use entry::Entry;
pub use error::{Error, Protocol};
pub use event::Event;
pub use excerpt::Excerpt;
pub use misuse::{Misuse, SendError};
pub use outgoing::Outgoing;
pub use session::{Action, Session, Signal};
pub use state::State;
