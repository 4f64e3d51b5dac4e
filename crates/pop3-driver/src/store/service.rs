//! The service of a server that needs no policy of its own.

use core::fmt;
use std::sync::Arc;

use pop3_proto::Rejection;
use pop3_proto::server::ServerConfig;

use super::{Blocking, BlockingPool, Store};
use crate::server::{Peer, Service, SessionReport, Welcome};

/// Serves a [`Store`] to everybody who can log in. The adapters' `serve` functions take it.
///
/// It serves every connection, with the same settings, and accepts passwords only over TLS. To limit or reject
/// connections, to read the headers of a proxy, or to offer APOP, implement [`Service`] instead.
///
/// ```
/// use pop3_driver::memory::MemoryStore;
/// use pop3_driver::store::{Inline, StoreService}; // An adapter calls its pool `Pool`.
///
/// let store = MemoryStore::new();
/// store.add_user("mrose", "tanstaaf");
/// let service = StoreService::new(store, Inline::default())
///     .on_end(|peer, report| println!("{peer}: {:?}, {}", report.user, report.close));
/// # let _ = service;
/// ```
pub struct StoreService<S, P> {
    store: Arc<S>,
    pool: P,
    config: Arc<ServerConfig>,
    trusts_loopback: bool,
    on_end: OnEnd,
}

type OnEnd = Box<dyn Fn(&Peer, &SessionReport) + Send + Sync>;

impl<S: Store, P: BlockingPool> StoreService<S, P> {
    /// Creates the service of a store, with the default settings. The calls of the store run in the pool.
    ///
    /// To use the store yourself while it is served, pass an `Arc` of it.
    #[must_use]
    pub fn new(store: S, pool: P) -> Self {
        let config = Arc::new(ServerConfig::default());
        Self { store: Arc::new(store), pool, config, trusts_loopback: false, on_end: Box::new(|_, _| {}) }
    }

    /// Sets the limits and what is offered. Set [`ServerConfig::starttls`] for a port that starts in clear text if
    /// the listener has a certificate.
    #[must_use]
    pub fn with_config(mut self, config: ServerConfig) -> Self {
        self.config = Arc::new(config);
        self
    }

    /// Accepts passwords without TLS from clients on this machine. Do not use this if a proxy on this machine
    /// forwards connections from others.
    #[must_use]
    pub const fn trust_loopback(mut self) -> Self {
        self.trusts_loopback = true;
        self
    }

    /// Calls a function when a connection has ended, for example to write a line to a log. It must not block; see
    /// [`Service::ended`].
    #[must_use]
    pub fn on_end(mut self, on_end: impl Fn(&Peer, &SessionReport) + Send + Sync + 'static) -> Self {
        self.on_end = Box::new(on_end);
        self
    }
}

impl<S: Store, P: BlockingPool> Service for StoreService<S, P> {
    type Backend = Blocking<S, P>;

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
        let backend = Blocking::new(Arc::clone(&self.store), self.pool.clone(), peer.clone());
        let trusted = self.trusts_loopback && peer.ip().is_some_and(|ip| ip.is_loopback());
        Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(trusted))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        (self.on_end)(peer, report);
    }
}

impl<S: fmt::Debug, P: fmt::Debug> fmt::Debug for StoreService<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreService")
            .field("store", &self.store)
            .field("pool", &self.pool)
            .field("config", &self.config)
            .field("trusts_loopback", &self.trusts_loopback)
            .finish_non_exhaustive()
    }
}
