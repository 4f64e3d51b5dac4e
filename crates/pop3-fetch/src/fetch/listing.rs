//! Asking the server what it has, and by what that is recognised.
//!
//! An account never changes by itself how its messages are recognised: else a server that once
//! refuses UIDL would have all messages fetched again. Where its listing can't be relied on, the run
//! ends before anything is fetched or deleted.

use pop3_driver::Transport;
use pop3_driver::client::{self, Client, ListingRow};
use pop3_proto::{Advice, Capability};

use super::catalogue::{Catalogue, Disagreement, Sizes, UniqueIds};
use crate::journal::{Key, RecognisedBy};
use crate::{FetchError, ListingError};

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

/// What the server lists, and how its messages are recognised. LIST and UIDL are optional each, for a
/// server that never had them.
pub(super) async fn list<T: Transport>(
    client: &mut Client<T>,
    question: Question,
) -> Result<(Catalogue, RecognisedBy), FetchError> {
    let by_uid = question.recognised_by != Some(RecognisedBy::Content);
    let mut lines = Lines::default();
    let (listed, named) = if by_uid {
        let [listed, named] = client.list_and_uidl_each(|row| lines.add(row)).await?;
        (listed, Some(named))
    } else {
        let listed = client.list_each(|number, size| lines.sizes.add(number, size)).await;
        match listed {
            Ok(()) => (Ok(()), None),
            Err(client::ClientError::Refused(refusal)) => (Err(refusal), None),
            Err(error) => return Err(error.into()),
        }
    };
    let has_sizes = listed.is_ok();
    if let Err(refusal) = listed {
        let promised = question.remembers_sizes || refusal.advice() == Advice::RetryLater;
        if promised || question.chooses_by_size {
            return Err(ListingError::NoSizes { refusal, promised }.into());
        }
    }
    let uids = lines.uids();
    match named {
        Some(Ok(())) => {
            let catalogue = uids.finish().map_err(ListingError::from)?;
            return Ok((catalogue, RecognisedBy::UniqueIds));
        }
        Some(Err(refusal)) => {
            let promised = client.has(Capability::Uidl) || refusal.advice() == Advice::RetryLater;
            if promised || question.recognised_by.is_some() {
                return Err(ListingError::NoUniqueIds { refusal, promised }.into());
            }
        }
        None => {}
    }
    let mut catalogue = uids.without();
    if !has_sizes {
        let messages = client.stat().await?.messages;
        if messages > MOST {
            return Err(ListingError::TooMany(messages).into());
        }
        catalogue = Catalogue::of_count(messages);
    }
    Ok((catalogue, RecognisedBy::Content))
}

/// The lines of both listings.
#[derive(Default)]
struct Lines {
    sizes: Sizes,
    /// Once the second listing has begun.
    uids: Option<UniqueIds>,
}

impl Lines {
    fn add(&mut self, row: ListingRow<'_>) {
        match row {
            ListingRow::Size(number, size) => self.sizes.add(number, size),
            ListingRow::UniqueId(number, uid) => {
                let begin = || UniqueIds::of(core::mem::take(&mut self.sizes).finish());
                self.uids.get_or_insert_with(begin).add(number, Key::of_uid(uid));
            }
        }
    }

    /// The unique-ids, of which there may be none.
    fn uids(self) -> UniqueIds {
        self.uids.unwrap_or_else(|| UniqueIds::of(self.sizes.finish()))
    }
}

impl From<Disagreement> for ListingError {
    fn from(disagreement: Disagreement) -> Self {
        match disagreement {
            Disagreement::Missing { first, count } => Self::MissingUniqueIds { first, count },
            Disagreement::Twofold(number) => Self::TwoUniqueIds(number),
        }
    }
}
