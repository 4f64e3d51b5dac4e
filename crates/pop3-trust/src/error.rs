//! Why nobody can be believed.

use core::fmt;

/// Why the settings of TLS can't be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TrustError {
    /// A file can't be used; the text names it.
    File(pop3_certificates::CertificateError),
    /// The system has no list of authorities, and nobody else was named: install one (`ca-certificates`), or name a
    /// file.
    Nobody,
    /// What rustls says.
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
