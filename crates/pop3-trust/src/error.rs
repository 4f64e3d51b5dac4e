//! Why nobody can be believed.

use core::fmt;

/// Why a TLS configuration cannot be created.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrustError {
    /// A file cannot be used. The text names it.
    File(pop3_certificates::CertificateError),
    /// No certificate would be trusted: the system has no list of authorities, and no file was given. Install a list
    /// (`ca-certificates`), or name a file.
    Nobody,
    /// An error of rustls.
    Tls(rustls::Error),
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => f.write_str("a certificate file can't be used"),
            Self::Nobody => {
                f.write_str("this system has no list of trusted certificates; install one (ca-certificates)")
            }
            Self::Tls(_) => f.write_str("TLS can't be set up"),
        }
    }
}

impl core::error::Error for TrustError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(error),
            Self::Nobody => None,
            Self::Tls(error) => Some(error),
        }
    }
}

impl From<pop3_certificates::CertificateError> for TrustError {
    fn from(error: pop3_certificates::CertificateError) -> Self {
        Self::File(error)
    }
}

impl From<rustls::Error> for TrustError {
    fn from(error: rustls::Error) -> Self {
        Self::Tls(error)
    }
}
