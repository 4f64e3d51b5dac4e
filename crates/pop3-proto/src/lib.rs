//! The POP3 protocol without I/O, for servers and clients.
//!
//! This crate implements the grammar, the states, the limits and the deadlines of POP3 (RFC 1939 and its extensions).
//! It uses no sockets, clocks, files, threads or random numbers. You pass octets and the time to it, and it returns
//! decisions and the octets to send. It therefore runs under any runtime, in an event loop of your own, or without
//! `std` on a microcontroller, and tests need no network.
//!
//! # When to use it
//!
//! Use this crate if you have an event loop of your own, no `std`, or bindings for another language. Otherwise, you
//! need less code with a crate that builds on it:
//!
//! - `pop3-tokio`, `pop3-async-std` and `pop3-std` have a ready client and server for their runtime.
//! - `pop3-driver` has the loops over this crate for any runtime.
//! - `pop3-sasl` has the SASL mechanisms for AUTH. This crate only carries their messages (RFC 5034).
//! - `pop3-observer` reads along with sessions between other clients and servers.
//!
//! # Example
//!
//! The server side of a session. The octets would come from a socket.
//!
//! ```
//! use bytes::BytesMut;
//! use pop3_proto::server::{Accepted, Answer, ServerConfig, ServerConnection, Request, ServerStep};
//! use pop3_proto::{Channel, Input, Instant, Snapshot, Rejection, UniqueId};
//!
//! let now = Instant::EPOCH;
//! let mut connection = ServerConnection::new(ServerConfig::default().into(), Channel::Tls, None, now);
//! let mut out = BytesMut::new();
//! let mut input = Input::new(b"USER mrose\r\nPASS tanstaaf\r\nSTAT\r\n");
//! loop {
//!     match connection.poll(now, &mut input, &mut out) {
//!         // Send `out`, then read from the socket and call `poll` again.
//!         ServerStep::Read => break,
//!         ServerStep::Ask(Request::Password { .. }) => {
//!             // Check the credentials here. Then describe the maildrop: a size and a unique-id for each message.
//!             let mut snapshot = Snapshot::new();
//!             snapshot.push(120, UniqueId::parse(b"whqtswO00WBw418f9t5JxYwZ")?);
//!             connection.answer(Answer::Accept(Accepted::from(snapshot)), now, &mut out)?;
//!         }
//!         // RETR, TOP and QUIT ask your store in the same way.
//!         step => panic!("{step:?}"),
//!     }
//! }
//! assert!(out.starts_with(b"+OK") && out.ends_with(b"+OK 1 120\r\n"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! [`server`] continues this example with messages and QUIT. [`client`] has an example of the other side.
//!
//! # Three layers
//!
//! Each layer can be used alone:
//!
//! 1. **Connections** ([`server::ServerConnection`] and [`client::ClientConnection`]) are what most callers use. They
//!    take octets in pieces of any size, split them into lines, apply the rules, and append the octets to send to a
//!    buffer.
//! 2. **Rules** ([`server::rules::ServerSession`] and [`client::rules::ClientSession`]) are the state machines alone,
//!    without octets, buffers or time.
//! 3. **Words** are pure functions that read and write parts of the protocol: [`Command`], [`Reply`], [`Capability`],
//!    [`listing`], [`dots`], [`apop`].
//!
//! # Guarantees
//!
//! - **No input makes it panic, hang, or use unlimited memory.** All lines and lists have limits, see
//!   [`server::Limits`] and [`client::ClientConfig`].
//! - **A message is removed only at QUIT** (RFC 1939 section 6).
//! - **No password is sent without protection.** On a [`Channel::Plaintext`], a client refuses to send one and a
//!   server refuses to accept one.
//! - **Commands and replies that were received before TLS are discarded** (RFC 2595 section 4).
//! - **The caller keeps the time.** Call `poll` again at the `deadline` of the connection, even if nothing was
//!   received.
//! - It is `no_std` with `alloc` and has no `unsafe` code.
//!
//! # RFCs
//!
//! | RFC | Subject | Where |
//! |---|---|---|
//! | 1939 | POP3, with TOP, UIDL (section 7) and APOP (section 7) | [`Command`], [`listing`], [`dots`], [`apop`] |
//! | 2449, 3206 | CAPA (section 5), response codes (section 8) | [`Capability`], [`ResponseCode`] |
//! | 2595 | STLS (section 4) | [`Channel`] |
//! | 4647, 5646 | Language ranges and tags | [`LanguageRange`] |
//! | 5034 | AUTH (section 4) | [`MechanismName`], [`Base64`] |
//! | 6856 | UTF8 (section 2), LANG (section 3) | [`server::ServerConfig`], [`LanguageRange`] |
//!
//! # Features
//!
//! No feature is on by default.
//!
//! - `arbitrary`: implements `Arbitrary` of the crate [arbitrary](https://docs.rs/arbitrary) for the words, for fuzz
//!   targets and property tests. Every value is valid: its type can parse what it writes. The crate arbitrary needs
//!   `std`.
//! - `md5`: computes and verifies the digests of APOP. Without it, a server refuses APOP, and its greeting has no
//!   timestamp.
//! - `serde`: implements `Serialize` of [serde](https://docs.rs/serde) for the words, and `Deserialize` for those that
//!   own their octets. Deserializing checks what the parser checks. Octets of the peer are text if they are UTF-8 and
//!   the format is for people. Secrets, and commands that may contain one, are never serialized. It needs no `std`.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic
    )
)]

extern crate alloc;

pub mod apop;
mod capabilities;
mod capability;
mod channel;
pub mod client;
mod command;
pub mod dots;
mod escaped;
#[cfg(feature = "arbitrary")]
mod generate;
mod hex;
mod input;
mod instant;
mod language;
mod line;
pub mod listing;
mod maildrop;
mod number;
#[cfg(feature = "serde")]
mod peer_octets;
mod quirk;
mod quirks;
mod rejection;
mod reply;
mod sasl;
#[cfg(feature = "serde")]
mod seconds;
#[cfg(feature = "serde")]
mod serialize;
pub mod server;
mod text_id;
mod unique_id;

pub use capabilities::Capabilities;
pub use capability::{Capability, Expire, LoginDelay};
pub use channel::Channel;
pub use command::{
    ArgumentError, Command, CommandError, Extension, Keyword, Name, Password, ReplyShape, Xclient,
};
pub use input::Input;
pub use instant::Instant;
pub use language::LanguageRange;
pub use maildrop::{Deletions, Octets, Snapshot, SnapshotUid};
pub use number::MessageNumber;
pub use pop3_secret::Secret;
pub use quirk::Quirk;
pub use quirks::Quirks;
pub use rejection::Rejection;
pub use reply::{Advice, Reply, ResponseCode, Status};
pub use sasl::{Base64, MechanismName, encode_base64};
pub use text_id::TextId;
pub use unique_id::{UniqueId, UniqueIdError};
