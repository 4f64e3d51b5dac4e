//! Errors that the caller causes.

use core::fmt;

use super::awaited::Awaited;
use super::state::ClientState;
use crate::command::Keyword;

/// The reason why a command or a response was not sent. Nothing was written and nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The command can't be sent in this state.
    State(ClientState),
    /// PASS must follow immediately after a USER with a positive reply.
    Unnamed,
    /// USER, PASS, APOP, or an AUTH that reveals a secret, on an unprotected channel.
    Plaintext,
    /// STLS was sent although TLS is already established.
    AlreadyTls,
    /// STLS was sent after UTF8 (RFC 6856 section 2.1).
    AfterUtf8,
    /// The name or password in USER, PASS or APOP is not ASCII, and the server has not announced `UTF8 USER` (RFC
    /// 6856 section 2.2).
    NotAscii,
    /// The name or password in USER, PASS or APOP is neither ASCII nor UTF-8.
    NotUtf8,
    /// The challenge can't be parsed, so it can only be cancelled.
    Unreadable,
    /// Too many commands are outstanding. Poll until a reply is complete.
    Window,
    /// The input contains octets that no command asked for. Poll first.
    Unread,
    /// The line has more than 255 octets including CRLF (RFC 2449 section 4), or the response to a challenge has more
    /// than [`ClientConfig::max_sasl_line`](super::ClientConfig::max_sasl_line).
    TooLong,
    /// The line of an extension begins with the keyword of another [`Command`](crate::Command), see
    /// [`Keyword::of_line`]. Sent as an extension, it would bypass the rules for that command.
    Reserved,
}

/// An error: the signal does not fit the state of a [`ClientSession`](super::rules::ClientSession). Nothing was
/// changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientMisuse {
    /// The signal is not possible in this state.
    State(ClientState),
    /// The reply to this command changes the state and has not arrived yet.
    Awaiting(Keyword),
    /// PASS must follow immediately after a USER with a positive reply.
    Unnamed,
    /// USER, PASS, APOP, or an AUTH that reveals a secret, on an unprotected channel.
    Plaintext,
    /// STLS was sent although TLS is already established.
    AlreadyTls,
    /// STLS was sent after UTF8 (RFC 6856 section 2.1).
    AfterUtf8,
}

impl From<ClientMisuse> for SendError {
    fn from(misuse: ClientMisuse) -> Self {
        match misuse {
            ClientMisuse::State(state) => Self::State(state),
            ClientMisuse::Awaiting(_) => Self::Window,
            ClientMisuse::Unnamed => Self::Unnamed,
            ClientMisuse::Plaintext => Self::Plaintext,
            ClientMisuse::AlreadyTls => Self::AlreadyTls,
            ClientMisuse::AfterUtf8 => Self::AfterUtf8,
        }
    }
}

const UNNAMED: &str = "PASS must follow an accepted USER";
const PLAINTEXT: &str = "the connection is not encrypted, so no user name or password is sent";
const ALREADY_TLS: &str = "TLS is already established";
const AFTER_UTF8: &str = "STLS must be sent before UTF8";

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "the command cannot be sent {state}"),
            Self::Unnamed => f.write_str(UNNAMED),
            Self::Plaintext => f.write_str(PLAINTEXT),
            Self::AlreadyTls => f.write_str(ALREADY_TLS),
            Self::AfterUtf8 => f.write_str(AFTER_UTF8),
            Self::NotAscii => f.write_str(
                "the name or the password is not ASCII, and the server does not take UTF-8 in USER, PASS \
                 and APOP",
            ),
            Self::NotUtf8 => f.write_str("the name or the password is not UTF-8"),
            Self::Unreadable => f.write_str(
                "the challenge is malformed, so the exchange can only be \
                cancelled",
            ),
            Self::Window => f.write_str("the replies to earlier commands must come first"),
            Self::Unread => f.write_str("octets that arrived earlier must be read first"),
            Self::TooLong => f.write_str("the line is longer than the limit"),
            Self::Reserved => f.write_str("an extension cannot use the keyword of an existing command"),
        }
    }
}

impl fmt::Display for ClientMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "the call is not allowed {state}"),
            Self::Awaiting(keyword) => {
                write!(f, "the session must receive {} first", Awaited(Some(*keyword)))
            }
            Self::Unnamed => f.write_str(UNNAMED),
            Self::Plaintext => f.write_str(PLAINTEXT),
            Self::AlreadyTls => f.write_str(ALREADY_TLS),
            Self::AfterUtf8 => f.write_str(AFTER_UTF8),
        }
    }
}

impl core::error::Error for SendError {}
impl core::error::Error for ClientMisuse {}
