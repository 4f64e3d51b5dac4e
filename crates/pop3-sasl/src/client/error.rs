//! How a client's side fails.

use core::fmt;

/// Why a mechanism cannot be used with the given credentials and connection. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unusable {
    /// The mechanism needs a name, and there is none.
    NoName,
    /// The mechanism needs a password, and there is none.
    NoPassword,
    /// The mechanism needs a token, and there is none.
    NoToken,
    /// There is no client certificate.
    NoCertificate,
    /// The credentials were not created for an anonymous login.
    NotAnonymous,
    /// A -PLUS mechanism needs channel bindings, and there are none.
    NoBinding,
    /// The mechanism cannot name another user to act as.
    NoAuthorization,
    /// A name contains characters that are not allowed, or has more than 255 octets.
    Name,
    /// The password is empty, has more than 1,024 octets, is not UTF-8, contains a NUL, or is rejected by SASLprep
    /// where the mechanism requires it.
    Password,
    /// The token is not a bearer token (RFC 6750 section 2.1) of at most 11 KiB.
    Token,
    /// The host name for the server is empty, or contains spaces, control characters or letters outside ASCII.
    Host,
    /// The trace information contains characters that are not allowed, or has more than 255 characters.
    Trace,
    /// The mechanism needs MD5, and the feature `md5` is off.
    NotBuilt,
}

/// An error of the server that ends the exchange. Cancel with `*`, or close the connection if the server has already
/// announced success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExchangeError {
    /// A challenge has the wrong format.
    Malformed(&'static str),
    /// The mechanism expects no challenge at this point.
    Unexpected,
    /// A challenge has more than 8,192 octets.
    TooLong,
    /// The nonce of the server does not start with the nonce of the client. It belongs to another exchange (RFC 5802
    /// section 5.1).
    Nonce,
    /// The number of iterations is outside the range that [`ClientSetup`](super::ClientSetup) allows.
    Iterations,
    /// The server's signature is wrong. Either the server does not know the user's keys, or a message was changed on
    /// the way.
    WrongSignature,
    /// The server announced success without proving that it knows the user's keys.
    NotVerified,
    /// The server announced success before the credentials were sent, or after it had refused them.
    Premature,
    /// The server refused the login with a SCRAM error value.
    Denied(Denial),
    /// The exchange has already ended with an error.
    Over,
}

/// A SCRAM error value: the reason why a server refuses (RFC 5802 section 7, server-error-value).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// `invalid-encoding`
    InvalidEncoding,
    /// `extensions-not-supported`
    ExtensionsNotSupported,
    /// `invalid-proof`: usually a wrong password.
    InvalidProof,
    /// `channel-bindings-dont-match`: there may be an attacker in the middle.
    ChannelBindingsDontMatch,
    /// `server-does-support-channel-binding`: the list of mechanisms was changed on the way.
    ServerDoesSupportChannelBinding,
    /// `channel-binding-not-supported`
    ChannelBindingNotSupported,
    /// `unsupported-channel-binding-type`
    UnsupportedChannelBindingType,
    /// `unknown-user`
    UnknownUser,
    /// `invalid-username-encoding`
    InvalidUsernameEncoding,
    /// `no-resources`
    NoResources,
    /// `other-error`, or an unknown value.
    Other,
}

impl Denial {
    const ALL: [Self; 11] = [
        Self::InvalidEncoding,
        Self::ExtensionsNotSupported,
        Self::InvalidProof,
        Self::ChannelBindingsDontMatch,
        Self::ServerDoesSupportChannelBinding,
        Self::ChannelBindingNotSupported,
        Self::UnsupportedChannelBindingType,
        Self::UnknownUser,
        Self::InvalidUsernameEncoding,
        Self::NoResources,
        Self::Other,
    ];

    pub(super) fn parse(word: &str) -> Self {
        Self::ALL.into_iter().find(|denial| denial.name() == word).unwrap_or(Self::Other)
    }

    /// Returns the error value as text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidEncoding => "invalid-encoding",
            Self::ExtensionsNotSupported => "extensions-not-supported",
            Self::InvalidProof => "invalid-proof",
            Self::ChannelBindingsDontMatch => "channel-bindings-dont-match",
            Self::ServerDoesSupportChannelBinding => "server-does-support-channel-binding",
            Self::ChannelBindingNotSupported => "channel-binding-not-supported",
            Self::UnsupportedChannelBindingType => "unsupported-channel-binding-type",
            Self::UnknownUser => "unknown-user",
            Self::InvalidUsernameEncoding => "invalid-username-encoding",
            Self::NoResources => "no-resources",
            Self::Other => "other-error",
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoName => "there is no user name",
            Self::NoPassword => "there is no password",
            Self::NoToken => "there is no token",
            Self::NoCertificate => "there is no client certificate",
            Self::NotAnonymous => "the credentials name a user, but the mechanism is anonymous",
            Self::NoBinding => "there is no TLS session to bind to",
            Self::NoAuthorization => "the mechanism does not support acting as another user",
            Self::Name => "the user name is too long or contains invalid characters",
            Self::Password => "the password is empty, too long, or contains invalid characters",
            Self::Token => "the token is too long or contains invalid characters",
            Self::Host => "the host name is empty or contains invalid characters",
            Self::Trace => "the trace information is too long or contains invalid characters",
            Self::NotBuilt => "the mechanism needs MD5, but the feature `md5` is off in this build",
        })
    }
}

impl core::error::Error for Unusable {}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed(flaw) => return write!(f, "malformed challenge: {flaw}"),
            Self::Denied(denial) => return write!(f, "the server reported the error {}", denial.name()),
            Self::Unexpected => "the server sent a challenge that the mechanism does not allow",
            Self::TooLong => "the server sent a challenge that is too long",
            Self::Nonce => "the server's nonce does not extend the client's nonce",
            Self::Iterations => "the server's iteration count is too low or too high",
            Self::WrongSignature => "the server did not prove that it knows the password",
            Self::NotVerified => "the server announced success without proving that it knows the password",
            Self::Premature => "the server announced success before the exchange was complete",
            Self::Over => "the exchange is over",
        })
    }
}

impl core::error::Error for ExchangeError {}
