//! PEM files.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_driver::tls::{self, provider};
use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A file that cannot be used, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError {
    path: PathBuf,
    text: String,
}

/// Reads all certificates of a PEM file, in their order: the chain of a server, or a list of authorities.
///
/// # Errors
/// Returns an error if the file cannot be read or contains no certificate.
pub fn chain(path: impl AsRef<Path>) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let path = path.as_ref();
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| CertificateError::new(path, &error))?;
    if chain.is_empty() {
        return Err(CertificateError::new(path, &"it contains no certificate"));
    }
    Ok(chain)
}

/// Reads the first private key of a PEM file.
///
/// # Errors
/// Returns an error if the file cannot be read or contains no private key.
pub fn private_key(path: impl AsRef<Path>) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let path = path.as_ref();
    PrivateKeyDer::from_pem_file(path).map_err(|error| CertificateError::new(path, &error))
}

/// Reads a certificate chain and the private key of its first certificate.
///
/// # Errors
/// Returns an error if a file cannot be read, or if the key does not belong to the certificate.
pub fn certified_key(
    certificates: impl AsRef<Path>,
    key: impl AsRef<Path>,
) -> Result<CertifiedKey, CertificateError> {
    let (certificates, key) = (certificates.as_ref(), key.as_ref());
    CertifiedKey::from_der(chain(certificates)?, private_key(key)?, &provider())
        .map_err(|error| CertificateError::of_pair(certificates, key, &error))
}

/// Creates the TLS settings of a server from the PEM files of its certificate chain and its private key, as
/// [`tls::server_config`] does. Pass them to a listener as [`tls::Role::Server`].
///
/// The files are read once. To replace a certificate that expires, restart the server, or use a resolver of rustls.
///
/// # Errors
/// Returns an error if a file cannot be read, or if the key does not belong to the certificate.
pub fn server_config_from_pem(
    certificates: impl AsRef<Path>,
    key: impl AsRef<Path>,
) -> Result<Arc<ServerConfig>, CertificateError> {
    let (certificates, key) = (certificates.as_ref(), key.as_ref());
    tls::server_config(chain(certificates)?, private_key(key)?)
        .map_err(|error| CertificateError::of_pair(certificates, key, &error))
}

impl CertificateError {
    fn of_pair(certificates: &Path, key: &Path, error: &rustls::Error) -> Self {
        let text =
            format!("the certificate {} and the key {}: {error}", certificates.display(), key.display());
        Self { path: key.to_owned(), text }
    }

    /// Creates an error for a file and a reason.
    pub fn new(path: &Path, reason: &dyn fmt::Display) -> Self {
        Self { path: path.to_owned(), text: format!("{} can't be used: {reason}", path.display()) }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for CertificateError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(file("cert"), pair.cert.pem().repeat(2)).unwrap();
        fs::write(file("key"), pair.signing_key.serialize_pem()).unwrap();
        fs::write(file("empty"), "").unwrap();
        fs::write(file("other"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert_eq!(chain(file("cert")).unwrap().len(), 2);
        certified_key(file("cert"), file("key")).unwrap();
        private_key(file("key")).unwrap();
        server_config_from_pem(file("cert"), file("key")).unwrap();
        for (error, name, why) in [
            (chain(file("none")).unwrap_err(), "none", "No such file"),
            (chain(file("empty")).unwrap_err(), "empty", "it contains no certificate"),
            (private_key(file("cert")).unwrap_err(), "cert", "can't be used"),
            (certified_key(file("cert"), file("empty")).unwrap_err(), "empty", "can't be used"),
            (certified_key(file("cert"), file("other")).unwrap_err(), "other", "and the key"),
            (server_config_from_pem(file("none"), file("key")).unwrap_err(), "none", "No such file"),
            (server_config_from_pem(file("cert"), file("other")).unwrap_err(), "other", "and the key"),
        ] {
            assert_eq!(error.path(), file(name));
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
