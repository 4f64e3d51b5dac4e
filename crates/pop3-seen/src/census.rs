//! How often each unique-id stands in a listing.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::{Id, Key};

/// A listing, by which messages are told apart: how often each key stands in it. It takes 4 octets for each message,
/// beside the keys.
///
/// A place is an index in the listing, the first being 0.
#[derive(Clone, Debug)]
pub struct Census<'a> {
    keys: Cow<'a, [Key]>,
    /// The places in `keys`, in the order of the keys, and of the places where the keys are the same.
    order: Vec<u32>,
    /// Whether no key stands there twice.
    distinct: bool,
}

impl<'a> Census<'a> {
    /// The census of these keys, in the order of the listing. With more than `u32::MAX` keys it is wrong.
    #[must_use]
    pub fn new(keys: &'a [Key]) -> Self {
        Self::count_all(Cow::Borrowed(keys))
    }

    /// Returns the census of these unique-ids, in the order of the listing.
    pub fn of_uids(uids: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Census<'static> {
        Census::count_all(uids.into_iter().map(|uid| Key::of_uid(uid.as_ref())).collect())
    }

    fn count_all(keys: Cow<'a, [Key]>) -> Self {
        let mut order = (0..u32::try_from(keys.len()).unwrap_or(u32::MAX)).collect::<Vec<_>>();
        order.sort_unstable_by(|&a, &b| keys[a as usize].cmp(&keys[b as usize]).then(a.cmp(&b)));
        let distinct = order.windows(2).all(|pair| keys[pair[0] as usize] != keys[pair[1] as usize]);
        Self { keys, order, distinct }
    }

    /// Returns how many messages are listed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns whether none is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// What the message at this place is remembered by.
    #[must_use]
    pub fn id(&self, place: usize) -> Option<Id> {
        let key = *self.keys.get(place)?;
        Some(Id { key, occurrence: self.occurrence(place).0 })
    }

    /// Returns how many messages are listed under the key.
    #[must_use]
    pub fn count(&self, key: Key) -> u32 {
        u32::try_from(self.places(key).len()).unwrap_or(u32::MAX)
    }

    /// Returns which of the messages under its key the one at this place is, the first being 0, and how many there
    /// are.
    #[must_use]
    pub fn occurrence(&self, place: usize) -> (u32, u32) {
        match self.keys.get(place) {
            Some(&key) if !self.distinct => {
                let places = self.places(key);
                let occurrence = places.partition_point(|&other| (other as usize) < place);
                (occurrence as u32, places.len() as u32)
            }
            _ => (0, 1),
        }
    }

    fn places(&self, key: Key) -> &[u32] {
        let start = self.order.partition_point(|&place| self.keys[place as usize] < key);
        let rest = &self.order[start..];
        let same = rest.partition_point(|&place| self.keys[place as usize] == key);
        &rest[..same]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_counted_among_those_with_its_key() {
        let keys = ["b", "a", "b", "c", "b"].map(|uid| Key::of_uid(uid.as_bytes()));
        let census = Census::new(&keys);
        let occurrences = (0..5).map(|place| census.occurrence(place)).collect::<Vec<_>>();
        assert_eq!(occurrences, [(0, 3), (0, 1), (1, 3), (0, 1), (2, 3)]);
        assert_eq!(census.count(keys[0]), 3);
        assert_eq!(census.count(Key::of_uid(b"d")), 0);
        assert_eq!(Census::new(&keys[..2]).occurrence(1), (0, 1));
        let census = Census::of_uids(["b", "b"]);
        assert_eq!((census.len(), census.id(1)), (2, Some(Id { key: keys[0], occurrence: 1 })));
        assert_eq!((census.id(2), census.is_empty()), (None, false));
    }
}
