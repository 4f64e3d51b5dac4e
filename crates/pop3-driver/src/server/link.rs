//! The facts about a connection that the server trusts.

use std::sync::Arc;

use pop3_proto::Channel;
use pop3_proto::server::ClientInfo;

use super::Place;
use super::peer::Peer;
#[cfg(feature = "proxy")]
use super::proxy::Header;
use crate::tls::TlsInfo;

/// The facts about a connection that the server trusts: the peer, and how the connection is protected.
///
/// Everything that depends on them (the [`Peer`] for the policy, the channel, the certificate, the channel bindings)
/// is derived by one function. It runs again after each change, so nothing outdated remains.
#[derive(Debug)]
pub(super) struct Link {
    /// The peer of the session, without its place. Shared with whoever knows the peer as it was at the start, as long as
    /// nothing else becomes known about it.
    peer: Arc<Peer>,
    /// The place of the connection.
    place: Place,
    /// The peer of the socket without TLS, as the PROXY header names it, while XCLIENT names another. The header comes
    /// before the session, and only from addresses that the operator has named, so it is valid as long as the socket.
    socket: Option<Box<Peer>>,
    /// Whether XCLIENT was ever accepted. After that, a TLS handshake may be with the proxy or with its client, and
    /// the server cannot tell which.
    proxied: bool,
    /// Whether the connection is in TLS.
    secured: bool,
}

impl Link {
    /// Creates a link for a socket on which nothing was received.
    pub(super) const fn new(socket: Arc<Peer>, place: Place) -> Self {
        Self { peer: socket, place, socket: None, proxied: false, secured: false }
    }

    /// Returns the peer of the session with its place, for the policy, its limits and its log.
    pub(super) fn peer(&self) -> Peer {
        Peer { place: self.place.clone(), ..Peer::clone(&self.peer) }
    }

    /// Returns the peer of the session. Its place is free from now on.
    pub(super) fn into_peer(self) -> Peer {
        Arc::unwrap_or_clone(self.peer)
    }

    /// Records what the header of a proxy says.
    #[cfg(feature = "proxy")]
    pub(super) fn came_through(&mut self, header: &Header) {
        Arc::make_mut(&mut self.peer).came_through(header);
    }

    /// Returns the result of the TLS handshake if it was with the client itself.
    pub(super) fn tls(&self) -> Option<&Arc<TlsInfo>> {
        self.peer.tls.as_ref()
    }

    /// Returns how the session is protected. `trusted` tells whether it may carry passwords without TLS.
    pub(super) const fn channel(&self, trusted: bool) -> Channel {
        match (self.secured, trusted) {
            (true, _) => Channel::Tls,
            (false, true) => Channel::TrustedPlaintext,
            (false, false) => Channel::Plaintext,
        }
    }

    /// Records the client that a trusted proxy has named.
    pub(super) fn speaks_for(&mut self, client: &ClientInfo) {
        let peer = Arc::make_mut(&mut self.peer);
        let tls = peer.tls.take();
        let socket = self.socket.get_or_insert_with(|| Box::new(peer.clone()));
        peer.clone_from(socket);
        peer.speaks_for(client);
        self.proxied = true;
        self.carried_by(tls);
    }

    /// Records that TLS has started. Forgets everything said before it (RFC 2595 section 4). Returns whether this
    /// changes the peer.
    pub(super) fn secured(&mut self, tls: Option<Arc<TlsInfo>>) -> bool {
        let forgotten = self.socket.take();
        let changed = forgotten.is_some();
        if let Some(socket) = forgotten {
            *Arc::make_mut(&mut self.peer) = *socket;
        }
        self.secured = true;
        self.carried_by(tls);
        changed
    }

    /// Sets what is known about TLS, as far as it is the client's own.
    fn carried_by(&mut self, tls: Option<Arc<TlsInfo>>) {
        let of_proxy = self.proxied || self.peer.proxy.is_some_and(|proxy| proxy.tls);
        Arc::make_mut(&mut self.peer).tls =
            tls.map(|tls| if of_proxy { Arc::new(TlsInfo::clone(&tls).of_nobody()) } else { tls });
    }
}

#[cfg(test)]
mod tests {
    use pop3_sasl::ChannelBindings;

    use super::super::proxy::Proxy;
    use super::*;
    use crate::tls::Certificate;

    fn tls() -> TlsInfo {
        TlsInfo::new("TLSv1_3", "x")
            .with_server_name("mail.example.com")
            .with_certificates(vec![Certificate::from_der(&[1, 2, 3])])
            .with_bindings(ChannelBindings::none().with_exporter([7; 32]))
    }

    fn link(proxy: Option<bool>) -> Link {
        let address = ([127, 0, 0, 1], 1).into();
        let mut peer = Peer::new(address, address);
        peer.proxy = proxy.map(|tls| Proxy::new(Some(([127, 0, 0, 2], 2).into()), tls));
        Link::new(Arc::new(peer), Place::none())
    }

    fn client() -> ClientInfo {
        let mut client = ClientInfo::default();
        client.address = Some([192, 0, 2, 7].into());
        client
    }

    fn is_bound(link: &Link) -> bool {
        let tls = link.tls().unwrap();
        assert_eq!(tls.certificates.is_empty(), tls.bindings.is_empty());
        assert_eq!(tls.certificates.is_empty(), tls.server_name.is_none());
        !tls.bindings.is_empty()
    }

    #[test]
    fn tls_is_the_clients_own_unless_a_proxy_is_in_between() {
        for (header, own) in [(None, true), (Some(false), true), (Some(true), false)] {
            let mut link = link(header);
            assert_eq!(link.channel(false), Channel::Plaintext);
            assert!(!link.secured(Some(tls().into())));
            assert_eq!((is_bound(&link), link.channel(true)), (own, Channel::Tls));
            link.speaks_for(&client());
            assert!(!is_bound(&link));
        }
    }

    #[test]
    fn what_xclient_said_ends_with_tls_and_what_it_took_away_does_not_come_back() {
        let mut link = link(None);
        let socket = link.peer().address;
        link.speaks_for(&client());
        assert_eq!(link.peer().ip(), client().address);
        assert!(link.peer().proxy.is_some());
        assert!(link.secured(Some(tls().into())));
        assert_eq!((link.peer().address, link.peer().proxy), (socket, None));
        assert!(!is_bound(&link));
    }
}
