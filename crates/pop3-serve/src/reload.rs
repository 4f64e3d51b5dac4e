//! Replaces the settings of a server while it runs.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_driver::server::Entrance;
use pop3_driver::tls::ReloadableServerConfig;
use pop3_proto::server::{Language, ServerConfig};
use tracing::{info, warn};

use crate::announced::Announced;
use crate::checks::Kind;
use crate::config::{ConnectionLimits, ServeConfig};
use crate::descriptors::{self, Ceiling};
use crate::error::{ServeError, ServeErrorKind};
use crate::gate::Gatekeeper;
use crate::listeners::Listeners;
use crate::machine::{Machine, ThisMachine};
use crate::offer::MechanismOffer;
use crate::places::Places;
use crate::policy::{Current, Policy};
use crate::store::{LastLogins, MailStore, Maildirs, StoreKind};
use crate::users::{DecoyKey, Users};

/// Replaces the settings of a [`Server`](crate::Server) while it runs. [`Server::handle`](crate::Server::handle) returns
/// it. All clones belong to the same server.
///
/// # Example
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # fn main() -> Result<(), Box<dyn core::error::Error>> {
/// use std::sync::Arc;
///
/// use pop3_serve::{ServeConfig, Server, Table};
///
/// let mail = tempfile::tempdir()?;
/// let users = Arc::new(Table::parse(b"alice:{PLAIN}secret\n")?);
/// let config = ServeConfig::new(mail.path()).listen("127.0.0.1:0".parse()?);
/// let server = Server::bind(config.clone(), users.clone())?;
/// let handle = server.handle();
/// // Later, while the server runs on another thread:
/// let mut changed = config.listen("127.0.0.1:0".parse()?);
/// changed.apop = true;
/// let not_changed = handle.reload(changed, users)?;
/// assert_eq!(not_changed.len(), 1);
/// assert_eq!(not_changed[0].setting, "listen");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "tokio"))]
/// # fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct ServerHandle(Arc<Live>);

/// A setting that a reload has not changed, because the server has to be restarted for that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotChanged {
    /// The name of the setting: `listen` or `listen_tls`, for the listeners without and with TLS from the first octet.
    pub setting: &'static str,
    /// The value with which the server runs.
    pub current: String,
    /// The value in the new settings.
    pub wanted: String,
}

/// What a server and those who reload it share.
#[derive(Debug)]
pub(super) struct Live {
    policy: Arc<Current>,
    tls: ReloadableServerConfig,
    gatekeeper: Arc<Gatekeeper>,
    places: Arc<Places>,
    logins: Arc<LastLogins>,
    /// Those of the settings with which the server was bound.
    listeners: Vec<(Entrance, SocketAddr)>,
    /// The addresses of the sockets that listen, also of those that no setting names.
    bound: Vec<(Entrance, SocketAddr)>,
    ceiling: Option<Ceiling>,
    /// Whether the server is stopping. Whoever reloads has the lock.
    stopping: Mutex<bool>,
}

impl ServerHandle {
    pub(super) const fn new(live: Arc<Live>) -> Self {
        Self(live)
    }

    /// Replaces the settings and the users. If it returns an error, nothing has changed.
    ///
    /// - **New connections** are served with the new settings.
    /// - **Open connections** keep what they were told, such as their timeouts, their capabilities and the directory of
    ///   the maildrops, until they end. But each login, on whatever connection, is checked against the new users, with
    ///   the new token command, and each TLS handshake uses the new certificate. A check that is under way is finished as
    ///   it began.
    /// - **Limits of connections** hold at once. If more connections are open than the new total, those without a login
    ///   are closed. Those with a login continue.
    /// - **Counts stay**: the places of connections and of sessions of a user, failed logins, and the times of the last
    ///   logins.
    /// - **Listeners stay**. If `config` has others, they are in the result.
    ///
    /// If `config` has no [decoy key](ServeConfig::decoy_key), the old one stays. A
    /// [self-signed](crate::ReloadableCertificate::self_signed) certificate stays if you pass a clone of the old one.
    /// Without a certificate, TLS is no longer offered to new connections.
    ///
    /// # Errors
    /// Returns the same errors as [`Server::bind`](crate::Server::bind), an error if there are listeners for TLS but no
    /// certificate, and [`Stopping`](ServeErrorKind::Stopping) after the switch of the server was stopped.
    pub fn reload(&self, config: ServeConfig, users: Arc<dyn Users>) -> Result<Vec<NotChanged>, ServeError> {
        self.0.reload(config, users)
    }

