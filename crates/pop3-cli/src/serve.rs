//! `pop3 serve`: Maildirs for mail clients.

mod signals;

use core::net::Ipv4Addr;
use std::sync::Arc;

use pop3_sasl::Mechanism;
use pop3_serve::{
    AnyUser, ConnectionLimits, DecoyKey, Entrance, ReloadableCertificate, ServeConfig, ServeErrorKind,
    Server, Stop, Users, UsersFile, this_host,
};
use tracing::{info, warn};

use crate::args::Serve;
use crate::exit::{Exit, Failure};
use crate::password::VARIABLE;
use crate::tell::hand_out;

/// Serves until a signal ends it.
pub(crate) fn run(options: &Serve) -> Result<Exit, Failure> {
    let _log = crate::logging::init(&options.log)?;
    let file = users_file(options)?;
    pop3_serve::raise_open_files();
    let config = config(options)?;
    let certificate = config.certificate.clone();
    let users: Arc<dyn Users> = match &file {
        Some(file) => file.clone(),
        None => Arc::new(AnyUser::new(options.users.names()?)),
    };
    let server = Server::bind(config, users).map_err(explain)?;
    let stop = Stop::with_grace(signals::GRACE);
    signals::watch(&stop, file, server.offer(), certificate)?;
    announce(&server)?;
    server.run(options.runtime.serve, &stop)?;
    info!("stopped");
    Ok(Exit::Done)
}

/// The users file, if there is one, after what is odd in it is told.
fn users_file(options: &Serve) -> Result<Option<Arc<UsersFile>>, Failure> {
    let Some(path) = &options.users.file else { return Ok(None) };
    let users = UsersFile::load_with(path, options.users.format, options.users.names()?)?;
    let maildrops = users.maildrop_warnings(&options.maildrops, &options.users.maildrop_path);
    for warning in users.warnings().into_iter().chain(maildrops) {
        warn!("{warning}");
    }
    Ok(Some(Arc::new(users)))
}

/// The settings that the options stand for.
fn config(options: &Serve) -> Result<ServeConfig, Failure> {
    let mut config = ServeConfig::new(&options.maildrops);
    let host = options.hostname.clone().unwrap_or_else(this_host);
    config.maildrop_path = options.users.maildrop_path.clone();
    config.certificate = certificate(options, &host)?.map(Arc::new);
    config.host = Some(host);
    for &address in &options.listen {
        config = config.listen(address);
    }
    for &address in &options.listen_tls {
        config = config.listen_tls(address);
    }
    if config.listeners.is_empty() {
        config = config.listen((Ipv4Addr::LOCALHOST, 1110).into());
        if config.certificate.is_some() {
            config = config.listen_tls((Ipv4Addr::LOCALHOST, 1995).into());
        }
    }
    config.mechanisms = options.auth_mechanisms.clone();
    config.channel_binding = options.channel_binding;
    config.apop = options.apop;
    config.utf8 = options.utf8;
    config.insecure_auth = options.allow_insecure_auth;
    config.decoy_key = decoy_key(options)?.map(Arc::new);
    config.passwords = options.checks.passwords(VARIABLE);
    config.tokens = options.checks.tokens(VARIABLE);
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
    let default = || options.users.file.as_deref().map(DecoyKey::default_path);
    // Without users nobody has keys.
    let Some(path) = options.decoy_key.clone().or_else(default) else { return Ok(None) };
    match DecoyKey::load_or_make(&path) {
        Err(error) if error.kind() == ServeErrorKind::NotMade => {
            warn!("{error}; choose another file with --decoy-key");
            Ok(None)
        }
        key => Ok(Some(key?)),
    }
}

fn certificate(options: &Serve, host: &str) -> Result<Option<ReloadableCertificate>, Failure> {
    let certificate = if let (Some(chain), Some(key)) = (&options.tls_cert, &options.tls_key) {
        ReloadableCertificate::from_files(chain, key)?
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
    let option = if mechanism == Mechanism::External {
        "--tls-client-ca"
    } else {
        "--token-command or --token-socket"
    };
    Failure::usage(format!("{} needs {option}", mechanism.name()))
}

/// Says on standard output where clients can connect. What reads it may go on when it reads `ready`.
fn announce(server: &Server) -> Result<(), Failure> {
    let mut lines = String::new();
    for (entrance, address) in server.addresses() {
        let scheme = match entrance {
            Entrance::Plain => "pop3",
            Entrance::Implicit => "pop3s",
        };
        lines.push_str(&format!("listening {scheme} {address}\n"));
    }
    lines.push_str("ready\n");
    hand_out(&lines)
}
