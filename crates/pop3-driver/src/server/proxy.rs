//! The proxy that a client came through.

#[cfg(feature = "proxy")]
mod header;

#[cfg(feature = "proxy")]
pub(super) use header::Header;

use core::net::SocketAddr;

/// The proxy that a client came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxy {
    /// The proxy's own address, if it has one.
    pub address: Option<SocketAddr>,
    /// Whether the proxy says that the client speaks TLS with it (version 2 only). How the octets travel
    /// between the proxy and this server is another matter.
    pub tls: bool,
}

impl Proxy {
    /// A proxy at this address, and whether it speaks TLS with the client: for tests of a
    /// [`Service`](super::Service).
    #[must_use]
    pub const fn new(address: Option<SocketAddr>, tls: bool) -> Self {
        Self { address, tls }
    }
}
