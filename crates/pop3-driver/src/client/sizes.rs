//! The sizes of the messages, as LIST reported them.

use std::collections::BTreeMap;

use pop3_proto::{MessageNumber, Octets};

/// The sizes of a listing by number, in 4 octets for each message.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes {
    /// By number, beginning with 1.
    small: Vec<u32>,
    /// The sizes that do not fit, and those of numbers far beyond the count of messages.
    others: BTreeMap<MessageNumber, Octets>,
}

/// Stands for a size that is not known, or is among the others.
const ABSENT: u32 = u32::MAX;

/// How many others are remembered. A server that lists more of them departs far from what is usual,
/// and the sizes are hints.
const MAX_OTHERS: usize = 4_096;

impl Sizes {
    pub(super) fn insert(&mut self, message: MessageNumber, octets: Octets) {
        let index = message.index();
        // Grow the table for a number only if there are about as many messages.
        let is_near = index <= self.small.len().saturating_mul(2).saturating_add(1_024);
        let small = u32::try_from(octets).ok().filter(|&octets| octets != ABSENT);
        if is_near && index >= self.small.len() {
            self.small.resize(index + 1, ABSENT);
        }
        match (self.small.get_mut(index), small) {
            (Some(place), Some(octets)) => {
                *place = octets;
                if !self.others.is_empty() {
                    self.others.remove(&message);
                }
            }
            (place, _) => {
                if let Some(place) = place {
                    *place = ABSENT;
                }
                if self.others.len() < MAX_OTHERS || self.others.contains_key(&message) {
                    self.others.insert(message, octets);
                }
            }
        }
    }

    pub(super) fn get(&self, message: MessageNumber) -> Option<Octets> {
        match self.small.get(message.index()) {
            Some(&octets) if octets != ABSENT => Some(octets.into()),
            _ => self.others.get(&message).copied(),
        }
    }

    /// Returns whether LIST reported another size.
    pub(super) fn is_wrong(&self, message: MessageNumber, octets: Octets) -> bool {
        self.get(message).is_some_and(|listed| listed != octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    #[test]
    fn each_size_is_the_last_that_was_told() {
        let mut sizes = Sizes::default();
        let told = [
            (1, 10),
            (3, u64::MAX),
            (4, u64::from(u32::MAX)),
            (2, 0),
            (2_000_000_000, 7),
            (3, 5),
            (1, 1 << 40),
        ];
        for (message, octets) in told {
            sizes.insert(number(message), octets);
            assert_eq!(sizes.get(number(message)), Some(octets));
        }
        let known = [1, 2, 3, 4, 5, 2_000_000_000].map(|message| sizes.get(number(message)));
        assert_eq!(known, [Some(1 << 40), Some(0), Some(5), Some(u64::from(u32::MAX)), None, Some(7)]);
        assert!(
            sizes.is_wrong(number(2), 1) && !sizes.is_wrong(number(2), 0) && !sizes.is_wrong(number(5), 1)
        );
    }

    #[test]
    fn numbers_that_no_message_has_take_no_room() {
        let mut sizes = Sizes::default();
        for index in 0..100_000 {
            sizes.insert(number(2_000_000_000 - index), 5);
        }
        assert!(sizes.small.is_empty() && sizes.others.len() == MAX_OTHERS);
    }
}