    /// Returns the failed logins of each address since the last call, see [`Gatekeeper::take_failures`].
    #[must_use]
    pub fn take_failures(&self) -> Vec<(IpAddr, u32)> {
        self.0.gatekeeper.take_failures()
    }

    /// Counts failed logins that other servers have seen, see [`Gatekeeper::add_failures`].
    pub fn add_failures(&self, failures: impl IntoIterator<Item = (IpAddr, u32)>) {
        self.0.gatekeeper.add_failures(failures);
    }

    /// Returns the mechanisms that AUTH offers to new connections.
    #[must_use]
    pub fn offer(&self) -> MechanismOffer {
        self.0.policy.get().store.offer().clone()
    }
}

impl Live {
    /// With the settings of a server whose listeners are bound already.
    pub(super) fn new(
        config: ServeConfig,
        users: Arc<dyn Users>,
        listeners: &Listeners,
    ) -> Result<Self, ServeError> {
        let bound: Vec<_> = listeners.addresses().collect();
        check_certificate(&config, &bound)?;
        let ceiling = descriptors::ceiling(listeners.len());
        let starttls = config.certificate.is_some();
        info!(max_connections = limits(&config, ceiling).total, open_files = descriptors::limit(), "limits");
        Ok(Self { bound, ..Self::on(ThisMachine::shared(), config, users, starttls, ceiling)? })
    }

