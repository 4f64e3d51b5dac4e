//! What goes wrong by the caller's fault.

use core::fmt;

use super::awaited::Awaited;
use super::state::ClientState;
use crate::command::Keyword;

/// Why a command was not sent. Nothing was written and nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The command can't be sent in this state.
    State(ClientState),
    /// PASS, and the last command was not a USER with a positive reply.
    Unnamed,
    /// USER, PASS, APOP, or AUTH that shows a secret, on a channel that anybody can read.
    Plaintext,
    /// STLS, and TLS is there already.
    AlreadyTls,
    /// STLS behind UTF8 (RFC 6856 section 2.1).
    AfterUtf8,
    /// A name or password of USER, PASS or APOP outside ASCII, and the server has not announced
    /// `UTF8 USER` (RFC 6856 section 2.2).
    NotAscii,
    /// A name or password of USER, PASS or APOP that is neither ASCII nor UTF-8.
    NotUtf8,
    /// An answer to a challenge that can't be read. It can be cancelled.
    Unreadable,
    /// As many commands are outstanding as may be. Poll until a reply is complete.
    Window,
    /// There are octets in the input that were not asked for. Poll first.
    Unread,
    /// The line has more than 255 octets, CRLF included (RFC 2449 section 4); or the answer to a
    /// challenge has more than [`ClientConfig::max_sasl_line`](super::ClientConfig::max_sasl_line).
    TooLong,
    /// An extension whose line begins with the keyword of another [`Command`](crate::Command), see
    /// [`Keyword::of_line`]: it would pass by the rules for that one.
    Reserved,
}

/// A signal that does not fit the state of a [`ClientSession`](super::rules::ClientSession). Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientMisuse {
    /// The signal can't come in this state.
    State(ClientState),
    /// The reply to this command decides on the state, and it is not there yet.
    Awaiting(Keyword),
    /// PASS, and the last command was not a USER with a positive reply.
    Unnamed,
    /// USER, PASS, APOP, or AUTH that shows a secret, on a channel that anybody can read.
    Plaintext,
    /// STLS, and TLS is there already.
    AlreadyTls,
    /// STLS behind UTF8.
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
            Self::State(state) => write!(f, "the command can't be sent {state}"),
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
            Self::Unread => f.write_str("octets received earlier must be read first"),
            Self::TooLong => f.write_str("the line is longer than the limit"),
            Self::Reserved => f.write_str("an extension can't have the keyword of another command"),
        }
    }
}

impl fmt::Display for ClientMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "this can't happen {state}"),
            Self::Awaiting(keyword) => write!(f, "{} must come first", Awaited(Some(*keyword))),
            Self::Unnamed => f.write_str(UNNAMED),
            Self::Plaintext => f.write_str(PLAINTEXT),
            Self::AlreadyTls => f.write_str(ALREADY_TLS),
            Self::AfterUtf8 => f.write_str(AFTER_UTF8),
        }
    }
}

impl core::error::Error for SendError {}
impl core::error::Error for ClientMisuse {}
