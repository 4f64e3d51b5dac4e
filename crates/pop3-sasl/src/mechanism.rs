//! The mechanisms by their names.

use core::fmt;

use crate::cram_md5;
use crate::scram::Hash;

/// A SASL mechanism. This crate supports each of them for clients and servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// SCRAM-SHA-512-PLUS: [`ScramSha512`](Self::ScramSha512) bound to the TLS connection.
    ScramSha512Plus,
    /// SCRAM-SHA-256-PLUS: [`ScramSha256`](Self::ScramSha256) bound to the TLS connection.
    ScramSha256Plus,
    /// SCRAM-SHA-1-PLUS: [`ScramSha1`](Self::ScramSha1) bound to the TLS connection.
    ScramSha1Plus,
    /// SCRAM-SHA-512: RFC 5802 with another hash.
    ScramSha512,
    /// SCRAM-SHA-256: RFC 7677.
    ScramSha256,
    /// SCRAM-SHA-1: RFC 5802.
    ScramSha1,
    /// EXTERNAL: login with the client's TLS certificate (RFC 4422 appendix A).
    External,
    /// OAUTHBEARER: login with an OAuth 2.0 bearer token (RFC 7628).
    OAuthBearer,
    /// XOAUTH2: the older form of OAUTHBEARER, defined by Google and used by Microsoft, too.
    XOAuth2,
    /// PLAIN: user name and password in one message (RFC 4616).
    Plain,
    /// LOGIN: user name and password in separate messages (draft-murchison-sasl-login). It is obsolete, but some
    /// clients support nothing else.
    Login,
    /// CRAM-MD5: RFC 2195. It is obsolete (RFC 6151): an eavesdropper or a false server can guess passwords offline,
    /// and the server must store the password in clear text. Needs the feature `md5`.
    CramMd5,
    /// ANONYMOUS: login without credentials (RFC 4505).
    Anonymous,
}

impl Mechanism {
    /// All mechanisms, in the order in which a client prefers them.
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

    /// Parses a name, ignoring case (RFC 5034 section 4). Returns `None` if it is not the name of a supported
    /// mechanism.
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

    /// Returns whether the mechanism can be used. CRAM-MD5 needs the feature `md5`; all others are always available.
    #[must_use]
    pub const fn is_available(self) -> bool {
        cram_md5::AVAILABLE || !matches!(self, Self::CramMd5)
    }

    /// Returns whether the mechanism sends the password or token itself. Use such a mechanism only on an encrypted
    /// connection to a verified server.
    #[must_use]
    pub const fn exposes_secret(self) -> bool {
        matches!(self, Self::Plain | Self::Login | Self::XOAuth2 | Self::OAuthBearer)
    }

    /// Returns whether the client sends the first message, so that it may send an initial response (RFC 4422 section
    /// 3.3).
    #[must_use]
    pub const fn is_client_first(self) -> bool {
        !matches!(self, Self::Login | Self::CramMd5)
    }

    /// Returns whether a server accepts an initial response. The draft of LOGIN has none, but some clients send the
    /// user name in one, so this returns true for LOGIN.
    #[must_use]
    pub const fn takes_initial_response(self) -> bool {
        !matches!(self, Self::CramMd5)
    }

    /// Returns whether this is a -PLUS mechanism. It works only if both sides know the
    /// [`ChannelBindings`](crate::ChannelBindings) of the TLS connection.
    #[must_use]
    pub const fn needs_channel_binding(self) -> bool {
        matches!(self, Self::ScramSha512Plus | Self::ScramSha256Plus | Self::ScramSha1Plus)
    }

    /// Returns whether the mechanism needs TLS, for channel binding or for a client certificate.
    #[must_use]
    pub const fn needs_tls(self) -> bool {
        self.needs_channel_binding() || matches!(self, Self::External)
    }

    /// Returns whether the server proves that it knows the user's key. If so, the client must verify the proof before
    /// it accepts a success (RFC 5034 section 4).
    #[must_use]
    pub const fn is_mutual(self) -> bool {
        self.scram_hash().is_some()
    }

    /// Returns the hash function of a SCRAM mechanism, or `None` for other mechanisms.
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
