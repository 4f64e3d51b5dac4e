//! The [`Builder`] of clients that the adapters `pop3-tokio`, `pop3-async-std` and `pop3-std` share.
//!
//! Programs use it as `Client::builder` of their adapter, and do not name this crate. A new adapter implements
//! [`Adapter`], and [`Over`] for the streams that it can use.
//!
//! The builder collects a [`Plan`]. The adapter turns it into a [`Prepared`] connection, connects in its own way, and
//! lets [`Prepared::finish`] log in. Nothing in here opens a socket.
//!
//! # Features
//!
//! - `rustls`: TLS, with a rustls configuration of the caller's.
//! - `trust`: the authorities that the system trusts, PEM files and fingerprints.

mod builder;
mod connecting;
mod fault;
mod login;
mod plan;
mod prepared;

pub use builder::{Adapter, Builder, Over};
pub use connecting::Connecting;
pub use plan::Plan;
pub use prepared::Prepared;

/// PEM files and fingerprints.
#[cfg(feature = "trust")]
pub use pop3_certificates as certificates;
/// Whom a client believes, and why it refused a certificate.
#[cfg(feature = "trust")]
pub use pop3_trust as trust;
