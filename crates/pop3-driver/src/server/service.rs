//! The decisions that the embedder makes for each connection, and the report on how it ended.

use core::future::Future;
use std::io;
use std::sync::Arc;

use pop3_proto::apop::Timestamp;
use pop3_proto::server::ServerConfig;
use pop3_proto::{Rejection, Secret};

use super::peer::Peer;
use super::place::Place;
use super::report::SessionReport;
use super::sasl::Sasl;
use crate::backend::Backend;
use crate::stop::Stop;

/// The policy of a server: which connections it accepts, with which settings, and with which store. One value serves
/// all connections.
///
/// # Example
///
/// A service that accepts at most 100 connections at a time. The [crate](crate#a-client-and-a-server) shows how to
/// serve a connection with it.
///
/// ```
/// use std::sync::Arc;
/// use pop3_driver::Stop;
/// use pop3_driver::memory::MemoryStore;
/// use pop3_driver::server::{Peer, Place, Service, SessionReport, Welcome};
/// use pop3_driver::store::{Blocking, Inline};
/// use pop3_proto::Rejection;
/// use pop3_proto::server::ServerConfig;
///
/// struct Mail {
///     store: Arc<MemoryStore>,
///     config: Arc<ServerConfig>,
///     /// Each open connection holds a clone.
///     open: Arc<()>,
/// }
///
/// impl Service for Mail {
///     type Backend = Blocking<MemoryStore, Inline>;
///
///     fn accept(&self, _: &Peer, _: &Stop) -> Result<Place, Rejection> {
///         if Arc::strong_count(&self.open) > 100 {
///             return Err(Rejection::temporary("too many connections"));
///         }
///         // The driver drops the place when the connection is closed.
///         Ok(Place::new(Arc::clone(&self.open)))
///     }
///
///     async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
///         let backend = Blocking::new(Arc::clone(&self.store), Inline::default(), peer.clone());
///         Ok(Welcome::new(Arc::clone(&self.config), backend))
///     }
///
///     fn ended(&self, peer: &Peer, report: &SessionReport) {
///         println!("{peer}: {} after {:?}", report.close, report.duration);
///     }
/// }
/// ```
pub trait Service: Send + Sync + 'static {
    /// The store of a session.
    type Backend: Backend;

    /// Called when a connection was accepted and nothing has been read from it. Returns its [`Place`], or the
    /// rejection after which it is closed immediately. Behind a proxy, the peer is still the proxy here. The default
    /// accepts every connection and counts nothing.
    ///
    /// Stopping `end` ends this connection, whatever it is waiting for. The driver reads and answers nothing more,
    /// drops the pending call of the backend, and tells the peer nothing. Use it to replace one connection by
    /// another.
    ///
    /// This is called on the thread that accepts connections and must not block.
    ///
    /// # Errors
    /// Returns the rejection that the client is told. Use [`Rejection::temporary`] for a limit.
    fn accept(&self, peer: &Peer, end: &Stop) -> Result<Place, Rejection> {
        let _ = (peer, end);
        Ok(Place::default())
    }

    /// Called when a connection cannot be accepted, usually because the process has no descriptors or memory left.
    /// The connection stays in the queue of the system, and the adapter tries again a moment later. The default does
    /// nothing.
    fn accept_failed(&self, error: &io::Error) {
        let _ = error;
    }

    /// Returns whether this peer is a proxy that starts each connection with a header of the PROXY protocol (version
    /// 1 or 2), in clear text before anything else. Default: `false`. Return `true` only for addresses of your own
    /// proxies, because a trusted peer can claim any address. A connection from such an address without a valid
    /// header is closed.
    ///
    /// Needs the feature `proxy`, which is on by default.
    #[cfg(feature = "proxy")]
    fn expects_proxy(&self, peer: &Peer) -> bool {
        let _ = peer;
        false
    }

    /// Called when the client of an accepted connection is known, after the header of a proxy has been read. Returns
    /// the [`Welcome`] with which the connection is served, or a rejection.
    ///
    /// This is called again when a trusted proxy has named its client with XCLIENT; the [`Peer`] then has the
    /// address of that client. It is called once more when TLS starts with STLS after that; the [`Peer`] then has
    /// the address of the proxy, because everything that was said in clear text is forgotten. Of the later welcomes,
    /// only the backend is used.
    ///
    /// This may wait, for example for a look-up in a block list, but must not block the thread. After 60 seconds
    /// ([`WELCOME_TIMEOUT`](super::WELCOME_TIMEOUT)) the driver gives up and tells the client that there is a
    /// temporary fault. It also gives up when the server or `end` is stopped.
    ///
    /// # Errors
    /// Returns the rejection that the client is told if possible. Use [`Rejection::temporary`] for a limit.
    fn connect(&self, peer: &Peer) -> impl Future<Output = Result<Welcome<Self::Backend>, Rejection>> + Send;

    /// Called when a connection has ended. Its maildrop and its place are already released.
    ///
    /// This is the last call for a connection. It comes exactly once for each connection that
    /// [`accept`](Self::accept) was asked about, including one that was turned away
    /// ([`Close::Refused`](pop3_proto::server::Close::Refused)), whose handshake failed
    /// ([`Close::Handshake`](pop3_proto::server::Close::Handshake)), or whose future was dropped. There
    /// are two exceptions. If the future of [`Admitted::serve`](super::Admitted::serve) or
    /// [`Admitted::serve_or_hand_over`](super::Admitted::serve_or_hand_over) was dropped before it was polled, this is
    /// not called, although the place is released; the futures of
    /// [`Admitted::into_task`](super::Admitted::into_task), which the adapters use, do not have this gap. If this call
    /// itself panics, it is called once more with a report that says so.
    ///
    /// This must not block: it may be called on the thread that accepts connections.
    fn ended(&self, peer: &Peer, report: &SessionReport);
}

/// The settings and the store with which a connection is served.
#[derive(Debug)]
#[non_exhaustive]
pub struct Welcome<B> {
    /// The settings of the session.
    pub config: Arc<ServerConfig>,
    /// The store of the session.
    pub backend: B,
    /// The timestamp of the greeting, for APOP; see [`timestamp`](super::timestamp). Default: `None`, and APOP is
    /// refused. Without the feature `md5` APOP is always refused.
    pub timestamp: Option<Timestamp>,
    /// Whether this connection accepts passwords without TLS. Default: `false`. Set it for loopback peers, or where
    /// the operator insists.
    pub trusted: bool,
    /// Whether the peer is a proxy that may name its client with XCLIENT, once. Default: `false`. Set it only for
    /// addresses of your own proxies. XCLIENT does not change how the connection is protected or whether it is
    /// trusted with passwords, because that concerns the proxy and this server. After XCLIENT, EXTERNAL and the
    /// -PLUS mechanisms are not offered, because the certificate belongs to the proxy and not to the client.
    pub trusted_proxy: bool,
    /// The settings of SASL exchanges. Default: the defaults of [`Sasl`].
    pub sasl: Arc<Sasl>,
}

/// Returns whether an error of `accept` concerns only the connection that was to be accepted. If so, accept the next
/// one immediately. Otherwise wait a moment, and call [`Service::accept_failed`].
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
    /// Creates a welcome that accepts passwords only over TLS and refuses APOP.
    pub fn new(config: Arc<ServerConfig>, backend: B) -> Self {
        Self { config, backend, timestamp: None, trusted: false, trusted_proxy: false, sasl: Sasl::shared() }
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
