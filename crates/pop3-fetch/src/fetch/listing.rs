//! Asking the server what it has, and by what that is recognised.
//!
//! An account never changes by itself how its messages are recognised: else a server that once
//! refuses UIDL would have all messages fetched again. Where its listing can't be relied on, the run
//! ends before anything is fetched or deleted.

use pop3_driver::Transport;
use pop3_driver::client::{self, Client};
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
    let mut sizes = Sizes::default();
    let listed = client.list_each(|number, size| sizes.add(number, size)).await;
    let has_sizes = match listed {
        Ok(()) => true,
        Err(client::ClientError::Refused(refusal)) => {
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
            Err(client::ClientError::Refused(refusal)) => {
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
