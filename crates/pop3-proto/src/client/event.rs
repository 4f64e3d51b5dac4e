//! What a connection tells its caller.

use super::challenge::Challenge;
use super::error::Error;
use super::excerpt::Excerpt;
use crate::capability::Capability;
use crate::command::{Keyword, ReplyShape};
use crate::listing::{DropListing, LanguageListing, ScanListing, UniqueIdListing};
use crate::number::{MessageNumber, decimal};
use crate::quirk::Quirk;
use crate::reply::Reply;

/// What happened. Octets are borrowed from the input.
///
/// A command is answered by one [`Reply`](Self::Reply); when its `follows` is not
/// [`ReplyShape::Line`], [`Entry`](Self::Entry), [`Line`](Self::Line) or [`Data`](Self::Data) come
/// behind it, as many as there are, and then [`End`](Self::End). The exception is the positive reply
/// to STLS, which is [`StartTls`](Self::StartTls). Before the reply to AUTH, any number of
/// [`Challenge`](Self::Challenge)s may come, each of which is due an answer.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller that forgets a case must not compile")]
pub enum Event<'b> {
    /// Nothing can be done before more octets come. When nothing is outstanding, none are due, and a
    /// caller may send a command instead of reading.
    Read,
    /// The greeting. If it is negative, the session is over.
    Greeting(Reply<'b>),
    /// The first line of the reply to the oldest command outstanding.
    Reply {
        /// Which command it answers.
        keyword: Keyword,
        /// The line.
        reply: Reply<'b>,
        /// What a positive reply to STAT, LAST, `LIST n` or `UIDL n` says.
        entry: Option<Entry<'b>>,
        /// What follows until [`Event::End`]; [`ReplyShape::Line`] when nothing does, as for every
        /// negative reply.
        follows: ReplyShape,
    },
    /// A challenge of AUTH. Nothing goes on before [`respond`](super::Connection::respond) or
    /// [`cancel`](super::Connection::cancel).
    ///
    /// This crate does not know the mechanisms. With one in which the server proves itself, as SCRAM, a
    /// positive reply to AUTH is to be believed only when the proof was seen; else close (RFC 5034
    /// section 4).
    Challenge(Challenge<'b>),
    /// A line of a listing: of LIST, UIDL, CAPA, LANG or AUTH.
    Entry(Entry<'b>),
    /// A line of an extension's reply, without line end and un-stuffed.
    Line(&'b [u8]),
    /// Octets of a body, un-stuffed, line ends included.
    Data(&'b [u8]),
    /// What followed the first line of a reply is complete.
    End {
        /// Which command it answers.
        keyword: Keyword,
    },
    /// STLS was accepted. Nothing may be sent or read but the TLS handshake, and then
    /// [`tls_established`](super::Connection::tls_established) is due, with an empty input from
    /// there on. It is told again until then.
    StartTls,
    /// The server departs from the protocol in what is told next.
    Warning(Quirk),
    /// The session is over: the greeting was negative, or QUIT is answered. Close the connection.
    Closed,
}

/// What a reply, or a line of one, says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry<'b> {
    /// The reply to STAT.
    Drop(DropListing),
    /// The reply to LAST: the highest number accessed, `None` if there is none.
    Last(Option<MessageNumber>),
    /// A line of LIST.
    Scan(ScanListing),
    /// A line of UIDL.
    UniqueId(UniqueIdListing<'b>),
    /// A line of CAPA.
    Capability(Capability<'b>),
    /// A line of LANG.
    Language(LanguageListing<'b>),
    /// A line of AUTH alone: the name of a mechanism.
    Mechanism(&'b [u8]),
}

impl<'b> Entry<'b> {
    /// Reads the text of a positive reply, if the command has one with a meaning. `message` is the
    /// argument of LIST or UIDL.
    pub(super) fn of_reply(
        keyword: Keyword,
        message: Option<MessageNumber>,
        text: &'b [u8],
    ) -> Result<Option<Self>, Error> {
        let entry = match (keyword, message) {
            (Keyword::Stat, _) => Self::Drop(DropListing::parse(text).ok_or_else(Error::entry)?),
            (Keyword::Last, _) => Self::Last(last(text).ok_or_else(Error::entry)?),
            (Keyword::List, Some(message)) => {
                let listing = ScanListing::parse(text).ok_or_else(Error::entry)?;
                if listing.message != message {
                    return Err(Error::WrongNumber(Excerpt::default()));
                }
                Self::Scan(listing)
            }
            (Keyword::Uidl, Some(message)) => Self::UniqueId(unique_id(message, text)?),
            _ => return Ok(None),
        };
        Ok(Some(entry))
    }

    /// Reads a line of a listing; `None` for a command whose lines this crate does not know.
    pub(super) fn of_line(keyword: Keyword, line: &'b [u8]) -> Result<Option<Self>, Error> {
        let entry = if keyword == Keyword::List {
            ScanListing::parse(line).map(Self::Scan)
        } else if keyword == Keyword::Uidl {
            UniqueIdListing::parse(line).map(Self::UniqueId)
        } else if keyword == Keyword::Capa {
            Some(Self::Capability(Capability::parse(line)))
        } else if keyword == Keyword::Lang {
            LanguageListing::parse(line).map(Self::Language)
        } else if keyword == Keyword::AuthList {
            Some(Self::Mechanism(line.trim_ascii()))
        } else {
            return Ok(None);
        };
        entry.ok_or_else(Error::entry).map(Some)
    }

    /// What the lenient reader overlooked, but for capabilities.
    pub(super) const fn quirk(&self) -> Option<Quirk> {
        match self {
            Self::Drop(listing) => listing.quirk,
            Self::Scan(listing) => listing.quirk,
            Self::UniqueId(listing) => listing.quirk,
            Self::Last(_) | Self::Capability(_) | Self::Language(_) | Self::Mechanism(_) => None,
        }
    }

    /// The message of a scan listing or a unique-id listing.
    pub(super) const fn message(&self) -> Option<MessageNumber> {
        match self {
            Self::Scan(listing) => Some(listing.message),
            Self::UniqueId(listing) => Some(listing.message),
            Self::Drop(_) | Self::Last(_) | Self::Capability(_) | Self::Language(_) | Self::Mechanism(_) => {
                None
            }
        }
    }
}

/// `n`, with anything behind a space; 0 is no message.
fn last(text: &[u8]) -> Option<Option<MessageNumber>> {
    let word = text.split(u8::is_ascii_whitespace).next()?;
    let number = u32::try_from(decimal(word)?).ok()?;
    Some(MessageNumber::new(number))
}

/// `n uid`, or the unique-id alone, which some servers send. A word of digits alone is no unique-id
/// but a number whose unique-id is missing.
fn unique_id(message: MessageNumber, text: &[u8]) -> Result<UniqueIdListing<'_>, Error> {
    match UniqueIdListing::parse(text) {
        Some(listing) if listing.message == message => Ok(listing),
        Some(_) => Err(Error::WrongNumber(Excerpt::default())),
        None => {
            let uid = text.trim_ascii();
            let word = !uid.is_empty() && !uid.iter().any(u8::is_ascii_whitespace);
            if !word || uid.iter().all(u8::is_ascii_digit) {
                return Err(Error::entry());
            }
            Ok(UniqueIdListing { message, uid, quirk: Some(Quirk::MissingNumber) })
        }
    }
}
