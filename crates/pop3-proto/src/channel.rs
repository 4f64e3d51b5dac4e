//! How much the connection underneath protects.

/// What a connection is carried by, which decides whether a password may travel on it.
///
/// A new connection is [`Plaintext`](Self::Plaintext), and then neither role lets a password
/// through. The other two are facts that only the caller can know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a caller must decide on each of them")]
pub enum Channel {
    /// Anybody on the way may read and change everything. No password is sent or taken.
    #[default]
    Plaintext,
    /// Not encrypted, but declared trustworthy by the caller: the loopback interface, a tunnel, or
    /// the express wish of the operator. Passwords are sent and taken.
    TrustedPlaintext,
    /// TLS, with the peer's certificate verified as the caller's policy wants it.
    Tls,
}

impl Channel {
    /// Whether a password may travel on it.
    #[must_use]
    pub const fn carries_secrets(self) -> bool {
        matches!(self, Self::TrustedPlaintext | Self::Tls)
    }

    /// Whether it is TLS.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls)
    }
}
