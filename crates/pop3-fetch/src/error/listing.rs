//! Why a listing is of no use.

use core::fmt;

use pop3_driver::client::Refusal;
use pop3_proto::MessageNumber;
use pop3_text::Printable;

/// Why a listing can't be relied on. Nothing was fetched or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListingError {
    /// UIDL was refused, by which messages are recognised.
    NoUniqueIds {
        /// What the server says.
        refusal: Refusal,
        /// The server announces UIDL, or says that the fault will pass.
        promised: bool,
    },
    /// LIST was refused.
    NoSizes {
        /// What the server says.
        refusal: Refusal,
        /// It was not refused in earlier runs, or the server says that the fault will pass. Otherwise messages can't
        /// be chosen by their [size](crate::FetchOptions::with_max_size).
        promised: bool,
    },
    /// UIDL gives no unique-id for some messages that LIST lists.
    MissingUniqueIds {
        /// The first of them.
        first: MessageNumber,
        /// How many they are.
        count: usize,
    },
    /// UIDL gives this message two unique-ids.
    TwoUniqueIds(MessageNumber),
    /// STAT tells of so many messages, and none is listed.
    TooMany(u32),
}

impl ListingError {
    /// Returns whether the server has promised what it refuses now, or says that the fault will pass: then it may
    /// work later, unchanged.
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
