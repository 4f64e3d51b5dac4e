//! What can go wrong for a client.

use core::fmt;
use std::io;

use pop3_proto::client::{Error as ProtocolError, Event, SendError};
use pop3_proto::{Advice, ArgumentError, Keyword, Reply, ResponseCode};
use pop3_sasl::Mechanism;
use pop3_sasl::client::{Error as ExchangeError, Unusable};

/// Why a call failed.
///
/// [`advice`](Self::advice) says what to do about it, and [`is_final`](Self::is_final) whether the client can be
/// used on. [`Display`](fmt::Display) tells what happened and leaves the cause to
/// [`source`](core::error::Error::source): show the whole chain.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A builder's settings can't be used, or contradict each other; the source says which. Nothing was connected.
    Settings(Box<dyn core::error::Error + Send + Sync>),
    /// The server can't be reached, or the connection was lost.
    Network(io::Error),
    /// The TLS handshake failed. No command was sent on it.
    Tls(io::Error),
    /// The same, as what the server sent is not TLS: the port speaks plain text.
    NotTls(io::Error),
    /// The server gave a negative reply. The connection can be used on.
    Refused(Refusal),
    /// The server departs from the protocol beyond what is understood, or takes too long.
    Protocol(ProtocolError),
    /// The command can't be sent now. Nothing was sent.
    Unsendable(SendError),
    /// An argument can't stand in a command. Nothing was sent.
    Argument(ArgumentError),
    /// No mechanism, and nothing else, can be used to log in. Nothing secret was sent.
    NoLogin(NoLogin),
    /// The credentials or the connection do not suit the mechanism. Nothing was sent.
    Unusable(Unusable),
    /// The exchange of AUTH was cancelled, as the server did not keep to the mechanism, or did not prove
    /// what it had to. The user is not logged in, and the connection can be used on, if it is still there.
    Exchange(ExchangeError),
    /// The exchange of AUTH was cancelled, as a challenge was no base64. The same holds.
    UnreadableChallenge,
    /// The server announced that the user is logged in, and has not proved that it knows the user's
    /// keys, or can't have seen the credentials (RFC 5034 section 4). The connection was closed.
    ServerNotVerified(ExchangeError),
    /// The greeting had no timestamp, or it was forgotten at STLS, so that there is no APOP.
    NoTimestamp,
    /// A receiver could not store what was received. The next call throws away the rest of the message.
    Store(io::Error),
    /// The connection is of no use any more: an earlier call has failed for good, or was dropped where
    /// nobody can go on, or left more than comes within
    /// [`Options::drain_timeout`](super::Options::drain_timeout).
    Interrupted,
    /// The switch of [`Options::stop`](super::Options::stop) was thrown. The connection can be used on within
    /// [`GRACE`](super::GRACE), if only for QUIT: at once if all that was sent is answered
    /// ([`Client::is_quiet`](super::Client::is_quiet)); else the next call waits for the rest first.
    Stopped,
    /// The core and this crate disagree. It is a bug to see this.
    Internal,
}

/// A negative reply.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The command that was refused; `None` for the greeting.
    pub keyword: Option<Keyword>,
    /// The mechanism, where it was a login by AUTH that was refused.
    pub mechanism: Option<Mechanism>,
    /// The reply's text: the server's octets, to be escaped before they are shown.
    pub text: Vec<u8>,
    /// What the server said about a token that it refused, before the reply: JSON, as it came
    /// (RFC 7628 section 3.2.2). The server's octets, too, with the secrets of this session masked as `***`.
    pub details: Option<Vec<u8>>,
    /// Whether the server has announced AUTH-RESP-CODE, so that it tells by `[AUTH]` when it refuses
    /// credentials, and only then (RFC 3206 section 6).
    pub auth_resp_code: bool,
    /// Whether the server does not offer what was refused: a mechanism that its list of capabilities has
    /// not, or USER where the list is known to be without it.
    pub unoffered: bool,
    /// Whether a login by AUTH was refused before the server got a secret or a proof, so that it can't
    /// have found the password wrong.
    pub before_credentials: bool,
}

/// Why there is no way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoLogin {
    /// The server offers no mechanism that suits the credentials and that this connection may carry.
    NotOffered,
    /// The login must be bound to the TLS connection, and the server does not offer a mechanism that
    /// can, or somebody has taken it off the list.
    BindingNotOffered,
}

impl Refusal {
    pub(super) fn new(keyword: Option<Keyword>, reply: Reply<'_>) -> Self {
        Self {
            keyword,
            mechanism: None,
            text: reply.text.to_vec(),
            details: None,
            auth_resp_code: false,
            unoffered: false,
            before_credentials: false,
        }
    }

    /// The refusal that a negative reply to a command is.
    pub(super) fn of(event: &Event<'_>) -> Option<Self> {
        let Event::Reply { keyword, reply, .. } = *event else { return None };
        (!reply.is_positive()).then(|| Self::new(Some(keyword), reply))
    }

