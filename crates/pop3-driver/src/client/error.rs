//! The errors of a client.

use core::fmt;
use std::io;

use pop3_proto::client::{ClientEvent, ProtocolError, SendError};
use pop3_proto::{Advice, ArgumentError, Keyword, Reply, ResponseCode};
use pop3_sasl::Mechanism;
use pop3_sasl::client::{ExchangeError, Unusable};

/// Why a call failed.
///
/// [`advice`](Self::advice) tells what to do about it. [`is_final`](Self::is_final) tells whether the client can
/// still be used. The text of an error does not include its [`source`](core::error::Error::source): show the whole
/// chain.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// A builder's settings can't be used, or contradict each other; the source says which. Nothing was connected.
    Settings(Box<dyn core::error::Error + Send + Sync>),
    /// The server cannot be reached, or the connection was lost.
    Network(io::Error),
    /// The TLS handshake failed. No command was sent on it.
    Tls(io::Error),
    /// The TLS handshake failed because the server did not answer with TLS: the port speaks plain text.
    NotTls(io::Error),
    /// The server gave a negative reply. The connection can still be used.
    Refused(Refusal),
    /// The server violates the protocol in a way that the client cannot handle, or takes too long.
    Protocol(ProtocolError),
    /// The command can't be sent now. Nothing was sent.
    Unsendable(SendError),
    /// An argument is not allowed in a command. Nothing was sent.
    Argument(ArgumentError),
    /// There is no mechanism and no other way to log in. No secret was sent.
    NoLogin(NoLogin),
    /// The credentials or the connection do not suit the mechanism. Nothing was sent.
    Unusable(Unusable),
    /// The client cancelled the AUTH exchange, because the server did not follow the mechanism or did not prove what
    /// it had to. The user is not logged in. The connection can still be used if it is still open.
    Exchange(ExchangeError),
    /// The client cancelled the AUTH exchange, because the server sent a challenge that is not base64. Otherwise as
    /// [`Exchange`](Self::Exchange).
    UnreadableChallenge,
    /// The server announced a successful login, but it did not prove that it knows the keys of the user, or it
    /// cannot have seen the credentials (RFC 5034 section 4). The connection was closed.
    ServerNotVerified(ExchangeError),
    /// APOP is not possible: the greeting had no timestamp, or the client discarded it at STLS.
    NoTimestamp,
    /// A receiver could not store the message. The next call discards the rest of it.
    Store(io::Error),
    /// The connection can no longer be used. An earlier call failed for good, or was dropped at a point where the
    /// client cannot continue, or left more data than arrives within
    /// [`ClientOptions::drain_timeout`](super::ClientOptions::drain_timeout).
    Interrupted,
    /// [`ClientOptions::stop`](super::ClientOptions::stop) was stopped. The connection can be used for another
    /// [`GRACE`](super::GRACE), for example for QUIT. The next call first waits for outstanding replies, if there
    /// are any ([`Client::is_quiet`](super::Client::is_quiet)).
    Stopped,
    /// An internal error. Please report it as a bug.
    Internal,
}

/// A negative reply.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The command that was refused; `None` for the greeting.
    pub keyword: Option<Keyword>,
    /// The mechanism, if a login with AUTH was refused.
    pub mechanism: Option<Mechanism>,
    /// The text of the reply as the server sent it. Escape it before you show it.
    pub text: Vec<u8>,
    /// The explanation that the server sent before its reply when it refused a token: JSON as received (RFC 7628
    /// section 3.2.2). Secrets of this session are masked as `***`. Escape it before you show it.
    pub details: Option<Vec<u8>>,
    /// Whether the server has announced AUTH-RESP-CODE. Such a server uses `[AUTH]` if, and only if, it refuses the
    /// credentials (RFC 3206 section 6).
    pub auth_resp_code: bool,
    /// Whether the server does not offer what it refused: a mechanism or USER that is missing from its list of
    /// capabilities.
    pub unoffered: bool,
    /// Whether a login with AUTH was refused before the server received a secret or a proof. The password then
    /// cannot be the reason.
    pub before_credentials: bool,
}

