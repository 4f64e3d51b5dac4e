//! What an embedder decides for each connection, and learns of it.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use pop3_proto::server::{Close, Config, Totals};
use pop3_proto::{MechanismName, Rejection, Secret};

use super::drive::Ended;
use super::place::Place;
use super::proxy::Proxy;
use super::sasl::Sasl;
use super::switches::Failure;
use crate::backend::Backend;
use crate::stop::Stop;
use crate::tls::TlsInfo;

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
    /// This is called on the thread that serves connections, and must not block.
    ///
    /// # Errors
    /// What the client is told, as far as it can be told: [`Rejection::temporary`] for a limit.
    fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection>;

    /// A session has ended. The maildrop is released already. Of a connection whose PROXY header could not
    /// be read this is all that is told. If this panics, it is called once more, with that report.
    fn ended(&self, peer: &Peer, report: &Report);
}

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The client's address: as a proxy has told it, where there is one.
    pub address: SocketAddr,
    /// The address that the client has connected to: the server's own, or the proxy's.
    pub local: SocketAddr,
    /// The proxy that the client came through, if one has said so.
    pub proxy: Option<Proxy>,
    /// What TLS has agreed on, once it has. Behind a proxy that has said XCLIENT, or whose header says that
    /// TLS ends at it, there are no certificates and no channel bindings: they are not the client's.
    pub tls: Option<TlsInfo>,
    /// What [`Service::accept`] has given to this connection.
    pub place: Place,
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
    /// so that APOP is refused.
    pub timestamp: Option<String>,
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

/// How a session went, for a log. It holds no secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Whose maildrop was opened, as the store or the client has said it; `None` without login. It may hold any
    /// character: quote it where it is shown.
    pub user: Option<String>,
    /// The mechanism of AUTH by which that was; `None` without login, and with PASS and APOP.
    pub mechanism: Option<MechanismName>,
    /// Why the session ended.
    pub close: Close,
    /// The fault of the network, the handshake or the store that ended it, if one did.
    pub error: Option<io::Error>,
    /// Whether a panic has ended it, of the store, of the service or of this crate: a bug. Other sessions go on.
    pub panicked: bool,
    /// What was done.
    pub totals: Totals,
    /// How long it took, from the accepted connection on.
    pub duration: Duration,
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

impl Peer {
    /// A peer without TLS. An IPv4 address in the form of IPv6 (`::ffff:192.0.2.1`) is taken as the IPv4
    /// address that it is.
    #[must_use]
    pub const fn new(address: SocketAddr, local: SocketAddr) -> Self {
        Self {
            address: canonical(address),
            local: canonical(local),
            proxy: None,
            tls: None,
            place: Place::none(),
        }
    }
}

/// The same address, in the form of IPv4 if it is one.
pub(super) const fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(v6.ip().to_canonical(), v6.port())
        }
        SocketAddr::V4(_) | SocketAddr::V6(_) => address,
    }
}

impl<B> Welcome<B> {
    /// Passwords only over TLS, and no APOP.
    pub fn new(config: Arc<Config>, backend: B) -> Self {
        Self { config, backend, timestamp: None, trusted: false, trusted_proxy: false, sasl: Arc::default() }
    }

    /// Sets [`timestamp`](Self::timestamp).
    #[must_use]
    pub fn with_timestamp(self, timestamp: String) -> Self {
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

impl Report {
    pub(super) fn new(ended: Ended, duration: Duration) -> Self {
        let session = ended.connection.session();
        Self {
            user: ended.user,
            mechanism: ended.mechanism,
            close: session.closed().unwrap_or(Close::PeerClosed),
            error: ended.fault,
            panicked: ended.panicked,
            totals: session.totals(),
            duration,
        }
    }

    /// A connection that did not come to a session: what failed, and how.
    pub(super) fn failed_start(what: &str, failure: Failure, duration: Duration) -> Self {
        let (close, error) = failure.outcome(what);
        Self {
            user: None,
            mechanism: None,
            close,
            error,
            panicked: false,
            totals: Totals::default(),
            duration,
        }
    }

    /// A connection that blocks its thread behind the end of the server.
    pub(super) fn left_behind(duration: Duration) -> Self {
        let error = io::Error::new(
            io::ErrorKind::TimedOut,
            "left behind: a call of the store or the service has not returned",
        );
        Self { close: Close::Stopped, ..Self::failed_start("serving", Failure::Fault(error), duration) }
    }

    /// A connection that a panic has ended outside of a session's loop.
    pub(super) fn panicked(duration: Duration) -> Self {
        let error = io::Error::other("internal error: the session panicked");
        Self { panicked: true, ..Self::failed_start("serving", Failure::Fault(error), duration) }
    }
}
