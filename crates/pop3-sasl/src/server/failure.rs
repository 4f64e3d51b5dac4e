//! How an exchange fails.

use core::fmt;

/// Why an exchange ended without a login. The connection is in the same state as before the exchange (RFC 5034
/// section 4).
///
/// The texts are fixed and contain nothing that the client sent. They are meant for logs, not for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The credentials are wrong, or the user does not exist. The two cannot be told apart. Only this variant counts
    /// as a failed login.
    Refused,
    /// A message has the wrong format. The credentials were not checked.
    Malformed(&'static str),
    /// The channel binding does not match. There may be an attacker in the middle, or the client uses an unsupported
    /// binding type. The credentials were not checked.
    Binding(&'static str),
    /// The client or the caller cancelled the exchange.
    Cancelled,
    /// The caller could not decide, because of an error on the server.
    Unavailable,
    /// The mechanism needs a feature of this crate that is off.
    NotBuilt,
}

/// A call that is not allowed in the current state. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeMisuse {
    /// [`begin`](super::ServerExchange::begin) was called twice.
    Begun,
    /// [`respond`](super::ServerExchange::respond) was called when it is not the client's turn.
    NotTheClient,
    /// [`answer`](super::ServerExchange::answer) was called without a question, or the answer does not match the
    /// question.
    NotAsked,
    /// The keys are for a different hash function than requested.
    WrongHash,
    /// The exchange is over.
    Over,
}

impl Failure {
    /// Returns whether the failure counts as a failed login. Send the response code `[AUTH]`, and delay the reply.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Refused)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("the credentials were refused"),
            Self::Malformed(flaw) => write!(f, "malformed message: {flaw}"),
            Self::Binding(flaw) => write!(f, "channel binding failed: {flaw}"),
            Self::Cancelled => f.write_str("the exchange was cancelled"),
            Self::Unavailable => f.write_str("the credentials cannot be verified at the moment"),
            Self::NotBuilt => f.write_str("the mechanism needs a feature that is off in this build"),
        }
    }
}

impl core::error::Error for Failure {}

impl fmt::Display for ExchangeMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Begun => "the exchange has already begun",
            Self::NotTheClient => "it is not the client's turn",
            Self::NotAsked => "the answer does not match a question",
            Self::WrongHash => "the keys belong to a different hash function",
            Self::Over => "the exchange is over",
        })
    }
}

impl core::error::Error for ExchangeMisuse {}
