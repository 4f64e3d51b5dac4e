//! The client side of POP3.
//!
//! [`ClientConnection`] is the type that most callers use. It writes commands, reads replies from received octets in
//! pieces of any size, matches them with the commands, and applies the limits and deadlines of [`ClientConfig`].
//! [`ClientSession`](rules::ClientSession) holds the rules alone, without octets and time: which command may be sent
//! when, and what a reply changes.
//!
//! ```
//! use bytes::BytesMut;
//! use pop3_proto::client::{ClientConfig, ClientConnection, ReplyItem, ClientEvent};
//! use pop3_proto::{Channel, Command, Input, Instant, Name, Password};
//!
//! let now = Instant::EPOCH;
//! let mut client = ClientConnection::new(ClientConfig::default(), Channel::Tls, now);
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
//!         ClientEvent::Entry { entry: ReplyItem::Scan(listing), .. } => {
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
mod outstanding;
mod patience;
mod receive;
pub mod rules;
mod sending;
mod shown;
mod state;

pub use challenge::Challenge;
pub use config::ClientConfig;
pub use connection::ClientConnection;
pub use entry::ReplyItem;
pub use error::{Protocol, ProtocolError};
pub use event::ClientEvent;
pub use excerpt::Excerpt;
pub use misuse::{ClientMisuse, SendError};
pub use state::ClientState;
