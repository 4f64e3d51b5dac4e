//! Why there is no server.

use core::fmt;

use pop3_sasl::Mechanism;

/// Why a server cannot start, or has failed. It has a text for the operator, which names the file or address, and a
/// [kind](Self::kind).
///
/// The text may contain file names octet for octet. Escape it before you display it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeError {
    kind: ServeErrorKind,
    text: String,
}

/// The kind of a [`ServeError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServeErrorKind {
    /// A file, a directory or a setting cannot be used. The operator must correct it.
    Unusable,
    /// A file that should be created automatically, such as the [decoy key](crate::DecoyKey), cannot be created. The
    /// server works without it. The text explains the effect.
    NotMade,
    /// A mechanism is configured, but the setting that it needs is missing: client authorities for EXTERNAL, or a
    /// check of tokens for OAUTHBEARER and XOAUTH2.
    Unsupported(Mechanism),
    /// The system does not provide threads or random octets.
    System,
    /// The server cannot listen on an address, or a listener has failed.
    Network,
    /// The server is stopping, so its settings cannot be [reloaded](crate::ServerHandle::reload).
    Stopping,
    /// The process lacks the privilege to listen on an address, usually because its port is below 1024.
    Privilege,
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

    /// Returns the kind of error.
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
