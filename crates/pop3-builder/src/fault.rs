//! Settings that can't be used.

use core::fmt;

use pop3_driver::client::ClientError;

/// What is wrong with the settings of a builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The crate is built without rustls.
    #[cfg(not(feature = "rustls"))]
    NoTls,
    /// No certificate authority is configured.
    #[cfg(all(feature = "rustls", not(feature = "trust")))]
    NoTrust,
    /// A rustls configuration together with settings that it replaces.
    #[cfg(feature = "trust")]
    TwoConfigs,
    /// TLS settings for a connection without TLS, or with TLS from another library.
    #[cfg(feature = "rustls")]
    UnusedTls,
    /// The stream is already in TLS, but the builder has settings for its protection.
    ProtectedTwice,
    /// The login must be bound to TLS, but the method does not support it.
    CannotBind,
    /// A method was chosen without credentials.
    Nobody,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(not(feature = "rustls"))]
            Self::NoTls => {
                "this program was built without TLS; enable the feature `trust` or `rustls`, or call \
                 `trusted_plaintext`"
            }
            #[cfg(all(feature = "rustls", not(feature = "trust")))]
            Self::NoTrust => {
                "no certificate authorities are configured; call `tls_config`, or enable the feature \
                 `trust` to use the system's"
            }
            #[cfg(feature = "trust")]
            Self::TwoConfigs => {
                "`tls_config` replaces `ca_file`, `fingerprint` and `client_certificate`; use one or the \
                 other"
            }
            #[cfg(feature = "rustls")]
            Self::UnusedTls => "TLS settings were given, but this connection does not use TLS",
            Self::ProtectedTwice => "the stream already uses TLS; do not choose how to protect it",
            Self::CannotBind => {
                "the policy requires channel binding, but the login method does not \
                support it"
            }
            Self::Nobody => "a login method was chosen, but no credentials were given",
        })
    }
}

impl core::error::Error for Fault {}

impl From<Fault> for ClientError {
    fn from(fault: Fault) -> Self {
        Self::Settings(Box::new(fault))
    }
}
