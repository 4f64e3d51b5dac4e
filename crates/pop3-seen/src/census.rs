//! How often each unique-id stands in a listing.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::{Id, Key};

/// The keys of a listing, with the number of times each key occurs. It distinguishes messages with the same key. It
/// takes 4 octets for each message, in addition to the keys.
///
/// A place is an index in the listing, starting at 0.
#[derive(Clone, Debug)]
pub struct Census<'a> {
    keys: Cow<'a, [Key]>,
    /// The places in `keys`, in the order of the keys, and of the places where the keys are the same.
    order: Vec<u32>,
    /// Whether no key stands there twice.
    distinct: bool,
}

impl<'a> Census<'a> {
    /// Creates a census of these keys, in the order of the listing. The result is wrong for more than `u32::MAX`
    /// keys.
    #[must_use]
    pub fn new(keys: &'a [Key]) -> Self {
        Self::count_all(Cow::Borrowed(keys))
    }

    /// Creates a census of these unique-ids, in the order of the listing.
    pub fn of_uids(uids: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Census<'static> {
        Census::count_all(uids.into_iter().map(|uid| Key::of_uid(uid.as_ref())).collect())
    }

    fn count_all(keys: Cow<'a, [Key]>) -> Self {
        let mut order = (0..u32::try_from(keys.len()).unwrap_or(u32::MAX)).collect::<Vec<_>>();
        order.sort_unstable_by(|&a, &b| keys[a as usize].cmp(&keys[b as usize]).then(a.cmp(&b)));
        let distinct = order.windows(2).all(|pair| keys[pair[0] as usize] != keys[pair[1] as usize]);
        Self { keys, order, distinct }
    }

    /// Returns the number of listed messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Returns whether no message is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the id of the message at this place.
    #[must_use]
    pub fn id(&self, place: usize) -> Option<Id> {
        let key = *self.keys.get(place)?;
        Some(Id { key, occurrence: self.occurrence(place).0 })
    }

    /// Returns the number of listed messages with this key.
    #[must_use]
    pub fn count(&self, key: Key) -> u32 {
        u32::try_from(self.places(key).len()).unwrap_or(u32::MAX)
    }

    /// Returns the position of the message at this place among those with the same key, starting at 0, and the number
    /// of those messages.
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