/// Why there is no way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NoLogin {
    /// The server offers no mechanism that works with these credentials on this connection.
    NotOffered,
    /// The login must be bound to the TLS connection, but the server offers no mechanism for that, or someone has
    /// removed it from the list.
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
    pub(super) fn of(event: &ClientEvent<'_>) -> Option<Self> {
        let ClientEvent::Reply { keyword, reply, .. } = *event else { return None };
        (!reply.is_positive()).then(|| Self::new(Some(keyword), reply))
    }

    /// Returns the response code, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<ResponseCode<'_>> {
        ResponseCode::of_text(&self.text)
    }

    /// Returns what to do about it, according to the response code. The text is not interpreted.
    #[must_use]
    pub fn advice(&self) -> Advice {
        self.code().map_or(Advice::Unknown, ResponseCode::advice)
    }

    /// Returns whether a login was refused because of the credentials, or `None` if the server does not tell.
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

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(_) => f.write_str("the settings of the connection can't be used"),
            Self::Network(_) => f.write_str("the connection failed"),
            Self::Tls(_) => f.write_str("the TLS handshake failed"),
            Self::NotTls(_) => f.write_str("the server answered in plain text instead of TLS"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Unsendable(error) => error.fmt(f),
            Self::Argument(error) => error.fmt(f),
            Self::NoLogin(reason) => reason.fmt(f),
            Self::Unusable(_) => f.write_str("the mechanism can't be used"),
            Self::Exchange(_) => f.write_str("the login failed and was cancelled"),
            Self::UnreadableChallenge => {
                f.write_str("the login failed: the server sent a challenge that is not base64")
            }
            Self::ServerNotVerified(_) => {
                f.write_str("the server accepted the login without the required proof")
            }
            Self::NoTimestamp => f.write_str("the greeting has no timestamp that APOP can use"),
            Self::Store(_) => f.write_str("the received data can't be stored"),
            Self::Interrupted => f.write_str(
                "an earlier call failed or was dropped and left the connection unusable; connect again",
            ),
            Self::Stopped => f.write_str("the session was stopped"),
            Self::Internal => f.write_str("internal error: the client core was misused"),
        }
    }
}

impl core::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Settings(error) => Some(&**error),
            Self::Network(error) | Self::Tls(error) | Self::NotTls(error) | Self::Store(error) => Some(error),
            // `Display` already shows these errors themselves.
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
            Self::NotOffered => {
                "the server offers no login method that can be used with these \
                credentials on this connection"
            }
            Self::BindingNotOffered => {
                "the login must be bound to the TLS connection, but the server offers no mechanism for that"
            }
        })
    }
}

impl From<Unusable> for ClientError {
    fn from(error: Unusable) -> Self {
        Self::Unusable(error)
    }
}

impl From<ProtocolError> for ClientError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<SendError> for ClientError {
    fn from(error: SendError) -> Self {
        Self::Unsendable(error)
    }
}

impl From<ArgumentError> for ClientError {
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
                ClientError::Settings(Box::new(io())),
                "the settings of the connection can't be used: the cable is out",
            ),
            (ClientError::Network(io()), "the connection failed: the cable is out"),
            (ClientError::Tls(io()), "the TLS handshake failed: the cable is out"),
            (ClientError::NotTls(io()), "the server answered in plain text instead of TLS: the cable is out"),
            (ClientError::Store(io()), "the received data can't be stored: the cable is out"),
            (ProtocolError::OtherProtocol(Protocol::Imap).into(), ""),
            (SendError::Plaintext.into(), ""),
            (Unusable::NoToken.into(), ""),
            (ClientError::Exchange(ExchangeError::WrongSignature), ""),
            (ClientError::ServerNotVerified(ExchangeError::NotVerified), ""),
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
