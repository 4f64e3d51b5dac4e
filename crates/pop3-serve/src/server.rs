//! A server: bound, then serving.

use core::net::SocketAddr;
use std::sync::Arc;

use pop3_driver::server::Entrance;
use pop3_driver::tls::Role;
use pop3_driver::{OnStop, Stop};

use crate::config::ServeConfig;
use crate::counters::Counters;
use crate::error::ServeError;
use crate::heartbeat::Heartbeat;
use crate::listeners::{Listeners, ServerRuntime, With};
use crate::offer::MechanismOffer;
use crate::reload::{Live, ServerHandle};
use crate::users::Users;

/// A POP3 server whose listeners are bound. Clients can connect, and are served once it [runs](Self::run).
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # fn main() -> Result<(), Box<dyn core::error::Error>> {
/// use std::path::Path;
/// use std::sync::Arc;
///
/// use pop3_serve::{ReloadableCertificate, ServeConfig, Server, ServerRuntime, Stop, UsersFile};
///
/// let users = UsersFile::load(Path::new("/etc/pop3/users"))?;
/// let certificate =
///     ReloadableCertificate::from_files(Path::new("/etc/pop3/cert.pem"), Path::new("/etc/pop3/key.pem"))?;
/// let config = ServeConfig::new("/srv/mail")
///     .with_certificate(Arc::new(certificate))
///     .listen("0.0.0.0:110".parse()?)
///     .listen_tls("0.0.0.0:995".parse()?);
/// Server::bind(config, Arc::new(users))?.run(ServerRuntime::Tokio, &Stop::new())?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tokio"))]
/// # fn main() {}
/// ```
///
/// The [crate] has an example with users in memory.
#[derive(Debug)]
pub struct Server {
    listeners: Listeners,
    live: Arc<Live>,
    role: Role,
    heartbeat: Option<Heartbeat>,
}

impl Server {
    /// Binds the listeners and starts the threads that check credentials.
    ///
    /// Logs a warning for each unwise setting.
    ///
    /// # Errors
    /// Returns an error if a setting cannot be used, an address cannot be bound, or the system provides no threads.
    pub fn bind(config: ServeConfig, users: Arc<dyn Users>) -> Result<Self, ServeError> {
        let listeners = Listeners::bind(&config.listeners)?;
        Self::on(listeners, config, users)
    }

    /// Does the same as [`bind`](Self::bind) on sockets that listen already. The
    /// [`listeners`](ServeConfig::listeners) of the settings are only compared with those of a
    /// [reload](ServerHandle::reload).
    ///
    /// # Errors
    /// Returns an error if a setting cannot be used, or the system provides no threads.
    pub fn on(listeners: Listeners, config: ServeConfig, users: Arc<dyn Users>) -> Result<Self, ServeError> {
        config.checked()?;
        listeners.warn();
        let live = Live::new(config, users, &listeners)?;
        let role = Role::ReloadableServer(live.tls().clone());
        Ok(Self { listeners, live: live.into(), role, heartbeat: None })
    }

    /// Returns the numbers that the server counts.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.live.places().counters().clone()
    }

    /// Sets the heartbeat that the loop of each listener keeps.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat: Heartbeat) -> Self {
        Self { heartbeat: Some(heartbeat), ..self }
    }

    /// Returns the addresses on which it listens, in the order of the settings. A port 0 is replaced by the port
    /// that the system has chosen.
    pub fn addresses(&self) -> impl Iterator<Item = (Entrance, SocketAddr)> + Clone {
        self.listeners.addresses()
    }

    /// Returns the mechanisms that AUTH offers.
    #[must_use]
    pub fn offer(&self) -> MechanismOffer {
        self.handle().offer()
    }

    /// Returns a handle with which the settings can be replaced while the server runs.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.live))
    }

    /// Serves on a runtime of its own. Blocks until the switch is stopped and the busy sessions have ended.
    ///
    /// # Errors
    /// Returns an error if the runtime cannot be started, or if a listener fails permanently.
    pub fn run(self, runtime: ServerRuntime, stop: &Stop) -> Result<(), ServeError> {
        let _close = close_on_stop(&self.live, stop);
        let with = With { role: &self.role, stop, heartbeat: self.heartbeat.as_ref() };
        self.listeners.serve(runtime, self.live.policy(), &with)
    }

    /// Serves on the current tokio runtime until the switch is stopped and the busy sessions have ended. Listeners
    /// and sessions are tasks of that runtime: if you drop the future, they continue until the switch is stopped.
    ///
    /// # Errors
    /// Returns an error if a listener fails permanently.
    #[cfg(feature = "tokio")]
    pub async fn serve(self, stop: &Stop) -> Result<(), ServeError> {
        let _close = close_on_stop(&self.live, stop);
        let with = With { role: &self.role, stop, heartbeat: self.heartbeat.as_ref() };
        let served = self.listeners.serve_tokio(self.live.policy(), &with).await;
        served.map_err(|error| crate::listeners::failed(&error))
    }
}

/// At the end, who waits for a check is told so at once, and its session ends.
fn close_on_stop(live: &Arc<Live>, stop: &Stop) -> OnStop {
    let live = Arc::clone(live);
    stop.on_stop(move || live.close())
}
