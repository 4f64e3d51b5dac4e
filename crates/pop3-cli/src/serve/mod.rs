//! `pop3 serve`: Maildirs for mail clients.

mod announced;
mod brake;
mod delays;
mod descriptors;
mod external;
mod gate;
mod guarded;
mod listeners;
mod offer;
mod policy;
mod signals;
mod store;
mod tokens;
mod workers;

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use pop3_driver::Stop;
use pop3_driver::tls::Role;
use pop3_proto::server::{Config, Language, Limits, Utf8};
use tracing::{info, warn};

use crate::args::{Runtime, Serve};
use crate::exit::{Exit, Failure};
use crate::limits::{Limits as Places, Most};
use crate::tls::Certificate;
use crate::users::{self, SaltKey, Users};
use announced::Announced;
use gate::Gatekeeper;
use listeners::Listeners;
use offer::Offer;
use policy::Policy;
use store::MailStore;
use tokens::TokenCommand;

/// Serves until a signal ends it.
pub(crate) fn run(options: &Serve) -> Result<Exit, Failure> {
    let _log = crate::logging::init(&options.log)?;
    if !options.maildrops.is_dir() {
        let folder = options.maildrops.display();
        return Err(Failure::usage(format!("the folder of the maildrops {folder} is no folder; make it")));
    }
    let users = Arc::new(Users::load(&options.users)?);
    if let Some(warning) = users::warning(&options.users) {
        warn!("{warning}");
    }
    if options.idle_timeout < Duration::from_secs(600) {
        warn!("RFC 1939 wants sessions to stay open for 600 seconds without a command");
    }
    let host = options.hostname.clone().unwrap_or_else(host_name);
    let certificate = certificate(options, &host)?;
    let role = certificate.as_ref().map_or(Role::None, |certificate| Role::Server(certificate.config()));
    let open_files = descriptors::raise();
    let listeners = Listeners::bind(options, &role)?;
    listeners.warn();

    let stop = Stop::new();
    let offer = Offer::new(options)?;
    if let Some(advice) = offer.advice(&users.table()) {
        warn!("{advice}");
    }
    signals::watch(&stop, &users, &offer, certificate)?;
    let most = descriptors::bound(options.max_connections, open_files);
    info!(max_connections = most, open_files, "limits");
    let policy = policy(options, host, &users, offer, &role, most)?;
    // Who waits for a check is told so at once, and its session ends.
    let store = Arc::clone(&policy.store);
    let _close = stop.on_stop(move || store.gatekeeper().close());
    announce(&listeners)?;
    listeners.serve(options.runtime, policy, &role, &stop)?;
    info!("stopped");
    Ok(Exit::Done)
}

/// A server in a thread of this process, for the demonstration.
pub(crate) struct InProcess {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<Result<(), Failure>>,
}

impl InProcess {
    /// Serves the Maildirs on a free port of this machine until the switch is thrown.
    pub(crate) fn start(
        maildrops: &Path,
        users: &Path,
        role: &Role,
        runtime: Runtime,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let users = Arc::new(Users::load(users)?);
        let places = Places::new(Most { total: 10, per_address: 10, per_user: 10 });
        let gatekeeper = Gatekeeper::new(users, SaltKey::random()?, None)?;
        let folder = maildrops.to_owned();
        let store = MailStore::new(folder, gatekeeper, Offer::default(), Arc::clone(&places));
        let config = Config::new().with_starttls(matches!(role, Role::Server(_))).into();
        let policy = Policy {
            config,
            store: store.into(),
            places,
            apop_host: None,
            proxies: Vec::new(),
            xclient_proxies: Vec::new(),
            trust_all: false,
        };
        let listeners = Listeners::on_loopback()?;
        let address = listeners.addresses().map(|(_, address)| address).next();
        let address = address.ok_or_else(|| Failure::new(Exit::Connect, "there is no listener"))?;
        let (role, stop) = (role.clone(), stop.clone());
        let thread = thread::spawn(move || listeners.serve(runtime, policy, &role, &stop));
        Ok(Self { address, thread })
    }

