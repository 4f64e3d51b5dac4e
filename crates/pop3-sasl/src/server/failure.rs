//! How an exchange fails.

use core::fmt;

/// Why an exchange ended without a login. The connection is as if it had never begun
/// (RFC 5034 section 4).
///
/// The texts are fixed and hold nothing of what the client sent; still they are for logs, and a client
/// need not know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The credentials are not right, or there is no such user, which looks the same. The only one that
    /// counts as a failed login.
    Refused,
    /// A message is not as the mechanism wants it. Nothing was found out about the credentials.
    Malformed(&'static str),
    /// The exchange is not bound to this channel: somebody may be in between, or the client binds in a
    /// way that we don't have. Nothing was found out about the credentials.
    Binding(&'static str),
    /// The client cancelled, or the caller gave up.
    Cancelled,
    /// The caller could not find an answer.
    Unavailable,
    /// The mechanism needs a feature of this crate that is off.
    NotBuilt,
}

/// A call that the state does not allow. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExchangeMisuse {
    /// [`begin`](super::ServerExchange::begin) was called twice.
    Begun,
    /// [`respond`](super::ServerExchange::respond) was called when it is not the client's turn.
    NotTheClient,
    /// [`answer`](super::ServerExchange::answer) was called when nothing was asked, or something else.
    NotAsked,
    /// The keys are for another hash than the one asked for.
    WrongHash,
    /// The exchange is over.
    Over,
}

impl Failure {
    /// Returns whether it counts as a failed login: reply code `[AUTH]`, and a delay.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Refused)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("credentials refused"),
            Self::Malformed(flaw) => write!(f, "malformed message: {flaw}"),
            Self::Binding(flaw) => write!(f, "channel binding: {flaw}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Unavailable => f.write_str("credentials can't be verified now"),
            Self::NotBuilt => f.write_str("this program was built without the mechanism"),
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
            Self::WrongHash => "the keys are for another hash",
            Self::Over => "the exchange is over",
        })
    }
}

impl core::error::Error for ExchangeMisuse {}
