//! Who is at the other end of a connection, and how a log tells its session from others.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::sync::atomic::{AtomicU64, Ordering};

use pop3_proto::server::ClientInfo;

use super::place::Place;
#[cfg(feature = "proxy")]
use super::proxy::Header;
use super::proxy::Proxy;
use crate::tls::TlsInfo;

/// Who is at the other end.
///
/// Connections that do not come over a network have no address: those over a Unix socket, within memory, or
/// over a stream of the caller's. A policy that counts or slows down by address has to say what it does with
/// them; see [`ip`](Self::ip).
///
/// `Display` shows the client's address, or `-` where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The session that this connection is for. It stays the same whatever else changes here.
    pub session: SessionId,
    /// The client's address, if it has one: as a proxy has told it, where there is one.
    pub address: Option<SocketAddr>,
    /// The address that the client has connected to, if there is one: the server's own, or the proxy's.
    pub local: Option<SocketAddr>,
    /// The proxy that the client came through, if one has said so.
    pub proxy: Option<Proxy>,
    /// What TLS has agreed on, once it has. Behind a proxy that has said XCLIENT, or whose header says that
    /// TLS ends at it, there are no certificates, no name and no channel bindings: they are not the client's.
    pub tls: Option<TlsInfo>,
    /// What [`Service::accept`](super::Service::accept) has given to this connection.
    pub place: Place,
}

impl Peer {
    /// A peer on a network, without TLS, and a new session. An IPv4 address in the form of IPv6
    /// (`::ffff:192.0.2.1`) is taken as the IPv4 address that it is.
    #[must_use]
    pub fn new(address: SocketAddr, local: SocketAddr) -> Self {
        Self { address: Some(canonical(address)), local: Some(canonical(local)), ..Self::without_address() }
    }

    /// A peer that has no address, without TLS, and a new session.
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

    /// The client's IP address, if it has one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.address.map(|address| address.ip())
    }

    /// Takes over what the header of a proxy tells. The header of a proxy that speaks for itself, as for a check of
    /// health, changes no address.
    #[cfg(feature = "proxy")]
    pub(super) fn came_through(&mut self, header: &Header) {
        self.proxy = Some(Proxy::new(self.address, header.tls));
        if let Some((client, local)) = header.addresses {
            self.address = Some(canonical(client));
            self.local = Some(canonical(local));
        }
    }

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

/// The number of a session, from 1 on. No other session of this process has or had the same one; another
/// process, or the same program after a restart, begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(u64);

impl SessionId {
    fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The number.
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
