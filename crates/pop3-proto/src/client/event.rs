//! What a connection tells its caller.

use core::fmt;

use super::challenge::Challenge;
use super::entry::ReplyItem;
use crate::command::{Keyword, ReplyShape};
use crate::escaped::Escaped;
use crate::quirks::Quirks;
use crate::reply::Reply;

/// What the server sent. Octets are borrowed from the input.
///
/// A command is answered by one [`Reply`](Self::Reply); when its `follows` is not
/// [`ReplyShape::Line`], [`Entry`](Self::Entry), [`Line`](Self::Line) or [`Data`](Self::Data) come
/// behind it, as many as there are, and then [`End`](Self::End). The exception is the positive reply
/// to STLS, which is [`StartTls`](Self::StartTls). Before the reply to AUTH, any number of
/// [`Challenge`](Self::Challenge)s may come, each of which is due an answer.
///
/// If the server departs from the protocol in a way that the client tolerates, the `quirks` of the event tell how.
/// They concern the line of the event and lines that were skipped before it. They change nothing and may be ignored.
///
/// You can match on the event, or ask for what you are waiting for: [`ends_reply`](Self::ends_reply),
/// [`reply`](Self::reply), [`entry`](Self::entry), [`quirks`](Self::quirks).
///
/// A later version may add events, and fields to these: end the patterns with `..`. The default arm of a `match`
/// does nothing and polls again. An event that must not be ignored comes only to callers who asked for it, by a
/// call or a setting that is new as well.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent<'b> {
    /// More octets are needed. If no reply is outstanding, none are due, and you may send a command instead of
    /// reading.
    Read,
    /// The greeting (RFC 1939 section 4). If it is negative, the session is over.
    #[non_exhaustive]
    Greeting {
        /// The line.
        reply: Reply<'b>,
        /// In what it departs from the protocol.
        quirks: Quirks,
    },
    /// The first line of the reply to the oldest outstanding command.
    #[non_exhaustive]
    Reply {
        /// Which command it answers.
        keyword: Keyword,
        /// The line.
        reply: Reply<'b>,
        /// What a positive reply to STAT, LAST, `LIST n` or `UIDL n` says.
        entry: Option<ReplyItem<'b>>,
        /// What follows until [`ClientEvent::End`]; [`ReplyShape::Line`] when nothing does, as for every
        /// negative reply.
        follows: ReplyShape,
        /// In what it departs from the protocol.
        quirks: Quirks,
    },
    /// A challenge of AUTH (RFC 5034 section 4). The session waits for [`respond`](super::ClientConnection::respond) or
    /// [`cancel`](super::ClientConnection::cancel).
    ///
    /// This crate does not know the mechanisms. If the mechanism makes the server prove itself, as SCRAM does,
    /// believe a positive reply to AUTH only if the proof was correct. Otherwise close the connection (RFC 5034
    /// section 4).
    #[non_exhaustive]
    Challenge {
        /// What it says.
        challenge: Challenge<'b>,
        /// In what it departs from the protocol.
        quirks: Quirks,
    },
    /// A line of a listing: of LIST, UIDL, CAPA, LANG or AUTH.
    #[non_exhaustive]
    Entry {
        /// What it says.
        entry: ReplyItem<'b>,
        /// In what it departs from the protocol.
        quirks: Quirks,
    },
    /// A line of an extension's reply, without line end and un-stuffed. There are no quirks in it: such a
    /// line is refused unless it ends in CRLF.
    Line(&'b [u8]),
    /// Octets of a body, un-stuffed, line ends included. What is odd about them is told at the end.
    Data(&'b [u8]),
    /// The data after the first line of a reply is complete.
    #[non_exhaustive]
    End {
        /// Which command it answers.
        keyword: Keyword,
        /// In what the last line, or the body as a whole, departs from the protocol.
        quirks: Quirks,
    },
    /// STLS was accepted (RFC 2595 section 4). Do the TLS handshake and nothing else. Then call
    /// [`tls_established`](super::ClientConnection::tls_established) and start with an empty input. Until then, every poll
    /// returns this event again, without quirks.
    #[non_exhaustive]
    StartTls {
        /// In what the reply departs from the protocol.
        quirks: Quirks,
    },
    /// The session is over: the greeting was negative, or QUIT was answered. Close the connection.
    Closed,
}

impl<'b> ClientEvent<'b> {
    /// Whether this is the end of what the server has to say to what was sent last, so that it may wait for
    /// the client now: the greeting, a challenge, a reply of one line, the [`End`](Self::End) of a longer
    /// one, and the end of the session. With pipelining, the reply to the next command begins behind it.
    #[must_use]
    pub const fn ends_reply(&self) -> bool {
        match self {
            Self::Greeting { .. }
            | Self::Reply { follows: ReplyShape::Line, .. }
            | Self::Challenge { .. }
            | Self::End { .. }
            | Self::StartTls { .. }
            | Self::Closed => true,
            Self::Read | Self::Reply { .. } | Self::Entry { .. } | Self::Line(_) | Self::Data(_) => false,
        }
    }

    /// The first line of a reply, or the greeting.
    #[must_use]
    pub const fn reply(&self) -> Option<Reply<'b>> {
        match *self {
            Self::Greeting { reply, .. } | Self::Reply { reply, .. } => Some(reply),
            Self::Read
            | Self::Challenge { .. }
            | Self::Entry { .. }
            | Self::Line(_)
            | Self::Data(_)
            | Self::End { .. }
            | Self::StartTls { .. }
            | Self::Closed => None,
        }
    }

    /// What a positive reply, or a line of a listing, says.
    #[must_use]
    pub const fn entry(&self) -> Option<ReplyItem<'b>> {
        match *self {
            Self::Reply { entry, .. } => entry,
            Self::Entry { entry, .. } => Some(entry),
            Self::Read
            | Self::Greeting { .. }
            | Self::Challenge { .. }
            | Self::Line(_)
            | Self::Data(_)
            | Self::End { .. }
            | Self::StartTls { .. }
            | Self::Closed => None,
        }
    }

    /// In what the server has departed from the protocol.
    #[must_use]
    pub const fn quirks(&self) -> Quirks {
        match *self {
            Self::Greeting { quirks, .. }
            | Self::Reply { quirks, .. }
            | Self::Challenge { quirks, .. }
            | Self::Entry { quirks, .. }
            | Self::End { quirks, .. }
            | Self::StartTls { quirks } => quirks,
            Self::Read | Self::Line(_) | Self::Data(_) | Self::Closed => Quirks::NONE,
        }
    }
}