    /// With the settings of a server on this machine.
    pub(super) fn on(
        machine: Arc<dyn Machine>,
        config: ServeConfig,
        users: Arc<dyn Users>,
        starttls: bool,
        ceiling: Option<Ceiling>,
    ) -> Result<Self, ServeError> {
        let offer = MechanismOffer::new(&config)?;
        advise(&config, &offer, &*users);
        let decoy_key = match &config.decoy_key {
            Some(key) => Arc::clone(key),
            None => DecoyKey::random()?.into(),
        };
        let places = Places::new(limits(&config, ceiling));
        let logins = LastLogins::new(&machine).into();
        let gatekeeper = Gatekeeper::on(machine, users, decoy_key, config.tokens.clone())?;
        let gatekeeper = Arc::new(gatekeeper.with_passwords(config.passwords.clone())?);
        let tls = ReloadableServerConfig::new(config.certificate.as_ref().map(|one| one.config()));
        let listeners = config.listeners.clone();
        let policy = policy(config, offer, starttls, &places, &gatekeeper, &logins);
        let policy = Arc::new(Current::new(policy));
        let stopping = Mutex::new(false);
        Ok(Self { policy, tls, gatekeeper, places, logins, listeners, bound: Vec::new(), ceiling, stopping })
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn policy(&self) -> Arc<Current> {
        Arc::clone(&self.policy)
    }

    /// The settings of TLS, whatever they will be.
    pub(super) const fn tls(&self) -> &ReloadableServerConfig {
        &self.tls
    }

    /// At the end, who waits for a check is told so at once, and its session ends. Nothing is reloaded any more.
    pub(super) fn close(&self) {
        *self.stopping() = true;
        self.gatekeeper.close();
    }

    fn reload(&self, config: ServeConfig, users: Arc<dyn Users>) -> Result<Vec<NotChanged>, ServeError> {
        // To the end: one reload at a time, and none beside the end of the server.
        let stopping = self.stopping();
        if *stopping {
            return Err(ServeError::new(ServeErrorKind::Stopping, "the server is stopping"));
        }
        config.checked()?;
        check_certificate(&config, &self.bound)?;
        let offer = MechanismOffer::new(&config)?;
        if config.passwords.is_some() {
            self.gatekeeper.start_threads(Kind::Password)?;
        }
        if config.tokens.is_some() {
            self.gatekeeper.start_threads(Kind::Token)?;
        }
        // From here on nothing fails. A connection that is accepted meanwhile is as one that was accepted before.
        advise(&config, &offer, &*users);
        let not_changed = self.not_changed(&config);
        if let Some(certificate) = &config.certificate {
            // Without one, sessions that were offered TLS can still begin it.
            self.tls.set(certificate.config());
        }
        self.places.set_limits(limits(&config, self.ceiling));
        self.gatekeeper.replace(
            users,
            config.decoy_key.clone(),
            config.passwords.clone(),
            config.tokens.clone(),
        );
        let starttls = config.certificate.is_some();
        self.policy.set(policy(config, offer, starttls, &self.places, &self.gatekeeper, &self.logins));
        Ok(not_changed)
    }

    fn not_changed(&self, config: &ServeConfig) -> Vec<NotChanged> {
        let compare = |(setting, entrance)| {
            let text = |listeners: &[(Entrance, SocketAddr)]| {
                let of = listeners.iter().filter(|(one, _)| *one == entrance);
                of.map(|(_, address)| address.to_string()).collect::<Vec<_>>().join(", ")
            };
            let (current, wanted) = (text(&self.listeners), text(&config.listeners));
            // Where the settings named none, there may be sockets all the same.
            let shown = if current.is_empty() { text(&self.bound) } else { current.clone() };
            (current != wanted).then_some(NotChanged { setting, current: shown, wanted })
        };
        [("listen", Entrance::Plain), ("listen_tls", Entrance::Implicit)]
            .into_iter()
            .filter_map(compare)
            .collect()
    }

    fn stopping(&self) -> MutexGuard<'_, bool> {
        self.stopping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for NotChanged {
    /// One line for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        let (current, wanted) = (value(&self.current), value(&self.wanted));
        write!(f, "{} needs a restart: it is still {current}, not {wanted}", self.setting)
    }
}

/// A socket on which TLS begins at once needs a certificate.
fn check_certificate(config: &ServeConfig, bound: &[(Entrance, SocketAddr)]) -> Result<(), ServeError> {
    let implicit = bound.iter().any(|(entrance, _)| *entrance == Entrance::Implicit);
    if implicit && config.certificate.is_none() {
        return Err(ServeError::unusable("a listener for TLS needs a certificate"));
    }
    Ok(())
}

/// Warns of what is unwise.
fn advise(config: &ServeConfig, offer: &MechanismOffer, users: &dyn Users) {
    if config.idle_timeout < Duration::from_secs(600) {
        warn!("the idle timeout is below the 600 seconds that RFC 1939 requires");
    }
    if let Some(advice) = offer.advice(&users.profile()) {
        warn!("{advice}");
    }
}

/// The limits, of which the process can keep the total.
fn limits(config: &ServeConfig, ceiling: Option<Ceiling>) -> ConnectionLimits {
    ConnectionLimits { total: descriptors::bound(config.limits.total, ceiling), ..config.limits }
}

/// The policy that the settings stand for. Each field is named, so that a new one is not forgotten.
fn policy(
    config: ServeConfig,
    offer: MechanismOffer,
    starttls: bool,
    places: &Arc<Places>,
    gatekeeper: &Arc<Gatekeeper>,
    logins: &Arc<LastLogins>,
) -> Policy {
    let ServeConfig {
        maildrops,
        store,
        maildrop_path,
        listeners: _,
        certificate: _,
        host,
        mechanisms: _,
        channel_binding: _,
        apop,
        utf8,
        insecure_auth,
        decoy_key: _,
        passwords: _,
        tokens: _,
        proxies,
        xclient_proxies,
        login_delay,
        expire,
        enforce_expiry,
        implementation,
        unique_ids,
        info_separator,
        idle_timeout,
        login_timeout,
        limits: _,
    } = config;
    let mut session = ServerConfig::default();
    session.starttls = starttls;
    session.limits.login_timeout = login_timeout;
    session.limits.idle_timeout = idle_timeout;
    if let Some(host) = &host {
        session.greeting = format!("{host} POP3 server ready");
    }
    if let Some(text) = implementation {
        session.implementation = Some(text);
    }
    if utf8 {
        session.utf8 = true;
        session.utf8_user = true;
        session.languages.push(Language::english());
        session.languages.push(Language::german());
    }
    let announced = Announced { login_delay, expire };
    let kind = match store {
        Some(store) => StoreKind::Others(store),
        None => StoreKind::Maildirs(Arc::new(
            Maildirs::new(maildrops, &**gatekeeper.machine())
                .with_path(maildrop_path)
                .with_unique_ids(unique_ids, info_separator),
        )),
    };
    let store = MailStore::new(kind, Arc::clone(gatekeeper), offer, Arc::clone(places))
        .with_announced(announced, enforce_expiry)
        .with_utf8(utf8)
        .with_last_logins(Arc::clone(logins));
    Policy {
        config: session.into(),
        store: store.into(),
        places: Arc::clone(places),
        apop_host: apop.then(|| host.unwrap_or_else(|| "localhost".to_owned())),
        proxies,
        xclient_proxies,
        trust_all: insecure_auth,
    }
}
