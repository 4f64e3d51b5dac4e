//! Why there is no server.

use core::fmt;

use pop3_sasl::Mechanism;

/// Why a server can't be started, or has failed: what happened to which file or address, as text for the operator, and
/// what kind of thing it is.
///
/// The text may hold names of files, octet for octet. Escape it where it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeError {
    kind: ServeErrorKind,
    text: String,
}

/// What kind of thing has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServeErrorKind {
    /// A file, a folder or a setting can't be used. It works once the operator has changed that.
    Unusable,
    /// A file that is made where there is none can't be made, such as the key of [salts](crate::DecoyKey). The server
    /// works without it, and the text says with what effect.
    NotMade,
    /// This mechanism of AUTH is to be offered, and what it checks credentials with is not set: the authorities of
    /// clients' certificates for EXTERNAL, the checker of tokens for OAUTHBEARER and XOAUTH2.
    Unsupported(Mechanism),
    /// The system does not give what a server needs: threads, random octets.
    System,
    /// An address can't be listened on, or a listener has failed.
    Network,
}

impl ServeError {
    pub(crate) fn new(kind: ServeErrorKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn unusable(text: impl Into<String>) -> Self {
        Self::new(ServeErrorKind::Unusable, text)
    }

    pub(crate) fn system(text: impl Into<String>) -> Self {
        Self::new(ServeErrorKind::System, text)
    }

    /// What kind of thing has failed.
    #[must_use]
    pub const fn kind(&self) -> ServeErrorKind {
        self.kind
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for ServeError {}

impl From<pop3_certificates::CertificateError> for ServeError {
    fn from(error: pop3_certificates::CertificateError) -> Self {
        Self::unusable(error.to_string())
    }
}
