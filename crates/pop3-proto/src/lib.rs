//! The POP3 protocol without I/O.
//!
//! This crate knows the grammar, the dots, the states, the limits and the deadlines of POP3, in the
//! role of the server and in the role of the client. It knows no sockets, clocks, files, TLS
//! library, runtime or source of randomness: octets, time and random octets are arguments, octets
//! and decisions are results.
//!
//! It has three storeys, and each is of use alone:
//!
//! 1. **Words**: pure functions of octets ([`Command`], [`Reply`], [`Capability`], [`listing`],
//!    [`dots`], [`apop`]).
//! 2. **Rules**: [`server::Session`] and [`client::Session`], transitions of values; no octets, no
//!    time, no buffers.
//! 3. **Bytes**: [`server::Connection`] and [`client::Connection`], which cut lines out of whatever
//!    pieces the caller has read, apply the rules, and append what is to be sent.
//!
//! No feature is on by default. `md5` lets both roles compute and verify the digest of APOP; without it a server
//! refuses APOP and puts no timestamp into its greeting.
//!
//! The crate is `no_std` (with `alloc`), has no `unsafe`, and does not panic on any input.
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
mod input;
mod instant;
mod language;
mod line;
pub mod listing;
mod maildrop;
mod number;
mod quirk;
mod quirks;
mod rejection;
mod reply;
mod sasl;
pub mod server;
mod text_id;
mod unique_id;

pub use capabilities::Capabilities;
pub use capability::{Capability, Expire, LoginDelay};
pub use channel::Channel;
pub use command::{
    ArgumentError, Command, CommandError, Extension, Keyword, Name, Password, ReplyShape, Xclient,
};
pub use escaped::Escaped;
pub use input::Input;
pub use instant::Instant;
pub use language::{LanguageError, LanguageRange};
pub use maildrop::{Deletions, Maildrop, Marks, Octets};
pub use number::MessageNumber;
pub use pop3_secret::Secret;
pub use quirk::Quirk;
pub use quirks::Quirks;
pub use rejection::Rejection;
pub use reply::{Advice, Reply, ReplyError, ResponseCode, Status};
pub use sasl::{Base64, MechanismName, SaslResponse, SaslTextError, encode_base64};
pub use text_id::TextId;
pub use unique_id::{UniqueId, UniqueIdError};