    /// The response code, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<ResponseCode<'_>> {
        ResponseCode::of_text(&self.text)
    }

    /// What to do about it, by its code. Texts are not guessed at.
    #[must_use]
    pub fn advice(&self) -> Advice {
        self.code().map_or(Advice::Unknown, ResponseCode::advice)
    }

    /// Whether it was the credentials that were refused, when this is about a login: `None` when the
    /// server does not tell.
    #[must_use]
    pub fn blames_credentials(&self) -> Option<bool> {
        let advice = self.advice();
        if advice == Advice::Unknown && !self.auth_resp_code {
            return None;
        }
        Some(advice == Advice::OtherCredentials)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keyword {
            None => f.write_str("the server refused the connection")?,
            Some(Keyword::Extension) => f.write_str("the server refused the command")?,
            Some(keyword) => write!(f, "the server refused {}", keyword.as_str())?,
        }
        if !self.text.is_empty() {
            write!(f, ": {}", self.text.escape_ascii())?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(_) => f.write_str("the settings of the connection can't be used"),
            Self::Network(_) => f.write_str("the connection failed"),
            Self::Tls(_) => f.write_str("the TLS handshake failed"),
            Self::NotTls(_) => f.write_str("the port does not speak TLS from the first octet"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Unsendable(error) => error.fmt(f),
            Self::Argument(error) => error.fmt(f),
            Self::NoLogin(reason) => reason.fmt(f),
            Self::Unusable(_) => f.write_str("the mechanism can't be used"),
            Self::Exchange(_) => f.write_str("the login was cancelled"),
            Self::UnreadableChallenge => f.write_str("the login was cancelled: a challenge is no base64"),
            Self::ServerNotVerified(_) => f.write_str("the login is not to be believed"),
            Self::NoTimestamp => f.write_str("the greeting has no timestamp that APOP can use"),
            Self::Store(_) => f.write_str("what was received can't be stored"),
            Self::Interrupted => f.write_str(
                "an earlier call has failed or was dropped, and left the connection unusable; connect anew",
            ),
            Self::Stopped => f.write_str("the session was told to end"),
            Self::Internal => f.write_str("internal error: the client core was misused"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(&**error),
            Self::Network(error) | Self::Tls(error) | Self::NotTls(error) | Self::Store(error) => Some(error),
            // These are shown as they are.
            Self::Protocol(error) => error.source(),
            Self::Unsendable(error) => error.source(),
            Self::Argument(error) => error.source(),
            Self::Unusable(error) => Some(error),
            Self::Exchange(error) | Self::ServerNotVerified(error) => Some(error),
            Self::Refused(_)
            | Self::NoLogin(_)
            | Self::UnreadableChallenge
            | Self::NoTimestamp
            | Self::Interrupted
            | Self::Stopped
            | Self::Internal => None,
        }
    }
}

impl fmt::Display for NoLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOffered => "the server offers no way to log in that can be used here",
            Self::BindingNotOffered => {
                "the login is to be bound to the TLS connection, and the server offers no mechanism for that"
            }
        })
    }
}

impl From<Unusable> for Error {
    fn from(error: Unusable) -> Self {
        Self::Unusable(error)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Unsendable(error)
    }
}

impl From<ArgumentError> for Error {
    fn from(error: ArgumentError) -> Self {
        Self::Argument(error)
    }
}

#[cfg(test)]
mod tests {
    use core::error::Error as _;

    use pop3_proto::client::Protocol;

    use super::*;

    #[test]
    fn an_error_and_its_cause_are_told_once_each() {
        let io = || io::Error::other("the cable is out");
        for (error, chain) in [
            (
                Error::Settings(Box::new(io())),
                "the settings of the connection can't be used: the cable is out",
            ),
            (Error::Network(io()), "the connection failed: the cable is out"),
            (Error::Tls(io()), "the TLS handshake failed: the cable is out"),
            (Error::NotTls(io()), "the port does not speak TLS from the first octet: the cable is out"),
            (Error::Store(io()), "what was received can't be stored: the cable is out"),
            (ProtocolError::OtherProtocol(Protocol::Imap).into(), ""),
            (SendError::Plaintext.into(), ""),
            (Unusable::NoToken.into(), ""),
            (Error::Exchange(ExchangeError::WrongSignature), ""),
            (Error::ServerNotVerified(ExchangeError::NotVerified), ""),
        ] {
            let (own, mut told) = (error.to_string(), error.to_string());
            let mut source = error.source();
            while let Some(cause) = source {
                assert!(!own.contains(&cause.to_string()), "{own:?} repeats its cause");
                told = format!("{told}: {cause}");
                source = cause.source();
            }
            assert!(chain.is_empty() || told == chain, "{told}");
        }
    }
}
