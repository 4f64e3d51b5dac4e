//! Settings that can't be used.

use core::fmt;

use pop3_driver::client::Error;

/// What is wrong with the settings of a builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The crate is built without rustls.
    #[cfg(not(feature = "rustls"))]
    NoTls,
    /// Nobody is known who could be believed.
    #[cfg(all(feature = "rustls", not(feature = "trust")))]
    NoTrust,
    /// A rustls configuration, and settings that it would have to contain.
    #[cfg(feature = "trust")]
    TwoConfigs,
    /// Settings of TLS for a connection without TLS, or with TLS of another's.
    #[cfg(feature = "rustls")]
    UnusedTls,
    /// The stream is in TLS, and the builder was told how to protect it.
    ProtectedTwice,
    /// The login has to be bound to TLS, and its method can't be.
    CannotBind,
    /// A method was chosen, and there is nobody to log in.
    Nobody,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(not(feature = "rustls"))]
            Self::NoTls => {
                "this program is built without TLS; turn on the feature `trust` or `rustls`, or call `trusted_plaintext`"
            }
            #[cfg(all(feature = "rustls", not(feature = "trust")))]
            Self::NoTrust => {
                "no certificate authority is known; call `tls_config`, or turn on the feature `trust` for those of the system"
            }
            #[cfg(feature = "trust")]
            Self::TwoConfigs => {
                "`tls_config` replaces `ca_file`, `fingerprint` and `client_certificate`; use it or them"
            }
            #[cfg(feature = "rustls")]
            Self::UnusedTls => "there are settings for TLS, and this connection would not use them",
            Self::ProtectedTwice => "the stream is in TLS already; do not say how to protect it",
            Self::CannotBind => "the policy requires a channel binding, and the login method has none",
            Self::Nobody => "a login method is chosen, and no credentials are given",
        })
    }
}

impl core::error::Error for Fault {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Settings(Box::new(fault))
    }
}
