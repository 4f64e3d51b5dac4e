//! How often each unique-id stands in a listing.

use super::Key;

/// How often each key stands in a listing: an index, 4 octets for each message.
#[derive(Clone, Debug)]
pub(crate) struct Census<'a> {
    keys: &'a [Key],
    /// The places in `keys`, in the order of the keys, and of the places where the keys are the same.
    order: Vec<u32>,
    /// Whether no key stands there twice.
    distinct: bool,
}

impl<'a> Census<'a> {
    pub(crate) fn new(keys: &'a [Key]) -> Self {
        let mut order = (0..u32::try_from(keys.len()).unwrap_or(u32::MAX)).collect::<Vec<_>>();
        order.sort_unstable_by(|&a, &b| keys[a as usize].cmp(&keys[b as usize]).then(a.cmp(&b)));
        let distinct = order.windows(2).all(|pair| keys[pair[0] as usize] != keys[pair[1] as usize]);
        Self { keys, order, distinct }
    }

    /// How many messages are listed under the key.
    pub(crate) fn count(&self, key: Key) -> u32 {
        u32::try_from(self.places(key).len()).unwrap_or(u32::MAX)
    }

    /// Which of the messages under its key the one at this place is, the first being 0, and how many
    /// there are.
    pub(crate) fn occurrence(&self, place: usize) -> (u32, u32) {
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
    }
}
