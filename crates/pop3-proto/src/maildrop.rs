//! The snapshot of a maildrop, and the marks of a session.

mod columns;

use alloc::vec;
use alloc::vec::Vec;

use crate::{MessageNumber, UniqueId};
use columns::{Sizes, Uids};

pub use columns::SnapshotUid;

/// A number of octets in wire form. Every line end counts as two octets. Stuffed dots and the final line with a
/// single dot are not counted (RFC 1939 section 11).
pub type Octets = u64;

/// The content of a maildrop when it was opened: sizes and unique-ids in the order of the message numbers.
///
/// A store supplies the snapshot when it accepts a login. It does not change: mail that arrives during the session is
/// not in it (RFC 1939 section 4). It needs 4 octets per message for the size (8 if one of them has
/// 4 GiB or more). Unique-ids that are all hashes of the same
/// length, in lower-case hexadecimal, need half of their length, and others need their length and 4 octets.
///
/// ```
/// use pop3_proto::{Snapshot, MessageNumber, UniqueId};
/// let mut snapshot = Snapshot::new();
/// snapshot.push(120, UniqueId::parse(b"whqtswO00WBw418f9t5JxYwZ")?);
/// snapshot.push(200, UniqueId::parse(b"QhdPYR:00WBw1Ph7x7")?);
/// assert_eq!((snapshot.len(), snapshot.octets()), (2, 320));
/// assert_eq!(snapshot.size(MessageNumber::FIRST), Some(120));
/// # Ok::<(), pop3_proto::UniqueIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    sizes: Sizes,
    uids: Uids,
    octets: Octets,
    /// A message was not added, so none is any more.
    full: bool,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::new()
    }
}

impl Snapshot {
    /// Creates the snapshot of an empty maildrop.
    #[must_use]
    pub const fn new() -> Self {
        Self { sizes: Sizes::new(), uids: Uids::new(), octets: 0, full: false }
    }

    /// Appends a message, which gets the next number.
    ///
    /// `size` is a promise: RETR must send exactly this many octets in wire form, see
    /// [`dots::wire_size`](crate::dots::wire_size). The unique-ids of a maildrop must differ.
    ///
    /// Returns the number, or `None` if the snapshot is full (60 million messages at least) and the message was not
    /// added. Every later call returns `None` as well. So if you keep a list of your own beside the snapshot, message
    /// `n` is always the `n`th one that you pushed, even if you ignore what this returns.
    pub fn push(&mut self, size: Octets, uid: UniqueId<'_>) -> Option<MessageNumber> {
        let number = if self.full { None } else { self.append(size, uid) };
        self.full = number.is_none();
        number
    }

    fn append(&mut self, size: Octets, uid: UniqueId<'_>) -> Option<MessageNumber> {
        let number = MessageNumber::from_index(self.sizes.len())?;
        let octets = self.octets.checked_add(size)?;
        self.uids.push(uid.as_bytes())?;
        self.octets = octets;
        self.sizes.push(size);
        Some(number)
    }

    /// Gives back the memory that it has for more messages.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.sizes.shrink_to_fit();
        self.uids.shrink_to_fit();
    }

    /// Returns the number of messages.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Returns whether there are no messages.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the total size of all messages in wire form.
    #[must_use]
    pub const fn octets(&self) -> Octets {
        self.octets
    }

    /// Returns the size of a message in wire form, or `None` if there is no such message.
    #[must_use]
    pub fn size(&self, message: MessageNumber) -> Option<Octets> {
        self.sizes.get(message.index())
    }

    /// Returns the unique-id of a message, or `None` if there is no such message.
    #[must_use]
    pub fn unique_id(&self, message: MessageNumber) -> Option<SnapshotUid> {
        self.uids.get(message.index())
    }

    /// Returns the numbers of all messages in ascending order.
    pub fn numbers(&self) -> impl Iterator<Item = MessageNumber> + use<> {
        (0..self.len()).map_while(MessageNumber::from_index)
    }

    /// Returns two messages with the same unique-id, if there are any. A store must not offer such a snapshot (RFC
    /// 1939 section 7).
    #[must_use]
    pub fn same_unique_id(&self) -> Option<(MessageNumber, MessageNumber)> {
        let mut numbers: Vec<_> = self.numbers().collect();
        numbers.sort_by_key(|&number| (self.unique_id(number), number));
        numbers
            .iter()
            .copied()
            .zip(numbers.iter().copied().skip(1))
            .find(|(a, b)| self.unique_id(*a) == self.unique_id(*b))
    }
}

/// The marks of a session: which messages are deleted, and which were sent.
///
/// Marks do not change the store. Messages are only removed at QUIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    deleted: Bits,
    retrieved: Bits,
    deleted_octets: Octets,
    deleted_count: usize,
    highest: Option<MessageNumber>,
}

impl Marks {
    /// Creates empty marks for a snapshot with this many messages.
    pub(crate) fn new(messages: usize) -> Self {
        Self {
            deleted: Bits::new(messages),
            retrieved: Bits::new(messages),
            deleted_octets: 0,
            deleted_count: 0,
            highest: None,
        }
    }

    /// Returns whether the message is marked as deleted.
    pub(crate) fn is_deleted(&self, message: MessageNumber) -> bool {
        self.deleted.has(message.index())
    }

    /// Returns how many messages are marked as deleted, and their size in octets.
    pub(crate) const fn deleted(&self) -> (usize, Octets) {
        (self.deleted_count, self.deleted_octets)
    }

    /// Returns the highest message number accessed since the session began or since RSET (LAST of RFC 1460).
    pub(crate) const fn highest(&self) -> Option<MessageNumber> {
        self.highest
    }

