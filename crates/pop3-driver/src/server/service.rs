//! What an embedder decides for each connection, and learns of it.

use core::future::Future;
use std::io;
use std::sync::Arc;

use pop3_proto::apop::Timestamp;
use pop3_proto::server::Config;
use pop3_proto::{Rejection, Secret};

use super::peer::Peer;
use super::place::Place;
use super::report::Report;
use super::sasl::Sasl;
use crate::backend::Backend;
use crate::stop::Stop;

/// A server's policy: who is let in, with which settings, and to which store.
pub trait Service: Send + Sync + 'static {
    /// The store of a session.
    type Backend: Backend;

    /// A connection was accepted, and nothing was read from it. It gets a place, or it is told why not and
    /// closed at once. If there is a proxy, the peer is still that proxy. Default: it gets a place, and nothing
    /// is counted.
    ///
    /// Throwing `end` ends this connection, whatever it waits for: nothing more is read or answered, what is
    /// under way in the backend is dropped, and the peer is told nothing. That is for a service that takes the
    /// place of one connection for another.
    ///
    /// This is called on the thread that accepts connections, and must not block.
    ///
    /// # Errors
    /// What the client is told: [`Rejection::temporary`] for a limit.
    fn accept(&self, peer: &Peer, end: &Stop) -> Result<Place, Rejection> {
        let _ = (peer, end);
        Ok(Place::default())
    }

    /// A connection can't be accepted, for want of descriptors or of memory, as a rule. It stays in the queue of
    /// the system, and accepting is tried again a moment later. Default: nothing is done.
    fn accept_failed(&self, error: &io::Error) {
        let _ = error;
    }

    /// Whether this peer is a proxy that begins each connection with a PROXY header of HAProxy (version 1
    /// or 2), in clear text before anything else. Default: no. Say yes only for addresses that are the
    /// proxies' own: whoever is believed here can claim any address. A connection from there without
    /// the header, or with one that can't be read, is closed.
    ///
    /// With the feature `proxy`, which is on by default.
    #[cfg(feature = "proxy")]
    fn expects_proxy(&self, peer: &Peer) -> bool {
        let _ = peer;
        false
    }

    /// A connection has come that has a place, and now is known whom it is from: a proxy's header has been read.
    /// It is served as the [`Welcome`] says, or turned away.
    ///
    /// It is asked again when a trusted proxy has told by XCLIENT whom it speaks for: with that client's
    /// address in the [`Peer`]; and once more when TLS begins by STLS behind that: with the proxy's address,
    /// as what was said in clear text is forgotten. Of the welcome only the backend is used then.
    ///
    /// It may await, as for a look into a list of addresses that are not welcome, and must not block. What takes
    /// longer than 60 seconds ([`WELCOME_TIMEOUT`](super::WELCOME_TIMEOUT)) is given up: the client is told that
    /// there is a fault for now. It is given up as well when the server stops, or `end` is thrown.
    ///
    /// # Errors
    /// What the client is told, as far as it can be told: [`Rejection::temporary`] for a limit.
    fn connect(&self, peer: &Peer) -> impl Future<Output = Result<Welcome<Self::Backend>, Rejection>> + Send;

    /// A connection has ended. The maildrop is released already, and so is the place.
    ///
    /// This is called once for each connection that [`accept`](Self::accept) was asked about, also for one that
    /// was turned away ([`Close::Refused`](pop3_proto::server::Close::Refused)), whose handshake has failed
    /// ([`Close::Handshake`](pop3_proto::server::Close::Handshake)), or whose future was dropped once it was polled,
    /// and it is the last that is called for it. Of a connection that is dropped before its future was polled, as by a
    /// runtime that is shut down, nothing is told; its place is free all the same. If it panics itself, it is called once more, with a report that says so.
    ///
    /// It must not block: it may be called on the thread that accepts connections.
    fn ended(&self, peer: &Peer, report: &Report);
}

/// How a connection is to be served.
#[derive(Debug)]
#[non_exhaustive]
pub struct Welcome<B> {
    /// The settings of the session.
    pub config: Arc<Config>,
    /// The store of the session.
    pub backend: B,
    /// The timestamp of the greeting, for APOP; see [`timestamp`](super::timestamp). Default: none,
    /// so that APOP is refused. Without the feature `md5` it is refused all the same.
    pub timestamp: Option<Timestamp>,
    /// Whether passwords are taken on this connection without TLS. Default: no. Say so for loopback
    /// peers, or where the operator insists.
    pub trusted: bool,
    /// Whether the peer is a proxy that may tell by XCLIENT, once, whom it speaks for. Default: no. Say so only for
    /// addresses that are the proxies' own. What the connection is carried by, and whether it is trusted
    /// with passwords, does not change by it: that is between the proxy and this server. EXTERNAL and
    /// -PLUS mechanisms are not offered behind it, as the proxy's certificate is not the client's.
    pub trusted_proxy: bool,
    /// What the exchanges of SASL go by. Default: the defaults of [`Sasl`].
    pub sasl: Arc<Sasl>,
}

/// Whether an error of accepting is the fault of the one connection that was to be accepted, and the next can be
/// accepted at once. Otherwise wait a moment, and tell the service by [`Service::accept_failed`].
#[must_use]
pub fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NotConnected
    )
}

impl<B> Welcome<B> {
    /// Passwords only over TLS, and no APOP.
    pub fn new(config: Arc<Config>, backend: B) -> Self {
        Self { config, backend, timestamp: None, trusted: false, trusted_proxy: false, sasl: Arc::default() }
    }

    /// Sets [`timestamp`](Self::timestamp).
    #[must_use]
    pub fn with_timestamp(self, timestamp: Timestamp) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }

    /// Sets [`trusted`](Self::trusted).
    #[must_use]
    pub fn with_trusted(self, trusted: bool) -> Self {
        Self { trusted, ..self }
    }

    /// Sets [`trusted_proxy`](Self::trusted_proxy).
    #[must_use]
    pub fn with_trusted_proxy(self, trusted_proxy: bool) -> Self {
        Self { trusted_proxy, ..self }
    }

    /// Sets [`sasl`](Self::sasl).
    #[must_use]
    pub fn with_sasl(self, sasl: Arc<Sasl>) -> Self {
        Self { sasl, ..self }
    }

    /// Sets [`Sasl::decoy_key`].
    #[must_use]
    pub fn with_decoy_key(mut self, key: [u8; 32]) -> Self {
        Arc::make_mut(&mut self.sasl).decoy_key = Some(Secret::new(key));
        self
    }
}
