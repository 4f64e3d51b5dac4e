//! How a connection is protected.

/// How a connection is protected, which decides whether a password may be sent on it.
///
/// On a [`Plaintext`](Self::Plaintext) connection, neither role allows passwords. The other two values are facts
/// that only the caller can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(clippy::exhaustive_enums, reason = "a caller must decide on each of them")]
pub enum Channel {
    /// Anyone on the network path can read and change everything. No password is sent or accepted.
    #[default]
    Plaintext,
    /// Not encrypted, but the caller declares it trustworthy: the loopback interface, a tunnel, or a decision of the
    /// operator. Passwords are sent and accepted.
    TrustedPlaintext,
    /// TLS, with the peer's certificate verified as the caller's policy requires.
    Tls,
}

impl Channel {
    /// Returns whether a password may be sent on it.
    #[must_use]
    pub const fn carries_secrets(self) -> bool {
        matches!(self, Self::TrustedPlaintext | Self::Tls)
    }

    /// Returns whether it is TLS.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls)
    }
}
