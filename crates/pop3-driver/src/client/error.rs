//! What can go wrong for a client.

use core::fmt;
use std::io;

use pop3_proto::client::{Error as ProtocolError, SendError};
use pop3_proto::{ArgumentError, Keyword, Reply, ResponseCode};

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server can't be reached, or the connection was lost.
    Network(io::Error),
    /// The TLS handshake failed. No command was sent on it.
    Tls(io::Error),
    /// The server gave a negative reply. The connection can be used on.
    Refused(Refusal),
    /// The server departs from the protocol beyond what is understood, or takes too long.
    Protocol(ProtocolError),
    /// The command can't be sent now. Nothing was sent.
    Unsendable(SendError),
    /// An argument can't stand in a command. Nothing was sent.
    Argument(ArgumentError),
    /// The greeting had no timestamp, or it was forgotten at STLS, so that there is no APOP.
    NoTimestamp,
    /// What was received could not be stored. The connection is in the middle of a message.
    Store(io::Error),
    /// An earlier call was dropped before its end.
    Interrupted,
    /// The core and this crate disagree. It is a bug to see this.
    Internal,
}

/// A negative reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The command that was refused; `None` for the greeting.
    pub keyword: Option<Keyword>,
    /// The reply's text: the server's octets, to be escaped before they are shown.
    pub text: Vec<u8>,
}

impl Refusal {
    pub(super) fn new(keyword: Option<Keyword>, reply: Reply<'_>) -> Self {
        Self { keyword, text: reply.text.to_vec() }
    }

    /// The response code, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<ResponseCode<'_>> {
        ResponseCode::of_text(&self.text)
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
            Self::Network(error) => write!(f, "network: {error}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Unsendable(error) => error.fmt(f),
            Self::Argument(error) => error.fmt(f),
            Self::NoTimestamp => f.write_str("the greeting has no timestamp that APOP can use"),
            Self::Store(error) => write!(f, "storing what was received: {error}"),
            Self::Interrupted => f.write_str("an earlier call was dropped before its end"),
            Self::Internal => f.write_str("internal error: the client core was misused"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Network(error) | Self::Tls(error) | Self::Store(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Unsendable(error) => Some(error),
            Self::Argument(error) => Some(error),
            Self::Refused(_) | Self::NoTimestamp | Self::Interrupted | Self::Internal => None,
        }
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
