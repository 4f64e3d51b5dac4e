//! The [`Builder`] of clients that the adapters `pop3-tokio`, `pop3-async-std` and `pop3-std` share.
//!
//! Programs use it as `Client::builder` of their adapter and do not name this crate. A new adapter implements
//! [`Adapter`], and [`Over`] for the streams that it supports.
//!
//! The builder collects a [`Plan`]. The adapter turns the plan into a [`Prepared`] connection, connects in its own
//! way, and calls [`Prepared::finish`] to log in. This crate opens no sockets.
//!
//! # Features
//!
//! - `rustls`: TLS, with a rustls configuration from the caller.
//! - `trust`: the certificate authorities of the system, PEM files and fingerprints.

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

/// Shows an error with its causes, for a program that prints errors.
pub use pop3_text::reasons;

/// PEM files and fingerprints.
#[cfg(feature = "trust")]
pub use pop3_certificates as certificates;
/// Which certificates a client trusts, and why it refused one.
#[cfg(feature = "trust")]
pub use pop3_trust as trust;