impl fmt::Debug for ClientEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with_quirks = |f: &mut fmt::Formatter<'_>, name, field, value: &dyn fmt::Debug, quirks| {
            f.debug_struct(name).field(field, value).field("quirks", quirks).finish()
        };
        match self {
            Self::Read => f.write_str("Read"),
            Self::Greeting { reply, quirks } => with_quirks(f, "Greeting", "reply", reply, quirks),
            Self::Reply { keyword, reply, entry, follows, quirks } => f
                .debug_struct("Reply")
                .field("keyword", keyword)
                .field("reply", reply)
                .field("entry", entry)
                .field("follows", follows)
                .field("quirks", quirks)
                .finish(),
            Self::Challenge { challenge, quirks } => {
                with_quirks(f, "Challenge", "challenge", challenge, quirks)
            }
            Self::Entry { entry, quirks } => with_quirks(f, "Entry", "entry", entry, quirks),
            Self::Line(line) => f.debug_tuple("Line").field(&Escaped::new(line)).finish(),
            Self::Data(octets) => f.debug_tuple("Data").field(&Escaped::new(octets)).finish(),
            Self::End { keyword, quirks } => with_quirks(f, "End", "keyword", keyword, quirks),
            Self::StartTls { quirks } => f.debug_struct("StartTls").field("quirks", quirks).finish(),
            Self::Closed => f.write_str("Closed"),
        }
    }
}
