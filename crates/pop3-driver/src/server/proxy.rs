//! The proxy in front of a client.

#[cfg(feature = "proxy")]
mod header;

#[cfg(feature = "proxy")]
pub(super) use header::Header;

use core::net::SocketAddr;

/// The proxy through which a client came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxy {
    /// The address of the proxy, if it has one.
    pub address: Option<SocketAddr>,
    /// Whether the proxy reports that the client uses TLS to it (PROXY version 2 only). This says nothing about how
    /// the connection between the proxy and this server is protected.
    pub tls: bool,
}

impl Proxy {
    /// Creates a proxy with this address, and with the information whether the client uses TLS to it. Use it in tests
    /// of a [`Service`](super::Service).
    #[must_use]
    pub const fn new(address: Option<SocketAddr>, tls: bool) -> Self {
        Self { address, tls }
    }
}
