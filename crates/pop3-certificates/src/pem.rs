//! PEM files.

use core::fmt;
use std::path::{Path, PathBuf};

use pop3_driver::tls::provider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A file that cannot be used, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateError {
    path: PathBuf,
    text: String,
}

/// Reads all certificates of a PEM file, in their order.
///
/// # Errors
/// Returns an error if the file cannot be read or contains no certificate.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| CertificateError::new(path, &error))?;
    if chain.is_empty() {
        return Err(CertificateError::new(path, &"it contains no certificate"));
    }
    Ok(chain)
}

/// Reads a certificate chain, which starts with the own certificate, and its private key.
///
/// # Errors
/// Returns an error if a file cannot be read, or if certificate and key do not belong together.
pub fn certified_key(chain: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let certificates = certificates(chain)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| CertificateError::new(key, &error))?;
    CertifiedKey::from_der(certificates, private, &provider()).map_err(|error| {
        let text = format!("the certificate {} and the key {}: {error}", chain.display(), key.display());
        CertificateError { path: key.to_owned(), text }
    })
}

impl CertificateError {
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
        assert_eq!(certificates(&file("cert")).unwrap().len(), 2);
        certified_key(&file("cert"), &file("key")).unwrap();
        for (error, name, why) in [
            (certificates(&file("none")).unwrap_err(), "none", "No such file"),
            (certificates(&file("empty")).unwrap_err(), "empty", "it contains no certificate"),
            (certified_key(&file("cert"), &file("empty")).unwrap_err(), "empty", "can't be used"),
            (certified_key(&file("cert"), &file("other")).unwrap_err(), "other", "and the key"),
        ] {
            assert_eq!(error.path(), file(name));
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
