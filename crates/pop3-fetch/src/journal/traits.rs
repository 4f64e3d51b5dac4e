//! What is known of an account, beside its messages.

/// What is known of an account, beside its messages. A new account starts with the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traits {
    /// How its messages are recognised; `None` while no run has found out.
    pub(crate) recognised_by: Option<RecognisedBy>,
    /// The server lists sizes that are not those of complete messages: a size alone proves nothing.
    pub(crate) estimates_sizes: bool,
    /// A session lost track of which reply belongs to which command: run without pipelining.
    pub(crate) lost_synchronisation: bool,
}

/// How a later run recognises the messages of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecognisedBy {
    /// By the unique-ids of the server (UIDL).
    UniqueIds,
    /// By their content. Each run has to fetch all messages.
    Content,
}

/// The words that stand for the traits in the state file.
const UNIQUE_IDS: &str = "unique-ids";
const CONTENT: &str = "content";
const ESTIMATES_SIZES: &str = "estimates-sizes";
const LOST_SYNCHRONISATION: &str = "lost-synchronisation";

impl Traits {
    /// One word for each trait.
    pub(super) fn words(self) -> impl Iterator<Item = &'static str> {
        let recognised_by = self.recognised_by.map(|by| match by {
            RecognisedBy::UniqueIds => UNIQUE_IDS,
            RecognisedBy::Content => CONTENT,
        });
        let estimates_sizes = self.estimates_sizes.then_some(ESTIMATES_SIZES);
        let lost = self.lost_synchronisation.then_some(LOST_SYNCHRONISATION);
        [recognised_by, estimates_sizes, lost].into_iter().flatten()
    }

    /// Reads the words. One that is not known is left out: a later version may have more.
    pub(super) fn of_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut traits = Self::default();
        for word in words {
            match word {
                UNIQUE_IDS => traits.recognised_by = Some(RecognisedBy::UniqueIds),
                CONTENT => traits.recognised_by = Some(RecognisedBy::Content),
                ESTIMATES_SIZES => traits.estimates_sizes = true,
                LOST_SYNCHRONISATION => traits.lost_synchronisation = true,
                _ => {}
            }
        }
        traits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_traits() {
        for recognised_by in [None, Some(RecognisedBy::UniqueIds), Some(RecognisedBy::Content)] {
            for (estimates_sizes, lost_synchronisation) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let traits = Traits { recognised_by, estimates_sizes, lost_synchronisation };
                assert_eq!(Traits::of_words(traits.words().chain(["of-a-later-version"])), traits);
            }
        }
    }
}
