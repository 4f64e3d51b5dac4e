//! The content of a reply or of one of its lines.

use core::fmt;

use super::error::ProtocolError;
use super::excerpt::Excerpt;
use crate::capability::Capability;
use crate::command::Keyword;
use crate::escaped::Escaped;
use crate::listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing, number_alone};
use crate::number::{MessageNumber, decimal};
use crate::quirk::Quirk;

/// The content of a reply or of one of its lines.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyItem<'b> {
    /// The reply to STAT.
    Drop(DropListing),
    /// The reply to LAST: the highest message number accessed, or `None` if there is none.
    Last(Option<MessageNumber>),
    /// A line of LIST.
    Scan(ScanListing),
    /// A line of UIDL.
    UniqueId(UniqueIdListing<'b>),
    /// A line of CAPA.
    Capability(Capability<'b>),
    /// A line of LANG.
    Language(LanguageListing<'b>),
    /// A line of the reply to AUTH without an argument: the name of a mechanism.
    Mechanism(&'b [u8]),
}

impl<'b> ReplyItem<'b> {
    /// Parses the text of a positive reply, if it has a meaning for this command. `message` is the argument of LIST
    /// or UIDL.
    pub(super) fn of_reply(
        keyword: Keyword,
        message: Option<MessageNumber>,
        text: &'b [u8],
    ) -> Result<Option<Self>, ProtocolError> {
        let entry = match (keyword, message) {
            (Keyword::Stat, _) => Self::Drop(DropListing::parse(text).ok_or_else(ProtocolError::entry)?),
            (Keyword::Last, _) => Self::Last(last(text).ok_or_else(ProtocolError::entry)?),
            (Keyword::List, Some(message)) => {
                let listing = ScanListing::parse(text).ok_or_else(ProtocolError::entry)?;
                if listing.message != message {
                    return Err(ProtocolError::WrongNumber(Excerpt::default()));
                }
                Self::Scan(listing)
            }
            (Keyword::Uidl, Some(message)) => Self::UniqueId(unique_id(message, text)?),
            _ => return Ok(None),
        };
        Ok(Some(entry))
    }

    /// Returns the message of a scan listing or a unique-id listing.
    pub(super) const fn message(&self) -> Option<MessageNumber> {
        match self {
            Self::Scan(listing) => Some(listing.message),
            Self::UniqueId(listing) => Some(listing.message),
            Self::Drop(_) | Self::Last(_) | Self::Capability(_) | Self::Language(_) | Self::Mechanism(_) => {
                None
            }
        }
    }

    /// Returns the departure from the protocol that was tolerated in a reply of one line.
    pub(super) const fn quirk(&self) -> Option<Quirk> {
        match self {
            Self::Drop(listing) => listing.quirk,
            Self::Scan(listing) => listing.quirk,
            Self::UniqueId(listing) => listing.quirk,
            Self::Last(_) | Self::Capability(_) | Self::Language(_) | Self::Mechanism(_) => None,
        }
    }
}

impl fmt::Debug for ReplyItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Drop(listing) => f.debug_tuple("Drop").field(listing).finish(),
            Self::Last(message) => f.debug_tuple("Last").field(message).finish(),
            Self::Scan(listing) => f.debug_tuple("Scan").field(listing).finish(),
            Self::UniqueId(listing) => f.debug_tuple("UniqueId").field(listing).finish(),
            Self::Capability(capability) => f.debug_tuple("Capability").field(capability).finish(),
            Self::Language(listing) => f.debug_tuple("Language").field(listing).finish(),
            Self::Mechanism(name) => f.debug_tuple("Mechanism").field(&Escaped::new(name)).finish(),
        }
    }
}

/// What a line behind a first line is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Listed<'b> {
    /// A line of a listing, and the departure from the protocol that was tolerated.
    Entry(ReplyItem<'b>, Option<Quirk>),
    /// An empty line, which is skipped.
    Empty,
    /// A message without a unique-id, which is skipped.
    Nameless(MessageNumber),
    /// A line of a command whose lines this crate does not know.
    Unknown,
}

impl<'b> Listed<'b> {
    /// Reads a line, un-stuffed and without its line end.
    pub(super) fn parse(keyword: Keyword, line: &'b [u8]) -> Result<Self, ProtocolError> {
        if keyword == Keyword::Extension {
            return Ok(Self::Unknown);
        }
        if line.trim_ascii().is_empty() {
            return Ok(Self::Empty);
        }
        let (entry, quirk) = if keyword == Keyword::List {
            let listing = ScanListing::parse(line).ok_or_else(ProtocolError::entry)?;
            (ReplyItem::Scan(listing), listing.quirk)
        } else if keyword == Keyword::Uidl {
            let Some(listing) = UniqueIdListing::parse(line) else {
                return number_alone(line).map(Self::Nameless).ok_or_else(ProtocolError::entry);
            };
            (ReplyItem::UniqueId(listing), listing.quirk)
        } else if keyword == Keyword::Capa {
            let (capability, quirk) = Capability::read(line);
            (ReplyItem::Capability(capability), quirk)
        } else if keyword == Keyword::Lang {
            (ReplyItem::Language(LanguageListing::parse(line).ok_or_else(ProtocolError::entry)?), None)
        } else if keyword == Keyword::AuthList {
            (ReplyItem::Mechanism(line.trim_ascii()), None)
        } else {
            return Ok(Self::Unknown);
        };
        Ok(Self::Entry(entry, quirk))
    }
}

/// Parses `n`, with anything after a space. 0 means that there is no message.
fn last(text: &[u8]) -> Option<Option<MessageNumber>> {
    let word = text.split(u8::is_ascii_whitespace).next()?;
    let number = u32::try_from(decimal(word)?).ok()?;
    Some(MessageNumber::new(number))
}

/// Parses `n uid`, or the unique-id alone, which some servers send. A single word of digits is not a unique-id but a
/// number without one.
fn unique_id(message: MessageNumber, text: &[u8]) -> Result<UniqueIdListing<'_>, ProtocolError> {
    match UniqueIdListing::parse(text) {
        Some(listing) if listing.message == message => Ok(listing),
        Some(_) => Err(ProtocolError::WrongNumber(Excerpt::default())),
        None => {
            let uid = text.trim_ascii();
            let word = !uid.is_empty() && !uid.iter().any(u8::is_ascii_whitespace);
            if !word || uid.iter().all(u8::is_ascii_digit) {
                return Err(ProtocolError::entry());
            }
            Ok(UniqueIdListing { message, uid, quirk: Some(Quirk::MissingNumber) })
        }
    }
}
