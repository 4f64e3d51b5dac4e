//! TLS: who a transport is in a handshake, and what was agreed on; and with the feature `rustls`, on by default, what
//! all adapters need of rustls, with the settings that mail wants.
//!
//! This is the only module of this crate whose signatures have types of rustls. It follows rustls 0.23, which it has
//! as `rustls`; a later major version of rustls is a major version of this crate.
//!
//! TLS 1.2 and 1.3 and nothing older (RFC 8314 section 4.1, RFC 8997), ALPN `pop3` (RFC 7301), no
//! early data: a command that can be replayed is a message that can be lost.
//!
//! The cryptography is that of the provider that the process has installed
//! (`rustls::crypto::CryptoProvider::install_default`); where none is, that of ring, which is the feature `ring`, on by
//! default.

#[cfg(feature = "rustls")]
mod agreed;
#[cfg(feature = "rustls")]
mod connector;
#[cfg(feature = "rustls")]
mod end_point;
#[cfg(feature = "rustls")]
mod handshake;
mod info;
#[cfg(feature = "rustls")]
mod settings;

#[cfg(feature = "rustls")]
pub use connector::Connector;
#[cfg(feature = "rustls")]
pub use handshake::ServerHandshake;
pub use info::{Certificate, TlsInfo};
#[cfg(feature = "rustls")]
pub use rustls;
#[cfg(feature = "ring")]
pub use settings::provider;
#[cfg(feature = "rustls")]
pub use settings::{
    client_config, client_config_with, client_verifier, harden_client, harden_server, server_config,
    server_config_with_client_ca,
};

use std::io;

/// The protocol's name in ALPN.
pub const ALPN: &[u8] = b"pop3";

/// Who a transport is in a handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Role {
    /// The server's side (feature `rustls`).
    #[cfg(feature = "rustls")]
    Server(std::sync::Arc<rustls::ServerConfig>),
    /// The client's side (feature `rustls`).
    #[cfg(feature = "rustls")]
    Client(Connector),
    /// No handshake can be done.
    None,
}

/// The fault of a handshake that can't be done.
#[must_use]
pub fn unavailable() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "there is no certificate, or the connection is in TLS already")
}

/// Whether what came is no TLS record at all.
#[cfg(feature = "rustls")]
pub(crate) fn is_not_tls(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    matches!(cause, Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)))
}

/// Whether it is rustls that does not like what came.
#[cfg(feature = "rustls")]
pub(crate) fn is_of_rustls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.source().is_some_and(|source| source.is::<rustls::Error>())
    })
}

/// Without rustls nothing is of it.
#[cfg(not(feature = "rustls"))]
pub(crate) fn is_of_rustls(_: &io::Error) -> bool {
    false
}