    /// Waits for the end.
    pub(crate) fn join(self) -> Result<(), Failure> {
        self.thread
            .join()
            .unwrap_or_else(|_| Err(Failure::new(Exit::Connect, "the server's thread panicked")))
    }
}

fn policy(
    options: &Serve,
    host: String,
    users: &Arc<Users>,
    offer: Offer,
    role: &Role,
    most: u32,
) -> Result<Policy, Failure> {
    let limits =
        Limits::new().with_login_timeout(options.login_timeout).with_idle_timeout(options.idle_timeout);
    let mut config = Config::new()
        .with_greeting(format!("{host} POP3 server ready"))
        .with_starttls(matches!(role, Role::Server(_)))
        .with_limits(limits);
    if let Some(text) = &options.implementation {
        config = config.with_implementation(text);
    }
    if options.utf8 {
        config = config
            .with_utf8(Utf8::new(true))
            .with_language(Language::ENGLISH)
            .with_language(Language::GERMAN);
    }
    let places = Places::new(Most {
        total: most,
        per_address: options.max_connections_per_ip,
        per_user: options.max_connections_per_user,
    });
    let tokens = options.token_command.clone();
    let tokens = tokens.map(|command| TokenCommand::new(command, options.token_timeout));
    let gatekeeper = Gatekeeper::new(Arc::clone(users), salt_key(options)?, tokens)?;
    let expire = options.expire.map(|expiry| expiry.0);
    let announced = Announced { login_delay: options.login_delay, expire };
    let store = MailStore::new(options.maildrops.clone(), gatekeeper, offer, Arc::clone(&places))
        .with_announced(announced, options.expire_enforce)
        .with_utf8(options.utf8);
    Ok(Policy {
        config: config.into(),
        store: store.into(),
        places,
        apop_host: options.apop.then_some(host),
        proxies: options.proxy_from.clone(),
        xclient_proxies: options.xclient_from.clone(),
        trust_all: options.allow_insecure_auth,
    })
}

/// The key of salts, from its file, which is made where there is none.
fn salt_key(options: &Serve) -> Result<SaltKey, Failure> {
    let default = || SaltKey::default_path(&options.users);
    let path = options.salt_key.clone().unwrap_or_else(default);
    match SaltKey::load_or_make(&path)? {
        Ok(key) => Ok(key),
        Err(error) => {
            warn!(
                "{} can't be made: {error}; until it can, salts of unknown users change with each start, \
                 which shows that they are unknown; --salt-key names another place",
                path.display()
            );
            SaltKey::random()
        }
    }
}

fn certificate(options: &Serve, host: &str) -> Result<Option<Certificate>, Failure> {
    let certificate = if let (Some(chain), Some(key)) = (&options.tls_cert, &options.tls_key) {
        Certificate::from_files(chain, key)?
    } else if options.tls_self_signed {
        info!("the certificate is self-signed and lasts as long as this process");
        Certificate::self_signed(host)?
    } else if options.listen_tls.is_empty() && options.tls_client_ca.is_none() {
        return Ok(None);
    } else {
        let option = if options.listen_tls.is_empty() { "--tls-client-ca" } else { "--listen-tls" };
        return Err(Failure::usage(format!(
            "{option} needs a certificate: --tls-cert and --tls-key, or --tls-self-signed"
        )));
    };
    match &options.tls_client_ca {
        Some(authorities) => certificate.with_client_authorities(authorities).map(Some),
        None => Ok(Some(certificate)),
    }
}

/// Says on standard output where clients can connect. What reads it may go on when it reads `ready`.
fn announce(listeners: &Listeners) -> Result<(), Failure> {
    let mut lines = String::new();
    for (scheme, address) in listeners.addresses() {
        lines.push_str(&format!("listening {scheme} {address}\n"));
    }
    lines.push_str("ready\n");
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(lines.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::usage(format!("can't write to standard output: {error}")))
}

/// The name of this machine, as far as it can stand in a greeting.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        .take(200)
        .collect();
    if name.is_empty() { "localhost".to_owned() } else { name }
}
