//! SASL mechanisms without I/O (RFC 4422), for clients and servers.
//!
//! Use this crate to let a user log in to a server of POP3, IMAP, SMTP or a protocol of your own. It has no sockets,
//! no clock and no source of random numbers. You transport the messages between the two sides. If you write a POP3
//! client or server, `pop3-driver` and its adapters already do that for you.
//!
//! # Mechanisms
//!
//! | Mechanism | How the user proves the identity | What the server needs |
//! |---|---|---|
//! | SCRAM-SHA-1, -256, -512 (RFC 5802, RFC 7677), each with -PLUS | a proof without sending the password | stored [keys](scram::Keys) |
//! | PLAIN (RFC 4616), LOGIN | the password | any way to verify the password |
//! | OAUTHBEARER (RFC 7628), XOAUTH2 | a bearer token | a way to verify tokens |
//! | EXTERNAL (RFC 4422 appendix A) | the TLS certificate of the client | a user for each certificate |
//! | CRAM-MD5 (RFC 2195), with the feature `md5` | a digest | the password in clear text |
//! | ANONYMOUS (RFC 4505) | none | a decision to admit guests |
//!
//! A server makes its list of mechanisms with [`server::Offer`]. A client chooses from it with
//! [`client::candidates`].
//!
//! # Example: a SCRAM exchange
//!
//! ```
//! use pop3_sasl::client::{self, Credentials, MechanismPolicy, candidates};
//! use pop3_sasl::scram::{Hash, Keys};
//! use pop3_sasl::server::{self, Decision, Question, ExchangeStep};
//! use pop3_sasl::{Mechanism, Nonce};
//!
//! // The server keeps this, not the password. Salts and nonces come from a source of random octets.
//! let keys = Keys::derive(Hash::Sha256, b"pencil", &[0x5a; 16], 4096)?;
//!
//! // The client chooses a mechanism from the offer of the server, and starts.
//! let fred = Credentials::new("fred").with_password("pencil");
//! let mechanism = candidates(["PLAIN", "SCRAM-SHA-256"], &fred, &MechanismPolicy::default())[0];
//! assert_eq!(mechanism, Mechanism::ScramSha256);
//! let setup = client::ClientSetup::new(Nonce::from_random([1; 18]));
//! let mut client = client::ClientExchange::new(mechanism, &fred, &setup)?;
//! let initial = client.take_initial();
//!
//! // Then the two sides take turns.
//! let setup = server::ServerSetup::new(Nonce::from_random([2; 18]), "a secret of the server");
//! let mut server = server::ServerExchange::new(mechanism, setup);
//! let mut step = server.begin(initial.as_ref().map(|message| message.expose().as_slice()))?;
//! let identity = loop {
//!     step = match step {
//!         ExchangeStep::Challenge(challenge) => {
//!             // To the client as `+ <base64>`, and its line back.
//!             let response = client.respond(challenge.expose())?;
//!             server.respond(response.expose())?
//!         }
//!         ExchangeStep::Ask(Question::Keys { name, hash: Hash::Sha256, .. }) if name == "fred" => {
//!             server.answer(Decision::Keys(Some(keys.clone())))?
//!         }
//!         ExchangeStep::Ask(_) => server.answer(Decision::Refused)?,
//!         ExchangeStep::Done(identity) => break identity, // `+OK`
//!         ExchangeStep::Fail(failure) => return Err(failure.into()), // `-ERR`
//!     };
//! };
//! assert_eq!(identity.acts_as(), Some("fred"));
//! client.finish()?; // at `+OK`
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises and limits
//!
//! - **A client believes a success only if the mechanism allows it.** With SCRAM, the server must prove that it knows
//!   the keys (RFC 5802 section 3): always call [`finish`](client::ClientExchange::finish).
//! - **No input panics.** Messages have a maximum length, and every exchange ends after at most three client
//!   messages.
//! - **A server exchange never blocks.** If it needs a key or a decision, it returns a [`Question`](server::Question)
//!   and waits for the answer. You can ask a database in the meantime.
//! - **You transport the messages.** The encoding as base64, the first line and the line `*` that cancels belong to
//!   the protocol around SASL (RFC 5034 section 4 for POP3).
//! - **There is no security layer.** Use TLS to encrypt the connection.
//! - **You supply the randomness**: nonces, salts and channel bindings are arguments.
//!
//! # RFCs
//!
//! RFC 4422 (SASL), RFC 4013 (SASLprep, in [`saslprep`]), RFC 5802 and RFC 7677 (SCRAM), RFC 5929 and RFC 9266
//! (channel bindings), RFC 4616 (PLAIN), RFC 7628 (OAUTHBEARER), RFC 2195 (CRAM-MD5), RFC 4505 (ANONYMOUS).
//!
//! # Features
//!
//! No feature is on by default.
//!
//! - `md5`: CRAM-MD5. Without it, no server [offers](server::Offer) and no client chooses CRAM-MD5, although the
//!   crate knows its name. [`Mechanism::is_available`] returns whether a mechanism can be used.
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

mod binding;
pub mod client;
mod cram_md5;
mod keyed;
mod mechanism;
mod nonce;
pub mod saslprep;
pub mod scram;
pub mod server;
mod text;

pub use binding::{BindingKind, ChannelBindings};
pub use mechanism::Mechanism;
pub use nonce::Nonce;
pub use pop3_secret::Secret;
