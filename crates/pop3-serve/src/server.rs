//! A server: bound, then serving.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use pop3_driver::server::Entrance;
use pop3_driver::tls::Role;
use pop3_driver::{OnStop, Stop};
use pop3_proto::server::{Language, ServerConfig};
use tracing::{info, warn};

use crate::announced::Announced;
use crate::config::ServeConfig;
use crate::counters::Counters;
use crate::descriptors;
use crate::error::ServeError;
use crate::gate::Gatekeeper;
use crate::heartbeat::Heartbeat;
use crate::listeners::{Listeners, ServerRuntime, With};
use crate::offer::MechanismOffer;
use crate::places::Places;
use crate::policy::Policy;
use crate::store::MailStore;
use crate::users::{DecoyKey, Users};

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
    policy: Policy,
    role: Role,
    offer: MechanismOffer,
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
    /// [`listeners`](ServeConfig::listeners) of the settings are not used.
    ///
    /// # Errors
    /// Returns an error if a setting cannot be used, or the system provides no threads.
    pub fn on(listeners: Listeners, config: ServeConfig, users: Arc<dyn Users>) -> Result<Self, ServeError> {
        check_maildrops(&config.maildrops)?;
        if config.idle_timeout < Duration::from_secs(600) {
            warn!("the idle timeout is below the 600 seconds that RFC 1939 requires");
        }
        let implicit = listeners.addresses().any(|(entrance, _)| entrance == Entrance::Implicit);
        let role = match &config.certificate {
            Some(certificate) => Role::Server(certificate.config()),
            None if implicit => return Err(ServeError::unusable("a listener for TLS needs a certificate")),
            None => Role::None,
        };
        let offer = MechanismOffer::new(&config)?;
        listeners.warn();
        if let Some(advice) = offer.advice(&users.profile()) {
            warn!("{advice}");
        }
        let open_files = descriptors::limit();
        let most = descriptors::bound(config.limits.total, open_files, listeners.len());
        info!(max_connections = most, open_files, "limits");
        let policy = policy(config, users, offer.clone(), &role, most)?;
        Ok(Self { listeners, policy, role, offer, heartbeat: None })
    }

    /// Returns the numbers that the server counts.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.policy.places.counters().clone()
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
    pub const fn offer(&self) -> &MechanismOffer {
        &self.offer
    }

    /// Serves on a runtime of its own. Blocks until the switch is stopped and the busy sessions have ended.
    ///
    /// # Errors
    /// Returns an error if the runtime cannot be started, or if a listener fails permanently.
    pub fn run(self, runtime: ServerRuntime, stop: &Stop) -> Result<(), ServeError> {
        let _close = close_on_stop(&self.policy, stop);
        let with = With { role: &self.role, stop, heartbeat: self.heartbeat.as_ref() };
        self.listeners.serve(runtime, self.policy, &with)
    }

    /// Serves on the current tokio runtime until the switch is stopped and the busy sessions have ended. Listeners
    /// and sessions are tasks of that runtime: if you drop the future, they continue until the switch is stopped.
    ///
    /// # Errors
    /// Returns an error if a listener fails permanently.
    #[cfg(feature = "tokio")]
    pub async fn serve(self, stop: &Stop) -> Result<(), ServeError> {
        let _close = close_on_stop(&self.policy, stop);
        let with = With { role: &self.role, stop, heartbeat: self.heartbeat.as_ref() };
        let served = self.listeners.serve_tokio(self.policy, &with).await;
        served.map_err(|error| crate::listeners::failed(&error))
    }
}

/// Whether the server can find the maildrops in this directory.
fn check_maildrops(folder: &Path) -> Result<(), ServeError> {
    // The directory within itself is found only by those who may search it.
    fs::metadata(folder.join(".")).map(drop).map_err(|error| {
        let what = if error.kind() == io::ErrorKind::NotFound {
            "does not exist; create it".to_owned()
        } else {
            format!("can't be used by the user who serves it: {error}")
        };
        ServeError::unusable(format!("the directory of the maildrops {} {what}", folder.display()))
    })
}

/// At the end, who waits for a check is told so at once, and its session ends.
fn close_on_stop(policy: &Policy, stop: &Stop) -> OnStop {
    let store = Arc::clone(&policy.store);
    stop.on_stop(move || store.gatekeeper().close())
}

fn policy(
    config: ServeConfig,
    users: Arc<dyn Users>,
    offer: MechanismOffer,
    role: &Role,
    most: u32,
) -> Result<Policy, ServeError> {
    let mut session = ServerConfig::default();
    session.starttls = matches!(role, Role::Server(_));
    session.limits.login_timeout = config.login_timeout;
    session.limits.idle_timeout = config.idle_timeout;
    if let Some(host) = &config.host {
        session.greeting = format!("{host} POP3 server ready");
    }
    if let Some(text) = &config.implementation {
        session.implementation = Some(text.clone());
    }
    if config.utf8 {
        session.utf8 = true;
        session.utf8_user = true;
        session.languages.push(Language::english());
        session.languages.push(Language::german());
    }
    let places = Places::new(crate::ConnectionLimits { total: most, ..config.limits });
    let decoy_key = match config.decoy_key {
        Some(key) => key,
        None => DecoyKey::random()?.into(),
    };
    let gatekeeper = Gatekeeper::new(users, decoy_key, config.tokens)?;
    let announced = Announced { login_delay: config.login_delay, expire: config.expire };
    let store = MailStore::new(config.maildrops, gatekeeper, offer, Arc::clone(&places))
        .with_announced(announced, config.enforce_expiry)
        .with_utf8(config.utf8);
    Ok(Policy {
        config: session.into(),
        store: store.into(),
        places,
        apop_host: config.apop.then(|| config.host.unwrap_or_else(|| "localhost".to_owned())),
        proxies: config.proxies,
        xclient_proxies: config.xclient_proxies,
        trust_all: config.insecure_auth,
    })
}
