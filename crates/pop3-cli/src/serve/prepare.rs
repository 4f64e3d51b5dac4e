//! What the options of `pop3 serve` stand for, with the files that they name.

use std::sync::Arc;

use pop3_sasl::Mechanism;
use pop3_serve::{
    ConnectionLimits, DecoyKey, NameRule, ReloadableCertificate, ServeConfig, ServeError, ServeErrorKind,
    Users, UsersFile, this_host,
};
use tracing::{info, warn};

use super::certificates::pairs;
use super::fault::{Fault, Purpose};
use super::maildrops::Source;
use crate::args::Serve;
use crate::args::store_url::STORE_VARIABLE;
use crate::exit::Failure;
use crate::password::VARIABLE;

/// The variables of the environment that other programs do not get.
const SECRETS: [&str; 3] = [VARIABLE, STORE_VARIABLE, "PGPASSWORD"];

/// What a server needs.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) config: ServeConfig,
    pub(super) users: Arc<dyn Users>,
    /// The users file, if there is one.
    pub(super) file: Option<Arc<UsersFile>>,
    pub(super) source: Source,
}

impl Prepared {
    /// What is unwise about the users, a line each.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Some(file) = &self.file else { return Vec::new() };
        let mut warnings = file.warnings();
        if let Some(folder) = self.source.maildirs() {
            warnings.extend(file.maildrop_warnings(folder, &self.config.maildrop_path));
        }
        warnings
    }
}

/// A self-signed certificate, which stays while the name of the host does.
#[derive(Clone, Debug)]
pub(super) struct SelfSigned {
    host: String,
    certificate: ReloadableCertificate,
}

/// What a server keeps when it reads its options again.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) certificate: Option<SelfSigned>,
    /// Where its maildrops are, once it serves.
    pub(super) source: Option<Source>,
}

/// Reads all files. `kept` is what a server that runs has already, and gets what it is to keep.
///
/// # Errors
/// All that is wrong.
pub(super) fn prepare(options: &Serve, kept: &mut Kept, purpose: Purpose) -> Result<Prepared, Vec<Fault>> {
    let mut faults = Vec::new();
    let source = Source::of(options, kept.source.as_ref(), purpose);
    let source = source.map_err(|found| faults.extend(found)).ok();
    let mut note = |fault| faults.push(fault);
    let names = options.users.names().map_err(|failure| note(Fault::new("default-domain", failure)));
    let names = names.unwrap_or_default();
    let file = users_file(options, names.clone()).map_err(&mut note).unwrap_or_default();
    let host = options.hostname.clone().unwrap_or_else(this_host);
    let certificate = certificate(options, &host, &mut kept.certificate);
    let has_certificate = certificate.is_ok();
    let certificate = certificate.map_err(&mut note).ok().flatten();
    let mut config = config(options, source.as_ref(), host, certificate);
    for bad in config.check() {
        let (option, without_certificate) = match bad.setting {
            "mechanisms" => ("auth-mechanisms", false),
            "listen_tls" => ("listen-tls", false),
            other => (other, true),
        };
        if has_certificate || without_certificate {
            note(Fault { option, failure: explain(bad.error) });
        }
    }
    // It is only made for a server that begins.
    let may_make = purpose == Purpose::Serve && faults.is_empty();
    match decoy_key(options, source.as_ref(), may_make) {
        Ok(key) => config.decoy_key = key,
        Err(fault) => faults.push(fault),
    }
    let Some(source) = source.filter(|_| faults.is_empty()) else { return Err(faults) };
    let users = source.users(file.as_ref(), names);
    kept.source = Some(source.clone());
    Ok(Prepared { config, users, file, source })
}

/// The file with the users, unless other programs say who is one.
fn users_file(options: &Serve, names: NameRule) -> Result<Option<Arc<UsersFile>>, Fault> {
    let Some(path) = &options.users.file else { return Ok(None) };
    let file = UsersFile::load_with(path, options.users.format, names);
    file.map(|file| Some(file.into())).map_err(|error| Fault::new("users", error))
}

