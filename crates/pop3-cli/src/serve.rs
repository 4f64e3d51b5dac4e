//! `pop3 serve`: Maildirs for mail clients.

mod certificates;
mod metrics;
mod notify;
mod privileges;
mod signals;
mod sockets;

use core::time::Duration;
use std::net::TcpListener;
use std::sync::Arc;

use pop3_sasl::Mechanism;
use pop3_serve::{
    ConnectionLimits, DecoyKey, Heartbeat, Listeners, ReloadableCertificate, ServeConfig, ServeErrorKind,
    Server, Stop, TokenCommand, UsersFile, this_host,
};
use tracing::{info, warn};

use self::metrics::{Figures, Watched};
use crate::args::Serve;
use crate::exit::{Exit, Failure};
use crate::password::VARIABLE;
use crate::tell::hand_out;

/// Serves until a signal ends it.
pub(crate) fn run(options: &Serve) -> Result<Exit, Failure> {
    // Before there are other threads, and before anything is read: what is reloaded later has to be readable later.
    let rights = privileges::decide(&options.privileges)?;
    let listeners = sockets::open(options)?;
    let metrics = metrics::bind(&options.monitoring)?;
    rights.apply()?;
    let _log = crate::logging::init(&options.log)?;
    serve(options, listeners, metrics)
        .map_err(|failure| privileges::explain(&options.privileges, failure))?;
    info!("stopped");
    Ok(Exit::Done)
}

/// Serves on these sockets.
fn serve(options: &Serve, listeners: Listeners, metrics: Option<TcpListener>) -> Result<(), Failure> {
    let users = Arc::new(UsersFile::load(&options.users)?);
    if let Some(warning) = users.warning() {
        warn!("{warning}");
    }
    pop3_serve::raise_open_files();
    let config = config(options)?;
    let certificate = config.certificate.clone();
    let server = Server::on(listeners, config, users.clone()).map_err(explain)?;
    let stop = Stop::with_grace(signals::GRACE);
    let server = watched(server, metrics, certificate.clone(), &stop)?;
    if let Some(certificate) = &certificate {
        certificates::watch(certificate)?;
    }
    let status = notify::status(&server);
    signals::watch(&stop, &users, server.offer(), certificate, status.clone())?;
    announce(&server)?;
    notify::ready(&status);
    Ok(server.run(options.runtime.serve, &stop)?)
}

/// The server, whose listeners are watched if somebody wants to know of them.
fn watched(
    server: Server,
    metrics: Option<TcpListener>,
    certificate: Option<Arc<ReloadableCertificate>>,
    stop: &Stop,
) -> Result<Server, Failure> {
    let timeout = notify::watchdog();
    if timeout.is_none() && metrics.is_none() {
        return Ok(server);
    }
    let pace = timeout.map_or(HEARTBEAT, |timeout| HEARTBEAT.min(timeout / 4));
    let heartbeat = Heartbeat::new(pace);
    if let Some(timeout) = timeout {
        notify::watch(timeout, heartbeat.clone());
    }
    if let Some(listener) = metrics {
        let figures = Figures::new(server.counters(), certificate);
        metrics::serve(listener, Watched { figures, heartbeat: heartbeat.clone(), stop: stop.clone() })?;
    }
    Ok(server.with_heartbeat(heartbeat))
}

/// How often the listeners are looked at, at least.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The settings that the options stand for.
fn config(options: &Serve) -> Result<ServeConfig, Failure> {
    let mut config = ServeConfig::new(&options.maildrops);
    let host = options.hostname.clone().unwrap_or_else(this_host);
    config.certificate = certificate(options, &host)?.map(Arc::new);
    config.host = Some(host);
    config.mechanisms = options.auth_mechanisms.clone();
    config.channel_binding = options.channel_binding;
    config.apop = options.apop;
    config.utf8 = options.utf8;
    config.insecure_auth = options.allow_insecure_auth;
    config.decoy_key = decoy_key(options)?.map(Arc::new);
    config.tokens = options
        .token_command
        .as_ref()
        .map(|command| TokenCommand::new(command, options.token_timeout).hiding(VARIABLE).into());
    config.proxies.clone_from(&options.proxy_from);
    config.xclient_proxies.clone_from(&options.xclient_from);
    config.login_delay = options.login_delay;
    config.expire = options.expire;
    config.enforce_expiry = options.expire_enforce;
    config.implementation.clone_from(&options.implementation);
    config.idle_timeout = options.idle_timeout;
    config.login_timeout = options.login_timeout;
    config.limits = ConnectionLimits::new(
        options.max_connections,
        options.max_connections_per_ip,
        options.max_connections_per_user,
    );
    Ok(config)
}

/// The key of salts, from its file, which is made where there is none; `None` where that can't be.
fn decoy_key(options: &Serve) -> Result<Option<DecoyKey>, Failure> {
    let default = || DecoyKey::default_path(&options.users);
    let path = options.decoy_key.clone().unwrap_or_else(default);
    match DecoyKey::load_or_make(&path) {
        Err(error) if error.kind() == ServeErrorKind::NotMade => {
            warn!("{error}; choose another file with --decoy-key");
            Ok(None)
        }
        key => Ok(Some(key?)),
    }
}

fn certificate(options: &Serve, host: &str) -> Result<Option<ReloadableCertificate>, Failure> {
    let certificate = if !options.tls_cert.is_empty() {
        ReloadableCertificate::from_pairs(certificates::pairs(options)?)?
    } else if options.tls_self_signed {
        info!("the certificate is self-signed and lasts as long as this process");
        ReloadableCertificate::self_signed(host)?
    } else if options.listen_tls.is_empty() && options.tls_client_ca.is_none() {
        return Ok(None);
    } else {
        let option = if options.listen_tls.is_empty() { "--tls-client-ca" } else { "--listen-tls" };
        return Err(Failure::usage(format!(
            "{option} needs a certificate: --tls-cert and --tls-key, or --tls-self-signed"
        )));
    };
    match &options.tls_client_ca {
        Some(authorities) => Ok(Some(certificate.with_client_authorities(authorities)?)),
        None => Ok(Some(certificate)),
    }
}

/// The failure, which names the option that is missing.
fn explain(error: pop3_serve::ServeError) -> Failure {
    let ServeErrorKind::Unsupported(mechanism) = error.kind() else { return error.into() };
    let option = if mechanism == Mechanism::External { "--tls-client-ca" } else { "--token-command" };
    Failure::usage(format!("{} needs {option}", mechanism.name()))
}

/// Says on standard output where clients can connect. What reads it may go on when it reads `ready`.
fn announce(server: &Server) -> Result<(), Failure> {
    let mut lines = String::new();
    for (entrance, address) in server.addresses() {
        lines.push_str(&format!("listening {} {address}\n", sockets::scheme(entrance)));
    }
    lines.push_str("ready\n");
    hand_out(&lines)
}
