//! The server side of POP3.
//!
//! [`ServerConnection`] is the type that most callers use. It splits the received octets into commands, applies the
//! rules, and appends the replies to a buffer. [`ServerSession`](rules::ServerSession) holds the rules alone: what
//! each command does in each state.
//!
//! The connection returns a [`Request`] when it needs something from outside. Your code, the *store*, must then check
//! credentials, continue a SASL exchange, supply the content of a message, remove messages at QUIT, or decide whether
//! to believe a proxy. It replies with an [`Answer`].
//!
//! ```
//! use bytes::BytesMut;
//! use pop3_proto::server::{Accepted, Answer, ServerConfig, ServerConnection, Request, ServerStep};
//! use pop3_proto::{Channel, Input, Instant, Snapshot, UniqueId};
//!
//! let now = Instant::EPOCH;
//! let message = b"Subject: hello\n\n.dot\n";
//! let mut connection = ServerConnection::new(ServerConfig::default().into(), Channel::TrustedPlaintext, None, now);
//! let mut out = BytesMut::new();
//! let mut input = Input::new(b"USER mrose\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n");
//! loop {
//!     match connection.poll(now, &mut input, &mut out) {
//!         ServerStep::Ask(Request::Password { password, .. }) => {
//!             assert!(password.same_octets(b"secret"));
//!             let mut snapshot = Snapshot::new();
//!             snapshot.push(pop3_proto::dots::wire_size(message), UniqueId::parse(b"a").unwrap());
//!             connection.answer(Answer::Accept(Accepted::from(snapshot)), now, &mut out).unwrap();
//!         }
//!         ServerStep::Ask(Request::Fetch { .. }) => {
//!             connection.answer(Answer::Message, now, &mut out).unwrap();
//!             let _ = connection.body(message, &mut out).unwrap();
//!             connection.answer(Answer::EndOfMessage, now, &mut out).unwrap();
//!         }
//!         ServerStep::Ask(Request::Commit(deletions)) => {
//!             assert!(deletions.is_empty());
//!             connection.answer(Answer::committed(0), now, &mut out).unwrap();
//!         }
//!         ServerStep::Close(_) => break,
//!         step => panic!("nothing else happens here: {step:?}"),
//!     }
//! }
//! assert!(out.ends_with(b"Subject: hello\r\n\r\n..dot\r\n.\r\n+OK bye\r\n"));
//! ```

mod action;
mod announcement;
mod body;
mod client_info;
mod config;
mod connection;
mod exchange;
mod language;
mod line;
mod listing;
mod login;
mod mechanism;
mod offers;
pub mod rules;
mod session;
mod state;
mod timing;
mod vocabulary;
mod write;

pub use client_info::ClientInfo;
pub use config::{Limits, ServerConfig};
pub use connection::{ServerConnection, ServerStep};
pub use language::{Language, TranslationError};
pub use line::Line;
pub use listing::{Listing, ListingEntry};
pub use mechanism::{Needs, OfferedMechanism, SaslRequest};
pub use session::SessionTotals;
pub use state::ServerState;
pub use vocabulary::{Accepted, Answer, Close, Extent, Request, ServerEvent, ServerMisuse};
pub use write::turn_away;
