//! The peer of a connection, and the number of its session.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use pop3_proto::server::ClientInfo;

use super::place::Place;
#[cfg(feature = "proxy")]
use super::proxy::Header;
use super::proxy::Proxy;
use crate::tls::TlsInfo;

/// The peer of a connection, and what is known about it.
///
/// A connection that does not come over a network has no address, for example one over a Unix socket, in memory, or
/// over a stream of your own. If you count or delay connections by address, decide what to do with these; see
/// [`ip`](Self::ip).
///
/// `Display` shows the address of the client, or `-` if there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The number of the session. It never changes for a connection.
    pub session: SessionId,
    /// The address of the client, if it has one. Behind a proxy, the address that the proxy reported.
    pub address: Option<SocketAddr>,
    /// The address that the client has connected to, if there is one: an address of this server or of the proxy.
    pub local: Option<SocketAddr>,
    /// The proxy through which the client came, if it has identified itself.
    pub proxy: Option<Proxy>,
    /// The result of the TLS handshake, once TLS is in use. If TLS ends at the proxy, or after XCLIENT, there are no
    /// certificates, no server name and no channel bindings, because they do not belong to the client.
    pub tls: Option<Arc<TlsInfo>>,
    /// The place that [`Service::accept`](super::Service::accept) returned for this connection.
    pub place: Place,
}

impl Peer {
    /// Creates a peer on a network, without TLS, with a new session number. An IPv4-mapped IPv6 address
    /// (`::ffff:192.0.2.1`) becomes the IPv4 address.
    #[must_use]
    pub fn new(address: SocketAddr, local: SocketAddr) -> Self {
        Self { address: Some(canonical(address)), local: Some(canonical(local)), ..Self::without_address() }
    }

    /// Creates a peer without an address and without TLS, with a new session number.
    #[must_use]
    pub fn without_address() -> Self {
        Self {
            session: SessionId::next(),
            address: None,
            local: None,
            proxy: None,
            tls: None,
            place: Place::none(),
        }
    }

    /// Returns the IP address of the client, if it has one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }

    /// Applies the header of a proxy. If the proxy speaks for itself, for example in a health check, the addresses do
    /// not change.
    #[cfg(feature = "proxy")]
    pub(super) fn came_through(&mut self, header: &Header) {
        self.proxy = Some(Proxy::new(self.address, header.tls));
        if let Some((client, local)) = header.addresses {
            self.address = Some(canonical(client));
            self.local = Some(canonical(local));
        }
    }

    /// Applies what a trusted proxy reported with XCLIENT. The rest does not change.
    pub(super) fn speaks_for(&mut self, client: &ClientInfo) {
        let Some(address) = client.address else { return };
        if self.proxy.is_none() {
            self.proxy = Some(Proxy::new(self.address, false));
        }
        // Do not use the known port: it belongs to the proxy.
        self.address = Some(canonical(SocketAddr::new(address, client.port.unwrap_or_default())));
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// The same address, in the form of IPv4 if it is one.
const fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(v6.ip().to_canonical(), v6.port())
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => address,
    }
}

/// The number of a session, counted from 1. It is unique within this process, but starts again at 1 when the program
/// is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_may_have_no_address_and_always_has_a_session_of_its_own() {
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:4711".parse().unwrap();
        let peer = Peer::new(mapped, mapped);
        assert_eq!((peer.to_string().as_str(), peer.ip()), ("192.0.2.1:4711", Some([192, 0, 2, 1].into())));
        let nameless = Peer::without_address();
        assert_eq!((nameless.to_string().as_str(), nameless.ip()), ("-", None));
        assert!(nameless.session > peer.session && nameless.clone().session == nameless.session);
        assert_eq!(peer.session.to_string(), peer.session.get().to_string());
    }
}
