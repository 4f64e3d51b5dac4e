//! TLS: the role of a transport in a handshake, and the result of the handshake. With the feature `rustls`, on by
//! default, it also has the settings of rustls that all adapters share.
//!
//! This is the only module of this crate with types of rustls in its signatures. It uses rustls 0.23 and re-exports
//! it as `rustls`. This crate gets a new major version when it moves to a later major version of rustls.
//!
//! It allows TLS 1.2 and 1.3 (RFC 8314 section 4.1, RFC 8997) with the ALPN name `pop3` (RFC 7301). It disables
//! early data, because an attacker can replay early data, and a replayed command can delete a message.
//!
//! The cryptography is the provider that the process has installed
//! (`rustls::crypto::CryptoProvider::install_default`). If it has installed none, ring is used, with the feature
//! `ring`, which is on by default.

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
mod reloadable;
#[cfg(feature = "rustls")]
mod settings;

#[cfg(feature = "rustls")]
pub use connector::Connector;
#[cfg(feature = "rustls")]
pub use handshake::ServerHandshake;
pub use info::{Certificate, TlsInfo};
#[cfg(feature = "rustls")]
pub use reloadable::ReloadableServerConfig;
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

/// The role of a transport in a TLS handshake.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Role {
    /// The server (feature `rustls`).
    #[cfg(feature = "rustls")]
    Server(std::sync::Arc<rustls::ServerConfig>),
    /// The server, with settings that can be replaced while it listens (feature `rustls`).
    #[cfg(feature = "rustls")]
    ReloadableServer(ReloadableServerConfig),
    /// The client (feature `rustls`).
    #[cfg(feature = "rustls")]
    Client(Connector),
    /// No handshake is possible.
    None,
}

#[cfg(feature = "rustls")]
impl Role {
    /// Returns the settings for a handshake of the server that begins now. Returns `None` for a client, or if no
    /// handshake is possible.
    #[must_use]
    pub fn server_config(&self) -> Option<std::sync::Arc<rustls::ServerConfig>> {
        match self {
            Self::Server(config) => Some(std::sync::Arc::clone(config)),
            Self::ReloadableServer(config) => config.get(),
            Self::Client(_) | Self::None => None,
        }
    }
}

/// The error of a transport that cannot do a handshake.
#[must_use]
pub fn unavailable() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "no certificate is configured, or the connection already \
        uses TLS",
    )
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