    /// Marks a message of `size` octets as deleted. Returns `false` if it was already marked.
    pub(crate) fn delete(&mut self, message: MessageNumber, size: Octets) -> bool {
        let new = self.deleted.set(message.index());
        if new {
            self.deleted_count = self.deleted_count.saturating_add(1);
            self.deleted_octets = self.deleted_octets.saturating_add(size);
            self.access(message);
        }
        new
    }

    /// Records that the whole message was sent.
    pub(crate) fn retrieve(&mut self, message: MessageNumber) {
        self.retrieved.set(message.index());
        self.access(message);
    }

    /// Removes the marks from all messages (RSET). The record of what was sent remains.
    pub(crate) fn reset(&mut self) {
        self.deleted.clear();
        self.deleted_octets = 0;
        self.deleted_count = 0;
        self.highest = None;
    }

    /// Converts the marks to what the store gets at QUIT.
    pub(crate) fn into_deletions(mut self, retrieved_too: bool) -> Deletions {
        if retrieved_too {
            self.deleted.join(&self.retrieved);
        }
        Deletions { deleted: self.deleted, retrieved: self.retrieved }
    }

    fn access(&mut self, message: MessageNumber) {
        self.highest = self.highest.max(Some(message));
    }
}

/// The messages that QUIT asks the store to remove, and, for information, the messages that were sent completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletions {
    deleted: Bits,
    retrieved: Bits,
}

impl Deletions {
    /// Returns the messages to remove in ascending order. No other message may be removed.
    pub fn iter(&self) -> impl Iterator<Item = MessageNumber> + '_ {
        self.deleted.iter()
    }

    /// Returns the messages that RETR sent completely in this session in ascending order. This includes messages that
    /// are to be removed.
    pub fn retrieved(&self) -> impl Iterator<Item = MessageNumber> + '_ {
        self.retrieved.iter()
    }

    /// Returns the number of messages to remove.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deleted.count()
    }

    /// Returns whether there are no messages to remove.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether this message is to be removed.
    #[must_use]
    pub fn contains(&self, message: MessageNumber) -> bool {
        self.deleted.has(message.index())
    }
}

/// A set of places below a fixed length.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)] }
    }

    fn has(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Adds an index. Returns `false` if it was in the set or is out of range.
    fn set(&mut self, index: usize) -> bool {
        let Some(word) = self.words.get_mut(index / 64) else { return false };
        let bit = 1 << (index % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn clear(&mut self) {
        self.words.fill(0);
    }

    fn join(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn iter(&self) -> impl Iterator<Item = MessageNumber> + '_ {
        self.words.iter().enumerate().flat_map(|(place, &word)| {
            (0..64_usize)
                .filter(move |bit| word & (1 << bit) != 0)
                .filter_map(move |bit| MessageNumber::from_index(place.checked_mul(64)?.checked_add(bit)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &[u8]) -> UniqueId<'_> {
        UniqueId::parse(text).unwrap()
    }

    #[test]
    fn a_full_snapshot_stays_full() {
        let mut snapshot = Snapshot::new();
        assert_eq!(snapshot.push(Octets::MAX - 10, uid(b"a")), Some(MessageNumber::FIRST));
        assert_eq!(snapshot.push(11, uid(b"b")), None);
        // There is room for this one, but its number would be that of the one that was left out.
        assert_eq!(snapshot.push(1, uid(b"c")), None);
        assert_eq!((snapshot.len(), snapshot.octets()), (1, Octets::MAX - 10));
        assert_eq!(snapshot.unique_id(MessageNumber::FIRST).unwrap().as_bytes(), b"a");
    }

    #[test]
    fn what_goes_in_comes_out_in_whatever_form_it_is_kept() {
        let hash = "00ff17a9c0ffee42";
        let hashes = [hash, "10ff17a9c0ffee42", "abcdef0123456789"];
        // An odd number of digits, another length, upper case, another octet; and texts first.
        let lists: [&[&str]; 7] = [
            &hashes,
            &[hash, "abc"],
            &[hash, "abcd", "0"],
            &[hash, "ABCDEF0123456789", hash],
            &["a", "bb", "00"],
            &["x!", "00ff", "~"],
            &[],
        ];
        for uids in lists {
            for large in 0..=uids.len() {
                let size = |index| if index == large { Octets::from(u32::MAX) + 1 } else { 7 };
                let mut snapshot = Snapshot::new();
                for (index, text) in uids.iter().enumerate() {
                    let number = snapshot.push(size(index), uid(text.as_bytes())).unwrap();
                    assert_eq!(number.index(), index);
                }
                snapshot.shrink_to_fit();
                let is: Vec<_> = snapshot
                    .numbers()
                    .map(|number| (snapshot.unique_id(number).unwrap(), snapshot.size(number).unwrap()))
                    .collect();
                assert_eq!(is.len(), uids.len());
                for (index, (uid, octets)) in is.iter().enumerate() {
                    assert_eq!((uid.as_bytes(), *octets), (uids[index].as_bytes(), size(index)), "{uids:?}");
                }
                assert_eq!(MessageNumber::from_index(uids.len()).and_then(|n| snapshot.unique_id(n)), None);
            }
        }
    }

    #[test]
    fn a_message_with_a_hash_takes_twenty_octets() {
        let mut snapshot = Snapshot::new();
        for index in 0..1000_u32 {
            let text = alloc::format!("{:032x}", u128::from(index) << 90 | 7);
            assert!(snapshot.push(4000, uid(text.as_bytes())).is_some());
        }
        snapshot.shrink_to_fit();
        let (Sizes::Short(sizes), Uids::Hashes { octets, .. }) = (&snapshot.sizes, &snapshot.uids) else {
            panic!("another form: {snapshot:?}");
        };
        assert_eq!((sizes.capacity(), octets.capacity()), (1000, 16_000));
    }
}
