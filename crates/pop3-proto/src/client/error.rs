//! Errors of the server or the connection.

use core::fmt;

use super::awaited::Awaited;
use super::excerpt::Excerpt;
use crate::command::Keyword;
use crate::quirk::Quirk;

/// An error of the server or the connection. It is final: every later call returns it again, and nothing more can be
/// sent.
///
/// If a line caused the error, the error contains the beginning of that line. [`Display`](fmt::Display) shows it at
/// the end; the alternate form (`{:#}`) omits it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The greeting belongs to another protocol.
    OtherProtocol(Protocol),
    /// A line is not a reply, although a reply was due. Either the server does not speak POP3, or it treats part of
    /// a message as its end, so that replies and commands can no longer be matched.
    OutOfStep(Excerpt),
    /// A departure from the protocol that the client refuses. In strict mode, it refuses all of them. In lenient
    /// mode, it refuses only a line of an extension that ends in a bare LF.
    Quirk(Quirk),
    /// A line is longer than the limit.
    LineTooLong(Excerpt),
    /// A listing has more lines than the limit.
    TooManyEntries,
    /// A body has more octets than the limit. The octets up to the limit were returned.
    BodyTooLong,
    /// A line of a listing, or the reply to STAT, LAST, LIST or UIDL, can't be parsed.
    Entry(Excerpt),
    /// The reply to LIST or UIDL with a number is about another message.
    WrongNumber(Excerpt),
    /// The server sent octets that no command asked for.
    Unsolicited(Excerpt),
    /// The server sent a negative reply that no command asked for: it ends the session, usually because the session
    /// was idle for too long. The line is still at the front of the input.
    Dismissed(Excerpt),
    /// Octets arrived after the positive reply to STLS and before TLS. Anyone on the network path could have
    /// inserted them (RFC 2595 section 4).
    Injected,
    /// The connection ended before a reply began, or while the client was not waiting for one. If it was the reply
    /// to QUIT, it is unknown whether the messages marked as deleted were removed.
    Closed {
        /// The command whose reply was awaited; `None` for the greeting and while idle.
        during: Option<Keyword>,
    },
    /// The connection ended inside a reply: what was returned so far is incomplete.
    Truncated {
        /// The command whose reply it was; `None` for the greeting.
        during: Option<Keyword>,
    },
    /// The server sent nothing for too long, or did not end a line in time: see
    /// [`ClientConfig::reply_timeout`](super::ClientConfig::reply_timeout).
    TimedOut {
        /// The command whose reply was awaited; `None` for the greeting.
        during: Option<Keyword>,
    },
    /// A listing or a body arrived with fewer than [`ClientConfig::min_octets`](super::ClientConfig::min_octets)
    /// octets in a period of [`ClientConfig::min_octets_period`](super::ClientConfig::min_octets_period).
    TooSlow {
        /// The command whose reply it was.
        during: Option<Keyword>,
    },
}

/// The protocol that a greeting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// SMTP or FTP: `220 …`.
    Smtp,
    /// IMAP: `* OK …`.
    Imap,
    /// HTTP: `HTTP/1.1 400 …`.
    Http,
    /// SSH: `SSH-2.0-…`.
    Ssh,
    /// A TLS record: the server expects TLS from the first octet.
    Tls,
}

impl ProtocolError {
    /// Returns the line that caused the error, if there is one.
    #[must_use]
    pub const fn excerpt(&self) -> Option<&Excerpt> {
        match self {
            Self::OutOfStep(line)
            | Self::LineTooLong(line)
            | Self::Entry(line)
            | Self::WrongNumber(line)
            | Self::Unsolicited(line)
            | Self::Dismissed(line) => Some(line),
            Self::OtherProtocol(_)
            | Self::Quirk(_)
            | Self::TooManyEntries
            | Self::BodyTooLong
            | Self::Injected
            | Self::Closed { .. }
            | Self::Truncated { .. }
            | Self::TimedOut { .. }
            | Self::TooSlow { .. } => None,
        }
    }

    /// The error for a line that is not a reply. [`in_line`](Self::in_line) adds the line.
    pub(super) fn out_of_step() -> Self {
        Self::OutOfStep(Excerpt::default())
    }

    /// The error for a line of a listing that can't be parsed. [`in_line`](Self::in_line) adds the line.
    pub(super) fn entry() -> Self {
        Self::Entry(Excerpt::default())
    }

    /// Adds the line to an error that contains one.
    pub(super) fn in_line(mut self, excerpt: impl FnOnce() -> Excerpt) -> Self {
        if let Self::OutOfStep(line)
        | Self::LineTooLong(line)
        | Self::Entry(line)
        | Self::WrongNumber(line)
        | Self::Unsolicited(line)
        | Self::Dismissed(line) = &mut self
        {
            *line = excerpt();
        }
        self
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherProtocol(protocol) => write!(f, "this is not a POP3 server: it speaks {protocol}"),
            Self::OutOfStep(line) => {
                write!(f, "{} begins neither with +OK nor with -ERR", Awaited(line.during()))
            }
            Self::Quirk(quirk) => write!(f, "the server violates the protocol: {quirk}"),
            Self::LineTooLong(line) => {
                write!(f, "{} contains a line that is too long", Awaited(line.during()))
            }
            Self::TooManyEntries => f.write_str("the server sent a listing that is too long"),
            Self::BodyTooLong => f.write_str("the message is too long"),
            Self::Entry(line) => write!(f, "{} contains a malformed line", Awaited(line.during())),
            Self::WrongNumber(line) => write!(f, "{} is about another message", Awaited(line.during())),
            Self::Unsolicited(_) => f.write_str("the server sent a reply that no command asked for"),
            Self::Dismissed(_) => f.write_str("the server ended the session on its own"),
            Self::Injected => {
                f.write_str("the server sent plain text after its reply to STLS, before TLS began")
            }
            Self::Closed { during: None } => f.write_str("the connection was closed"),
            Self::Closed { during } => write!(
                f,
                "the server closed the connection instead of sending \
                {}",
                Awaited(*during)
            ),
            Self::Truncated { during } => write!(
                f,
                "the connection was closed in the middle of \
                {}",
                Awaited(*during)
            ),
            Self::TimedOut { during } => write!(f, "timed out waiting for {}", Awaited(*during)),
            Self::TooSlow { during } => write!(f, "the server sends {} too slowly", Awaited(*during)),
        }?;
        match self.excerpt() {
            Some(line) if !f.alternate() => write!(f, ": {line}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smtp => "SMTP or FTP",
            Self::Imap => "IMAP",
            Self::Http => "HTTP",
            Self::Ssh => "SSH",
            Self::Tls => "TLS",
        })
    }
}

impl core::error::Error for ProtocolError {}
