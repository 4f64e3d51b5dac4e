//! The actions that a session gives.

use alloc::vec::Vec;
use core::time::Duration;

use super::announcement::Announcement;
use super::language::Language;
use super::line::Line;
use super::listing::Listing;
use super::vocabulary::{Close, Extent, Request};
use crate::{MechanismName, Octets, Secret};

/// What a session wants done. Each value holds all that is needed to do it, as it was when the client asked:
/// who performs it does not look at the session again.
///
/// A later version may add actions, and fields to these: end the patterns with `..`. An action that is not known
/// can't be skipped, as the client waits for its reply. The default arm of a `match` closes the connection after
/// [`ServerSession::close`](super::rules::ServerSession::close).
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub enum ServerAction {
    /// Nothing is to be sent.
    Nothing,
    /// Send a line.
    Reply(Line),
    /// Send a line that refuses a login.
    #[non_exhaustive]
    Refuse {
        /// The line.
        reply: Line,
        /// How long it is held back, counted from when the client has sent its last line.
        delay: Duration,
        /// Whether the connection ends with it.
        last: bool,
    },
    /// Send the drop listing (STAT).
    #[non_exhaustive]
    DropListing {
        /// Messages that are not deleted.
        messages: usize,
        /// Their octets.
        octets: Octets,
    },
    /// Send the line, all entries of the listing, and a dot.
    #[non_exhaustive]
    Listing {
        /// The line.
        line: Line,
        /// The entries.
        listing: Listing,
    },
    /// Send the one entry of the listing behind `+OK`.
    Entry(Listing),
    /// Send the highest message number accessed, 0 where there is none.
    Last(u32),
    /// Send the line, the capabilities, and a dot.
    #[non_exhaustive]
    Capabilities {
        /// The line.
        line: Line,
        /// The capabilities.
        announcement: Announcement,
    },
    /// Send the line, the mechanisms that AUTH takes now, and a dot.
    #[non_exhaustive]
    Mechanisms {
        /// The line.
        line: Line,
        /// The mechanisms.
        names: Vec<MechanismName>,
    },
    /// Send a challenge of AUTH.
    Challenge(Secret),
    /// Send the positive reply to LANG: the tag of this language, and the line's text behind it.
    #[non_exhaustive]
    Language {
        /// The language that was chosen.
        language: Language,
        /// The line.
        line: Line,
    },
    /// Send the line, the languages that LANG takes, and a dot.
    #[non_exhaustive]
    Languages {
        /// The line.
        line: Line,
        /// The languages.
        languages: Vec<Language>,
    },
    /// Ask the store.
    Ask(Request),
    /// Send the line; a message follows.
    #[non_exhaustive]
    BeginBody {
        /// The line.
        line: Line,
        /// The size of the whole message.
        octets: Octets,
        /// How much of it follows.
        extent: Extent,
    },
    /// End the message.
    EndBody,
    /// Send the line, forget all input, and begin TLS.
    StartTls(Line),
    /// Send the line, if there is one, and close.
    #[non_exhaustive]
    Close {
        /// Why the session ends.
        why: Close,
        /// The line, if there is one.
        line: Option<Line>,
    },
}

impl ServerAction {
    /// The line that is sent first.
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
