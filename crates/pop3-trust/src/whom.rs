//! What the caller says of whom to believe.

use std::path::PathBuf;
use std::sync::Arc;

use pop3_certificates::{Fingerprint, certified_key, chain};
use pop3_driver::tls::{client_config, client_config_with};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

use crate::TrustError;
use crate::trust::Trust;

/// The certificates that a client trusts, and its own certificate. By default, it trusts the authorities of the
/// system and has no certificate.
#[derive(Clone, Debug, Default)]
pub struct Whom {
    ca_file: Option<PathBuf>,
    fingerprints: Vec<Fingerprint>,
    own: Option<(PathBuf, PathBuf)>,
}

impl Whom {
    /// Creates the default setting: the authorities of the system.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also trusts the certificates in this PEM file, both as authorities and as server certificates.
    #[must_use]
    pub fn with_ca_file(mut self, path: Option<PathBuf>) -> Self {
        self.ca_file = path;
        self
    }

    /// Trusts only certificates with one of these fingerprints, and ignores their contents. An empty list has no
    /// effect.
    #[must_use]
    pub fn with_fingerprints(mut self, fingerprints: Vec<Fingerprint>) -> Self {
        self.fingerprints = fingerprints;
        self
    }

    /// Sets the client certificate: the chain in the first PEM file, with the key in the second one.
    #[must_use]
    pub fn with_own(mut self, own: Option<(PathBuf, PathBuf)>) -> Self {
        self.own = own;
        self
    }

    /// Creates the TLS configuration. Reads the files now.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or contains no certificate, if certificate and key do not belong
    /// together, or if no certificate would be trusted at all.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let config = self.believing()?;
        let Some((cert, key)) = &self.own else { return Ok(config) };
        let mut config = ClientConfig::clone(&config);
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified_key(cert, key)?));
        Ok(Arc::new(config))
    }

    fn believing(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let mut roots = RootCertStore::empty();
        // With fingerprints, authorities do not matter.
        if self.fingerprints.is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let mut named = Vec::new();
        if let Some(path) = &self.ca_file {
            named = chain(path)?;
            for certificate in &named {
                let added = roots.add(certificate.clone());
                added.map_err(|error| pop3_certificates::CertificateError::new(path, &error))?;
            }
        }
        if roots.is_empty() && self.fingerprints.is_empty() {
            return Err(TrustError::Nobody);
        }
        let trust = Trust::new(self.fingerprints.clone(), named, roots)?;
        Ok(client_config_with(Arc::new(trust))?)
    }
}

/// Creates a client TLS configuration that trusts only these certificates, both as authorities and as server
/// certificates.
///
/// # Errors
/// Returns an error if rustls rejects the certificates.
pub fn only(chain: Vec<CertificateDer<'static>>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(chain);
    Ok(client_config(roots)?)
}
