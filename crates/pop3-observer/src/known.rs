//! What is known of the maildrop: sizes, unique-ids, marks. Bounded.

use alloc::collections::BTreeMap;

use pop3_proto::MessageNumber;
use sha2::{Digest as _, Sha256};

use crate::rule::Rule;

/// What was told of the maildrop since the login.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    messages: BTreeMap<u32, Message>,
    /// Which message has a unique-id. Of these the hash is kept: they are the server's octets.
    uids: BTreeMap<Hash, u32>,
    max: usize,
    /// There are more than may be kept, so nothing can be said of all.
    incomplete: bool,
    /// Counts RSET: marks of an earlier epoch are none.
    epoch: u32,
    marked: u32,
    /// The octets of what is marked, while all of their sizes are known.
    marked_octets: Option<u64>,
    /// Messages at the login, marked ones included.
    total: Option<u32>,
    total_octets: Option<Sum>,
}

type Hash = [u8; 32];

#[derive(Clone, Copy, Debug, Default)]
struct Message {
    size: Option<u64>,
    /// How many octets RETR gave.
    sent: Option<u64>,
    uid: Option<Hash>,
    /// The epoch of its mark.
    marked: u32,
}

#[derive(Clone, Copy, Debug)]
struct Sum {
    octets: u64,
    of_list: bool,
}

impl Known {
    pub(crate) const fn new(max: usize) -> Self {
        Self {
            messages: BTreeMap::new(),
            uids: BTreeMap::new(),
            max,
            incomplete: false,
            epoch: 1,
            marked: 0,
            marked_octets: Some(0),
            total: None,
            total_octets: None,
        }
    }

    pub(crate) fn is_marked(&self, message: MessageNumber) -> bool {
        self.messages.get(&message.number()).is_some_and(|known| known.marked == self.epoch)
    }

    /// Whether something is marked.
    pub(crate) const fn has_marks(&self) -> bool {
        self.marked > 0
    }

    /// Whether there is no such message for certain.
    pub(crate) fn is_missing(&self, message: MessageNumber) -> bool {
        !self.incomplete && self.total.is_some_and(|total| message.number() > total)
    }

    /// DELE was accepted.
    pub(crate) fn mark(&mut self, message: MessageNumber) {
        let epoch = self.epoch;
        let size = self.entry(message.number()).and_then(|known| {
            let new = known.marked != epoch;
            known.marked = epoch;
            new.then_some(known.size)
        });
        // A message that was marked before counts once.
        let Some(size) = size else { return };
        self.marked = self.marked.saturating_add(1);
        self.marked_octets = self.marked_octets.zip(size).map(|(sum, size)| sum.saturating_add(size));
    }

    /// RSET was accepted.
    pub(crate) const fn unmark(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        (self.marked, self.marked_octets) = (0, Some(0));
    }

    /// STAT told this.
    pub(crate) fn stat(&mut self, count: u32, octets: u64, flag: &mut dyn FnMut(Rule)) {
        let expected = self.total.map(|total| total.saturating_sub(self.marked));
        let with_marked = self.marked > 0 && self.total == Some(count);
        let counted = expected.is_none_or(|expected| expected == count) || self.incomplete;
        if !counted {
            flag(if with_marked { Rule::StatDeleted } else { Rule::StatChanged });
        }
        if let (true, Some(sum), Some(marked)) = (counted, self.total_octets, self.marked_octets)
            && !self.incomplete
            && sum.octets.saturating_sub(marked) != octets
        {
            flag(match sum.of_list {
                _ if marked > 0 && sum.octets == octets => Rule::StatDeleted,
                true => Rule::ListSum,
                false => Rule::StatChanged,
            });
        }
        if !with_marked || counted {
            self.total = Some(count.saturating_add(self.marked));
            self.total_octets = self
                .marked_octets
                .map(|marked| Sum { octets: octets.saturating_add(marked), of_list: false });
        }
    }

    /// LIST without a number ended with so many messages of so many octets.
    pub(crate) fn listed(&mut self, count: u32, octets: u64, flag: &mut dyn FnMut(Rule)) {
        if self.incomplete {
            return;
        }
        if !self.is_count(count) {
            flag(Rule::ListCount);
        } else if let (Some(sum), Some(marked)) = (self.total_octets, self.marked_octets)
            && sum.octets.saturating_sub(marked) != octets
        {
            flag(Rule::ListSum);
        }
        self.total = Some(count.saturating_add(self.marked));
        self.total_octets =
            self.marked_octets.map(|marked| Sum { octets: octets.saturating_add(marked), of_list: true });
    }

    /// Whether so many messages are there, as far as is known.
    pub(crate) fn is_count(&self, count: u32) -> bool {
        self.incomplete || self.total.is_none_or(|total| total.saturating_sub(self.marked) == count)
    }

    /// LIST told the size of a message.
    pub(crate) fn size(&mut self, message: MessageNumber, octets: u64, flag: &mut dyn FnMut(Rule)) {
        let Some(known) = self.entry(message.number()) else { return };
        if known.size.is_some_and(|size| size != octets) {
            flag(Rule::SizeChanged);
        } else if known.size.is_none() && known.sent.is_some_and(|sent| sent != octets) {
            flag(Rule::SizeWrong);
        }
        known.size = Some(octets);
    }

    /// RETR gave so many octets.
    pub(crate) fn sent(&mut self, message: MessageNumber, octets: u64, flag: &mut dyn FnMut(Rule)) {
        let Some(known) = self.entry(message.number()) else { return };
        if known.size.is_some_and(|size| size != octets) {
            flag(Rule::SizeWrong);
        }
        if known.sent.is_some_and(|sent| sent != octets) {
            flag(Rule::RetrDiffers);
        }
        known.sent = Some(octets);
    }

    /// UIDL told the unique-id of a message.
    pub(crate) fn uid(&mut self, message: MessageNumber, uid: &[u8], flag: &mut dyn FnMut(Rule)) {
        let hash: Hash = Sha256::digest(uid).into();
        let Some(known) = self.entry(message.number()) else { return };
        if known.uid.is_some_and(|uid| uid != hash) {
            flag(Rule::UidChanged);
        }
        known.uid = Some(hash);
        match self.uids.get(&hash) {
            Some(&other) if other != message.number() => flag(Rule::UidDuplicate),
            None if self.uids.len() < self.max => drop(self.uids.insert(hash, message.number())),
            Some(_) | None => {}
        }
    }

    fn entry(&mut self, number: u32) -> Option<&mut Message> {
        if self.messages.len() >= self.max && !self.messages.contains_key(&number) {
            self.incomplete = true;
            return None;
        }
        Some(self.messages.entry(number).or_default())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Two blocks of octets with one MD5 digest are two unique-ids all the same.
    #[test]
    fn unique_ids_that_collide_in_a_weak_hash_are_two() {
        const ONE: &str = "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89\
                           55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b\
                           d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0\
                           e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70";
        let octet = |at: usize| u8::from_str_radix(&ONE[at..at + 2], 16).unwrap();
        let one: Vec<u8> = (0..ONE.len()).step_by(2).map(octet).collect();
        let mut other = one.clone();
        for at in [19, 45, 59, 83, 109, 123] {
            other[at] ^= 0x80;
        }
        let mut known = Known::new(10);
        let mut told = Vec::new();
        for (number, uid) in [(1, &one), (2, &other), (3, &one), (1, &other)] {
            known.uid(MessageNumber::new(number).unwrap(), uid, &mut |rule| told.push(rule));
        }
        assert_eq!(told, [Rule::UidDuplicate, Rule::UidChanged, Rule::UidDuplicate]);
    }
}
