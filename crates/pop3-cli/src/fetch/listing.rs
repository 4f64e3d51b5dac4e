//! Asking the server what it has, and by what that is recognised.
//!
//! An account never changes by itself how its messages are recognised: else a server that once
//! refuses UIDL would have all messages fetched again. Where its listing can't be relied on, the run
//! ends before anything is fetched or deleted.

use pop3_driver::Transport;
use pop3_driver::client::{Client, Error, Refusal};
use pop3_proto::{Advice, Capability};
use pop3_text::Escaped;

use super::catalogue::{Catalogue, Disagreement, Sizes, UniqueIds};
use super::session::Ended;
use crate::exit::{Exit, Failure};
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

/// Why a listing can't be relied on.
#[derive(Debug)]
pub(super) enum Fault {
    /// UIDL was refused, which the server has announced if `promised`.
    NoUniqueIds { refusal: Refusal, promised: bool },
    /// LIST was refused, which it was not in earlier runs if `promised`.
    NoSizes { refusal: Refusal, promised: bool },
    /// UIDL and LIST are not of the same messages, or UIDL contradicts itself.
    Disagreement(Disagreement),
    /// STAT tells of so many messages.
    TooMany(u32),
}

/// What the server lists, and how its messages are recognised. LIST and UIDL are optional each, for a
/// server that never had them.
pub(super) async fn list<T: Transport>(
    client: &mut Client<T>,
    question: Question,
) -> Result<(Catalogue, RecognisedBy), Ended> {
    let mut sizes = Sizes::default();
    let listed = client.list_each(|number, size| sizes.add(number, size)).await;
    let has_sizes = match listed {
        Ok(()) => true,
        Err(Error::Refused(refusal)) => {
            let promised = question.remembers_sizes || refusal.advice() == Advice::RetryLater;
            if promised || question.chooses_by_size {
                return Err(Fault::NoSizes { refusal, promised }.into());
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
                let catalogue = uids.finish().map_err(Fault::Disagreement)?;
                return Ok((catalogue, RecognisedBy::UniqueIds));
            }
            Err(Error::Refused(refusal)) => {
                let promised = client.has(Capability::Uidl) || refusal.advice() == Advice::RetryLater;
                if promised || question.recognised_by.is_some() {
                    return Err(Fault::NoUniqueIds { refusal, promised }.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        catalogue = uids.without();
    }
    if !has_sizes {
        let messages = client.stat().await?.messages;
        if messages > MOST {
            return Err(Fault::TooMany(messages).into());
        }
        catalogue = Catalogue::of_count(messages);
    }
    Ok((catalogue, RecognisedBy::Content))
}

impl Fault {
    /// What to tell the user.
    pub(super) fn failure(&self, place: &str) -> Failure {
        const UNTOUCHED: &str = "nothing was fetched or deleted";
        const BY_CONTENT: &str =
            "--recognise-by content does without, and fetches once more what is still there";
        match self {
            Self::NoUniqueIds { refusal, promised } => {
                let text = Escaped::new(&refusal.text);
                let (exit, advice) = if *promised {
                    (Exit::TryLater, "try again later; if it never works, ")
                } else {
                    (Exit::Protocol, "")
                };
                Failure::new(
                    exit,
                    format!(
                        "{place} refused UIDL, by which its messages are recognised: {text} ({UNTOUCHED}; {advice}{BY_CONTENT})"
                    ),
                )
            }
            Self::NoSizes { refusal, promised } => {
                let text = Escaped::new(&refusal.text);
                let (exit, advice) = if *promised {
                    (Exit::TryLater, "try again later")
                } else {
                    (Exit::Protocol, "--max-size needs the sizes of the messages")
                };
                Failure::new(exit, format!("{place} refused LIST: {text} ({UNTOUCHED}; {advice})"))
            }
            Self::Disagreement(Disagreement::Missing { first, count }) => Failure::new(
                Exit::Protocol,
                format!(
                    "{place} gives no unique-id for {count} of its messages, the first being {first} ({UNTOUCHED}; try again later; if it is always so, {BY_CONTENT})"
                ),
            ),
            Self::Disagreement(Disagreement::Twofold(number)) => Failure::new(
                Exit::Protocol,
                format!(
                    "{place} gives message {number} two unique-ids ({UNTOUCHED}; try again later; if it is always so, {BY_CONTENT})"
                ),
            ),
            Self::TooMany(count) => Failure::new(
                Exit::Protocol,
                format!("{place} says that it has {count} messages, and lists none ({UNTOUCHED})"),
            ),
        }
    }
}
