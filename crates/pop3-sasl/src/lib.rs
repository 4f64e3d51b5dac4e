//! SASL mechanisms without I/O (RFC 4422): the client and the server side as step functions.
//!
//! | mechanism | what proves the user | what a server must have |
//! |---|---|---|
//! | SCRAM-SHA-1, -256, -512 (RFC 5802, RFC 7677), each with -PLUS | a proof that hides the password | stored [keys](scram::Keys) |
//! | PLAIN (RFC 4616), LOGIN | the password | anything that can verify it |
//! | OAUTHBEARER (RFC 7628), XOAUTH2 | a bearer token | a verifier of tokens |
//! | EXTERNAL (RFC 4422 appendix A) | the client's TLS certificate | names for certificates |
//! | CRAM-MD5 (RFC 2195), with the feature `md5` | a digest | the password in clear |
//! | ANONYMOUS (RFC 4505) | nothing | the wish to have guests |
//!
//! No feature is on by default. Without `md5` the name of CRAM-MD5 is known and no more: no server
//! [offers](server::Offer) it, no client chooses it, and [`Mechanism::is_available`] tells.
//!
//! None has a security layer; that is for TLS. The crate knows nothing of the protocol around it: base64,
//! the line that cancels and the one that begins are the caller's. It has no sockets, no clock and no
//! randomness: nonces and channel bindings are arguments. It never panics, whatever a peer sends, and
//! every exchange ends after at most three messages of the client.
//!
//! A server's [`Exchange`](server::Exchange) asks the caller for what it can't know and waits for the answer,
//! so that a database may be asked. A client's [`Exchange`](client::Exchange) believes a success only when
//! the mechanism allows it, which for SCRAM means that the server has proved itself.
//!
//! ```
//! use pop3_sasl::client::{self, Credentials, Policy, candidates};
//! use pop3_sasl::scram::{Hash, Keys};
//! use pop3_sasl::server::{self, Answer, Question, Step};
//! use pop3_sasl::{Mechanism, Nonce};
//!
//! // The server keeps this, not the password. Salts and nonces come from a source of random octets.
//! let keys = Keys::derive(Hash::Sha256, b"pencil", &[0x5a; 16], 4096)?;
//!
//! // The client chooses among what the server offers, and begins.
//! let fred = Credentials::new("fred").with_password("pencil");
//! let mechanism = candidates(["PLAIN", "SCRAM-SHA-256"], &fred, &Policy::default())[0];
//! assert_eq!(mechanism, Mechanism::ScramSha256);
//! let setup = client::Setup::new(Nonce::from_random([1; 18]));
//! let mut client = client::Exchange::new(mechanism, &fred, &setup)?;
//! let initial = client.take_initial();
//!
//! // Everything else is turn and turn about.
//! let setup = server::Setup::new(Nonce::from_random([2; 18]), "a secret of the server");
//! let mut server = server::Exchange::new(mechanism, setup);
//! let mut step = server.begin(initial.as_ref().map(|message| message.expose().as_slice()))?;
//! let identity = loop {
//!     step = match step {
//!         Step::Challenge(challenge) => {
//!             // To the client as `+ <base64>`, and its line back.
//!             let response = client.respond(challenge.expose())?;
//!             server.respond(response.expose())?
//!         }
//!         Step::Ask(Question::Keys { name, hash: Hash::Sha256, .. }) if name == "fred" => {
//!             server.answer(Answer::Keys(Some(keys.clone())))?
//!         }
//!         Step::Ask(_) => server.answer(Answer::Refused)?,
//!         Step::Done(identity) => break identity, // `+OK`
//!         Step::Fail(failure) => return Err(failure.into()), // `-ERR`
//!     };
//! };
//! assert_eq!(identity.acts_as(), Some("fred"));
//! client.finish()?; // at `+OK`
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
