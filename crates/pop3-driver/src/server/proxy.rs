//! How a proxy tells whom it speaks for: by a header of the PROXY protocol of HAProxy, version 1 or 2, or
//! by the command XCLIENT.

#[cfg(feature = "proxy")]
mod header;

use core::net::SocketAddr;

use pop3_proto::server::ClientInfo;

use super::peer::{Peer, canonical};

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

impl Peer {
    /// Takes over what a trusted proxy has told by XCLIENT; what it has not told stays.
    pub(super) fn speaks_for(&mut self, client: &ClientInfo) {
        let Some(address) = client.address else { return };
        if self.proxy.is_none() {
            self.proxy = Some(Proxy::new(self.address, false));
        }
        // The port that is known is the proxy's own.
        self.address = Some(canonical(SocketAddr::new(address, client.port.unwrap_or_default())));
    }
}
