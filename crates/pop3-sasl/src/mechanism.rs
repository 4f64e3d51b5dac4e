//! The mechanisms by their names.

use core::fmt;

use crate::cram_md5;
use crate::scram::Hash;

/// A SASL mechanism that this crate has in both roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// SCRAM-SHA-512-PLUS: as [`ScramSha512`](Self::ScramSha512), bound to the TLS connection.
    ScramSha512Plus,
    /// SCRAM-SHA-256-PLUS: as [`ScramSha256`](Self::ScramSha256), bound to the TLS connection.
    ScramSha256Plus,
    /// SCRAM-SHA-1-PLUS: as [`ScramSha1`](Self::ScramSha1), bound to the TLS connection.
    ScramSha1Plus,
    /// SCRAM-SHA-512: RFC 5802 with another hash.
    ScramSha512,
    /// SCRAM-SHA-256: RFC 7677.
    ScramSha256,
    /// SCRAM-SHA-1: RFC 5802.
    ScramSha1,
    /// EXTERNAL: by the client's TLS certificate (RFC 4422 appendix A).
    External,
    /// OAUTHBEARER: by an OAuth 2.0 bearer token (RFC 7628).
    OAuthBearer,
    /// XOAUTH2: the older form of the same, by Google and Microsoft.
    XOAuth2,
    /// PLAIN: name and password (RFC 4616).
    Plain,
    /// LOGIN: name and password, one by one (draft-murchison-sasl-login). Obsolete, and all that
    /// some clients have.
    Login,
    /// CRAM-MD5: RFC 2195. Obsolete (RFC 6151): who listens can try passwords at leisure, a false
    /// server too, and our server must have the password in clear. Needs the feature `md5`.
    CramMd5,
    /// ANONYMOUS: RFC 4505.
    Anonymous,
}

impl Mechanism {
    /// All of them, in the order in which a client prefers them.
    pub const ALL: &'static [Self] = &[
        Self::ScramSha512Plus,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha512,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::External,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::Plain,
        Self::Login,
        Self::CramMd5,
        Self::Anonymous,
    ];

    /// Reads a name, without regard to case (RFC 5034 section 4). `None` when the mechanism is unknown or
    /// the octets are no name.
    ///
    /// ```
    /// use pop3_sasl::Mechanism;
    /// assert_eq!(Mechanism::parse(b"scram-sha-256"), Some(Mechanism::ScramSha256));
    /// assert_eq!(Mechanism::parse(b"GSSAPI"), None);
    /// ```
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Returns the registered name, in upper case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha512Plus => "SCRAM-SHA-512-PLUS",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::External => "EXTERNAL",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::Anonymous => "ANONYMOUS",
        }
    }

    /// Returns whether it can be used: all can, but CRAM-MD5 needs the feature `md5`.
    #[must_use]
    pub const fn is_available(self) -> bool {
        cram_md5::AVAILABLE || !matches!(self, Self::CramMd5)
    }

    /// Returns whether a password or a token itself travels, so that the channel must hide it and the server must be
    /// the right one.
    #[must_use]
    pub const fn exposes_secret(self) -> bool {
        matches!(self, Self::Plain | Self::Login | Self::XOAuth2 | Self::OAuthBearer)
    }

    /// Returns whether the client speaks first, so that a client may send an initial response (RFC 4422 section 3.3).
    #[must_use]
    pub const fn is_client_first(self) -> bool {
        !matches!(self, Self::Login | Self::CramMd5)
    }

    /// Returns whether a server takes an initial response. LOGIN has none by its draft, but some clients send the
    /// name so.
    #[must_use]
    pub const fn takes_initial_response(self) -> bool {
        !matches!(self, Self::CramMd5)
    }

    /// Returns whether it is a -PLUS form, which only works where both sides know the TLS connection's
    /// [`ChannelBindings`](crate::ChannelBindings).
    #[must_use]
    pub const fn needs_channel_binding(self) -> bool {
        matches!(self, Self::ScramSha512Plus | Self::ScramSha256Plus | Self::ScramSha1Plus)
    }

    /// Returns whether TLS itself is a part of it: channel binding, or a client's certificate.
    #[must_use]
    pub const fn needs_tls(self) -> bool {
        self.needs_channel_binding() || matches!(self, Self::External)
    }

    /// Returns whether the server proves that it knows the user's key, so that a success is none before the client
    /// has seen the proof (RFC 5034 section 4).
    #[must_use]
    pub const fn is_mutual(self) -> bool {
        self.scram_hash().is_some()
    }

    /// Returns the hash, when it is of the SCRAM family.
    #[must_use]
    pub const fn scram_hash(self) -> Option<Hash> {
        match self {
            Self::ScramSha512Plus | Self::ScramSha512 => Some(Hash::Sha512),
            Self::ScramSha256Plus | Self::ScramSha256 => Some(Hash::Sha256),
            Self::ScramSha1Plus | Self::ScramSha1 => Some(Hash::Sha1),
            Self::External
            | Self::OAuthBearer
            | Self::XOAuth2
            | Self::Plain
            | Self::Login
            | Self::CramMd5
            | Self::Anonymous => None,
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
