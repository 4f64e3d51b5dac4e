//! Why a listing is of no use.

use core::fmt;

use pop3_driver::client::Refusal;
use pop3_proto::MessageNumber;
use pop3_text::Printable;

/// Why a listing is unreliable. Nothing was fetched or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListingError {
    /// The server refused UIDL, but the account recognises messages by their unique-ids.
    NoUniqueIds {
        /// The reply of the server.
        refusal: Refusal,
        /// Whether the server announces UIDL, or calls the refusal temporary.
        promised: bool,
    },
    /// The server refused LIST.
    NoSizes {
        /// The reply of the server.
        refusal: Refusal,
        /// Whether LIST worked in earlier runs, or the server calls the refusal temporary. If not, a [maximum
        /// size](crate::FetchOptions::with_max_size) cannot be applied.
        promised: bool,
    },
    /// UIDL returns no unique-id for some messages in the LIST reply.
    MissingUniqueIds {
        /// The first of these messages.
        first: MessageNumber,
        /// The number of these messages.
        count: usize,
    },
    /// UIDL returns two unique-ids for this message.
    TwoUniqueIds(MessageNumber),
    /// STAT reports this many messages, but none is listed.
    TooMany(u32),
}

impl ListingError {
    /// Returns whether a later attempt may succeed without changes, because the server announces the refused command
    /// or calls the refusal temporary.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::NoUniqueIds { promised, .. } | Self::NoSizes { promised, .. } => *promised,
            Self::MissingUniqueIds { .. } | Self::TwoUniqueIds(_) | Self::TooMany(_) => false,
        }
    }
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUniqueIds { refusal, .. } => {
                let text = Printable::new(&refusal.text);
                write!(f, "the server refused UIDL, which is needed to recognise its messages: {text}")?;
            }
            Self::NoSizes { refusal, .. } => {
                write!(f, "the server refused LIST: {}", Printable::new(&refusal.text))?;
            }
            Self::MissingUniqueIds { first, count } => {
                write!(
                    f,
                    "the server sent no unique-id for {count} of its messages (the first is message {first})"
                )?;
            }
            Self::TwoUniqueIds(number) => write!(f, "the server sent two unique-ids for message {number}")?,
            Self::TooMany(count) => {
                write!(f, "the server reports {count} messages but lists none")?;
            }
        }
        f.write_str(" (nothing was fetched or deleted)")
    }
}

impl core::error::Error for ListingError {}