/// The settings that the options stand for. Without a source, they are only checked.
fn config(
    options: &Serve,
    source: Option<&Source>,
    host: String,
    certificate: Option<ReloadableCertificate>,
) -> ServeConfig {
    let mut config = source.map_or_else(|| ServeConfig::new("/"), Source::config);
    config.maildrop_path = options.users.maildrop_path.clone();
    config.certificate = certificate.map(Arc::new);
    config.host = Some(host);
    for &address in &options.listen {
        config = config.listen(address);
    }
    for &address in &options.listen_tls {
        config = config.listen_tls(address);
    }
    config.mechanisms = options.auth_mechanisms.clone();
    config.channel_binding = options.channel_binding;
    config.apop = options.apop;
    config.utf8 = options.utf8;
    config.insecure_auth = options.allow_insecure_auth;
    config.passwords = options.checks.passwords(&SECRETS);
    config.tokens = options.checks.tokens(&SECRETS);
    config.proxies.clone_from(&options.proxy_from);
    config.xclient_proxies.clone_from(&options.xclient_from);
    config.login_delay = options.login_delay;
    config.expire = options.expire;
    config.enforce_expiry = options.expire_enforce;
    config.implementation.clone_from(&options.implementation);
    config.unique_ids.clone_from(&options.unique_ids.unique_ids);
    config.info_separator = options.unique_ids.maildir_separator;
    config.idle_timeout = options.idle_timeout;
    config.login_timeout = options.login_timeout;
    config.limits = ConnectionLimits::new(
        options.max_connections,
        options.max_connections_per_ip,
        options.max_connections_per_user,
    );
    config
}

/// The key of salts, from its file, which may be made where there is none; or else from the database. `None` where that
/// can't be.
fn decoy_key(
    options: &Serve,
    source: Option<&Source>,
    may_make: bool,
) -> Result<Option<Arc<DecoyKey>>, Fault> {
    let default = || options.users.file.as_deref().map(DecoyKey::default_path);
    let Some(path) = options.decoy_key.clone().or_else(default) else {
        // Without users nobody has keys.
        return Ok(source.and_then(Source::decoy_key));
    };
    let fault = |error| Fault::new("decoy-key", error);
    if !may_make {
        return DecoyKey::load(&path).map(|key| key.map(Arc::new)).map_err(fault);
    }
    match DecoyKey::load_or_make(&path) {
        Err(error) if error.kind() == ServeErrorKind::NotMade => {
            warn!("{error}; choose another file with --decoy-key");
            Ok(None)
        }
        key => key.map(|key| Some(key.into())).map_err(fault),
    }
}

fn certificate(
    options: &Serve,
    host: &str,
    made: &mut Option<SelfSigned>,
) -> Result<Option<ReloadableCertificate>, Fault> {
    let certificate = if !options.tls_cert.is_empty() {
        let pairs = pairs(options).map_err(|failure| Fault::new("tls-cert", failure))?;
        ReloadableCertificate::from_pairs(pairs).map_err(|error| Fault::new("tls-cert", error))?
    } else if options.tls_self_signed {
        self_signed(host, made).map_err(|error| Fault::new("tls-self-signed", error))?
    } else if options.listen_tls.is_empty() && options.tls_client_ca.is_none() {
        return Ok(None);
    } else {
        let option = if options.listen_tls.is_empty() { "tls-client-ca" } else { "listen-tls" };
        let needs = "needs a certificate: --tls-cert and --tls-key, or --tls-self-signed";
        return Err(Fault::new(option, Failure::usage(format!("--{option} {needs}"))));
    };
    match &options.tls_client_ca {
        Some(authorities) => certificate
            .with_client_authorities(authorities)
            .map(Some)
            .map_err(|error| Fault::new("tls-client-ca", error)),
        None => Ok(Some(certificate)),
    }
}

fn self_signed(host: &str, made: &mut Option<SelfSigned>) -> Result<ReloadableCertificate, ServeError> {
    if let Some(made) = made.as_ref().filter(|made| made.host == host) {
        return Ok(made.certificate.clone());
    }
    info!("the certificate is self-signed and lasts as long as this process");
    let certificate = ReloadableCertificate::self_signed(host)?;
    *made = Some(SelfSigned { host: host.to_owned(), certificate: certificate.clone() });
    Ok(certificate)
}

/// The failure, which names the option that is missing.
pub(super) fn explain(error: ServeError) -> Failure {
    let ServeErrorKind::Unsupported(mechanism) = error.kind() else { return error.into() };
    let option = if mechanism == Mechanism::External {
        "--tls-client-ca"
    } else {
        "--token-command or --token-socket"
    };
    Failure::usage(format!("{} needs {option}", mechanism.name()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn a_self_signed_certificate_stays_while_the_host_does() {
        let folder = tempfile::tempdir().unwrap();
        let users = folder.path().join("users");
        std::fs::write(&users, "").unwrap();
        let mut kept = Kept::default();
        let mut chain = |host: &str| {
            let line = ["pop3", "serve", "--tls-self-signed", "--hostname", host, "--maildrops"];
            let line = line.map(Into::into).into_iter().chain([folder.path().into(), "--users".into()]);
            let line = line.chain([users.clone().into_os_string()]);
            let Ok(Cli { command: Command::Serve(serve) }) = Cli::try_parse_from(line) else {
                panic!("not serve")
            };
            let prepared = prepare(&serve, &mut kept, Purpose::Check).unwrap();
            prepared.config.certificate.unwrap().chain()
        };
        let first = chain("a.example");
        assert_eq!(chain("a.example"), first);
        assert_ne!(chain("b.example"), first);
    }
}
