//! The actions that a session returns.

use alloc::vec::Vec;
use core::time::Duration;

use super::language::Language;
use super::line::Line;
use super::listing::Listing;
use super::vocabulary::{Close, Extent, Request};
use crate::{Capabilities, MechanismName, Octets, Secret};

/// What the caller of [`ServerSession`](super::rules::ServerSession) must do next.
///
/// Each value holds everything that is needed to do it, as it was when the client sent the command. You need not look
/// at the session again.
///
/// A later version may add actions and fields: end the patterns with `..`. An unknown action can't be skipped,
/// because the client waits for its reply. In the default arm of a `match`, call
/// [`ServerSession::close`](super::rules::ServerSession::close) and close the connection.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum ServerAction {
    /// Send nothing.
    Nothing,
    /// Send a line.
    Reply(Line),
    /// Send a line that refuses a login, after a delay.
    #[non_exhaustive]
    Refuse {
        /// The line.
        reply: Line,
        /// How long to delay the line, counted from when the client sent its last line.
        delay: Duration,
        /// Whether to close the connection after the line.
        last: bool,
    },
    /// Send the drop listing (STAT).
    #[non_exhaustive]
    DropListing {
        /// The number of messages that are not marked as deleted.
        messages: usize,
        /// The size of these messages.
        octets: Octets,
    },
    /// Send the line, all entries of the listing, and a line with a dot.
    #[non_exhaustive]
    Listing {
        /// The line.
        line: Line,
        /// The entries.
        listing: Listing,
    },
    /// Send `+OK` followed by the single entry of the listing.
    Entry(Listing),
    /// Send the highest message number accessed, or 0 if there is none.
    Last(u32),
    /// Send the line, the capabilities, and a line with a dot.
    #[non_exhaustive]
    Capabilities {
        /// The line.
        line: Line,
        /// The capabilities.
        capabilities: Capabilities,
    },
    /// Send the line, the mechanisms that AUTH accepts now, and a line with a dot.
    #[non_exhaustive]
    Mechanisms {
        /// The line.
        line: Line,
        /// The mechanisms.
        names: Vec<MechanismName>,
    },
    /// Send a challenge of AUTH.
    Challenge(Secret),
    /// Send the positive reply to LANG: the tag of this language, followed by the text of the line.
    #[non_exhaustive]
    Language {
        /// The language that the client selected.
        language: Language,
        /// The line.
        line: Line,
    },
    /// Send the line, the languages that LANG accepts, and a line with a dot.
    #[non_exhaustive]
    Languages {
        /// The line to send before, if any.
        line: Line,
        /// The languages.
        languages: Vec<Language>,
    },
    /// Pass the request to the store.
    Ask(Request),
    /// Send the line. The content of a message follows.
    #[non_exhaustive]
    BeginBody {
        /// The line.
        line: Line,
        /// The size of the whole message.
        octets: Octets,
        /// How much of the message follows.
        extent: Extent,
    },
    /// Terminate the message.
    EndBody,
    /// Send the line, discard all input, and begin TLS.
    StartTls(Line),
    /// Send the line, if there is one, and close the connection.
    #[non_exhaustive]
    Close {
        /// Why the session ends.
        why: Close,
        /// The line, if there is one.
        line: Option<Line>,
    },
}

impl ServerAction {
    /// Returns the line that is sent first.
    pub(super) const fn line_mut(&mut self) -> Option<&mut Line> {
        match self {
            Self::Reply(line)
            | Self::Refuse { reply: line, .. }
            | Self::Listing { line, .. }
            | Self::Capabilities { line, .. }
            | Self::Mechanisms { line, .. }
            | Self::Language { line, .. }
            | Self::Languages { line, .. }
            | Self::BeginBody { line, .. }
            | Self::StartTls(line)
            | Self::Close { line: Some(line), .. } => Some(line),
            Self::Nothing
            | Self::DropListing { .. }
            | Self::Entry(_)
            | Self::Last(_)
            | Self::Challenge(_)
            | Self::Ask(_)
            | Self::EndBody
            | Self::Close { line: None, .. } => None,
        }
    }
}
