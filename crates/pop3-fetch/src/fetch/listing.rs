//! Asking the server what it has, and by what that is recognised.
//!
//! An account never changes by itself how its messages are recognised: else a server that once
//! refuses UIDL would have all messages fetched again. Where its listing can't be relied on, the run
//! ends before anything is fetched or deleted.

use core::fmt;

use pop3_driver::Transport;
use pop3_driver::client::{self, Client, Refusal};
use pop3_proto::{Advice, Capability, MessageNumber};
use pop3_text::Escaped;

use super::catalogue::{Catalogue, Disagreement, Sizes, UniqueIds};
use crate::Error;
use crate::journal::{Key, RecognisedBy};

/// The most messages that are taken from STAT, where the server lists none.
const MOST: u32 = 1_000_000;

/// What is to be listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    /// How the messages of the account are recognised, as far as that is known.
    pub(super) recognised_by: Option<RecognisedBy>,
    /// The sizes of some messages are remembered.
    pub(super) remembers_sizes: bool,
    /// Messages are chosen by their size.
    pub(super) chooses_by_size: bool,
}

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
        /// be chosen by their [size](crate::Options::with_max_size).
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

/// What the server lists, and how its messages are recognised. LIST and UIDL are optional each, for a
/// server that never had them.
pub(super) async fn list<T: Transport>(
    client: &mut Client<T>,
    question: Question,
) -> Result<(Catalogue, RecognisedBy), Error> {
    let mut sizes = Sizes::default();
    let listed = client.list_each(|number, size| sizes.add(number, size)).await;
    let has_sizes = match listed {
        Ok(()) => true,
        Err(client::Error::Refused(refusal)) => {
            let promised = question.remembers_sizes || refusal.advice() == Advice::RetryLater;
            if promised || question.chooses_by_size {
                return Err(ListingError::NoSizes { refusal, promised }.into());
            }
            false
        }
        Err(error) => return Err(error.into()),
    };
    let mut catalogue = sizes.finish();
    if question.recognised_by != Some(RecognisedBy::Content) {
        let mut uids = UniqueIds::of(catalogue);
        match client.uidl_each(|number, uid| uids.add(number, Key::of_uid(uid))).await {
            Ok(()) => {
                let catalogue = uids.finish().map_err(ListingError::from)?;
                return Ok((catalogue, RecognisedBy::UniqueIds));
            }
            Err(client::Error::Refused(refusal)) => {
                let promised = client.has(Capability::Uidl) || refusal.advice() == Advice::RetryLater;
                if promised || question.recognised_by.is_some() {
                    return Err(ListingError::NoUniqueIds { refusal, promised }.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        catalogue = uids.without();
    }
    if !has_sizes {
        let messages = client.stat().await?.messages;
        if messages > MOST {
            return Err(ListingError::TooMany(messages).into());
        }
        catalogue = Catalogue::of_count(messages);
    }
    Ok((catalogue, RecognisedBy::Content))
}

impl From<Disagreement> for ListingError {
    fn from(disagreement: Disagreement) -> Self {
        match disagreement {
            Disagreement::Missing { first, count } => Self::MissingUniqueIds { first, count },
            Disagreement::Twofold(number) => Self::TwoUniqueIds(number),
        }
    }
}

impl fmt::Display for ListingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUniqueIds { refusal, .. } => {
                let text = Escaped::new(&refusal.text);
                write!(f, "the server refused UIDL, by which its messages are recognised: {text}")?;
            }
            Self::NoSizes { refusal, .. } => {
                write!(f, "the server refused LIST: {}", Escaped::new(&refusal.text))?;
            }
            Self::MissingUniqueIds { first, count } => {
                write!(
                    f,
                    "the server gives no unique-id for {count} of its messages, the first being {first}"
                )?;
            }
            Self::TwoUniqueIds(number) => write!(f, "the server gives message {number} two unique-ids")?,
            Self::TooMany(count) => {
                write!(f, "the server says that it has {count} messages, and lists none")?;
            }
        }
        f.write_str(" (nothing was fetched or deleted)")
    }
}

impl core::error::Error for ListingError {}
