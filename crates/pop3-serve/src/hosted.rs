//! A server whose connections and threads are somebody else's.

use std::sync::Arc;

use pop3_driver::server::Service;
use pop3_driver::store::BlockingPool;

use crate::config::ServeConfig;
use crate::error::ServeError;
use crate::machine::Machine;
use crate::policy::On;
use crate::reload::Live;
use crate::users::Users;

/// A server without listeners and without a runtime: users, logins, limits, Maildirs and the log, for connections that
/// you accept yourself.
///
/// Pass its [`service`](Self::service) to `serve` of `pop3-driver` for each connection. To serve on sockets, use a
/// [`Server`](crate::Server).
#[derive(Debug)]
pub struct HostedServer {
    live: Live,
}

impl HostedServer {
    /// Creates a server on this machine. `tls` is whether its connections can begin TLS with STLS.
    ///
    /// Ignores [`listeners`](ServeConfig::listeners) and the limit of open files. Of the
    /// [`certificate`](ServeConfig::certificate) only counts whether it asks clients for theirs.
    ///
    /// # Errors
    /// Returns an error if a setting cannot be used, or if the system does not provide threads or random octets.
    pub fn new(
        machine: Arc<dyn Machine>,
        config: ServeConfig,
        users: Arc<dyn Users>,
        tls: bool,
    ) -> Result<Self, ServeError> {
        Ok(Self { live: Live::on(machine, config, users, tls, None)? })
    }

    /// Returns the service for its connections. Calls that block run in the pool, and see its time. All services of one
    /// server share its limits.
    pub fn service<P: BlockingPool>(&self, pool: P) -> impl Service + use<P> {
        On::new(self.live.policy(), pool)
    }

    /// Returns how many connections have a place, or have lost it and are not closed yet.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.live.places().count()
    }

    /// Returns how many users have a session.
    #[must_use]
    pub fn users_logged_in(&self) -> usize {
        self.live.places().users()
    }

    /// Starts no further checks of credentials, and refuses those that wait. Call it when the server is to end.
    pub fn close(&self) {
        self.live.close();
    }
}
