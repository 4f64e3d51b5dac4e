//! Whom a client believes.

pub(crate) mod certificate;
mod refused;
mod trust;

use std::path::Path;
use std::sync::Arc;

use pop3_certificates::{Error, Fingerprint, certificates, certified_key};
use pop3_driver::tls::{client_config, client_config_with};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::args::Account;
use crate::exit::{Exit, Failure};
use trust::Trust;

pub(crate) use refused::Refused;

/// The TLS of an account: it believes the authorities that this system knows, those in `--ca-file`, and the
/// certificates themselves that are in it; or those only that have a `--tls-fingerprint`. It shows the
/// certificate in `--client-cert`.
///
/// # Errors
/// When a file can't be read, has no certificate, or does not belong to the other, or nobody is believed
/// at all.
pub(crate) fn client(account: &Account) -> Result<Arc<ClientConfig>, Failure> {
    let config = believing(account.ca_file.as_deref(), &account.tls_fingerprint)?;
    let (Some(cert), Some(key)) = (&account.client_cert, &account.client_key) else { return Ok(config) };
    let mut config = ClientConfig::clone(&config);
    config.client_auth_cert_resolver =
        Arc::new(SingleCertAndKey::from(certified_key(cert, key).map_err(unusable)?));
    Ok(Arc::new(config))
}

fn believing(ca_file: Option<&Path>, fingerprints: &[Fingerprint]) -> Result<Arc<ClientConfig>, Failure> {
    let named = ca_file.map(certificates).transpose().map_err(unusable)?.unwrap_or_default();
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    for (certificate, path) in named.iter().zip(ca_file.iter().cycle()) {
        roots.add(certificate.clone()).map_err(|error| unusable(Error::new(path, &error)))?;
    }
    if roots.is_empty() && fingerprints.is_empty() {
        return Err(Failure::new(
            Exit::Connect,
            "this system has no list of trusted certificates; install one (ca-certificates) or give --ca-file",
        ));
    }
    let trust = Trust::new(fingerprints.to_vec(), named, roots);
    trust.and_then(|trust| client_config_with(Arc::new(trust))).map_err(|error| unset(&error))
}

/// A client's TLS that believes these certificates only.
pub(crate) fn client_for(chain: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(chain);
    client_config(roots).map_err(|error| unset(&error))
}

fn unset(error: &rustls::Error) -> Failure {
    Failure::usage(format!("TLS can't be set up: {error}"))
}

fn unusable(error: Error) -> Failure {
    Failure::usage(error.to_string())
}
