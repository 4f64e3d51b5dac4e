//! What the server lists, in little memory: pure data.

use core::ops::Range;

use pop3_proto::MessageNumber;

use crate::journal::{Census, Key};

/// A message as the server lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) number: MessageNumber,
    /// The size that LIST says, if it does.
    pub(crate) size: Option<u64>,
    /// The key of the unique-id; `None` where messages are recognised by their content.
    pub(crate) key: Option<Key>,
}

/// All messages that the server lists, in the order of their numbers: 4 octets for each, and 16 more
/// with unique-ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    numbers: Numbers,
    /// 0 where no size is known, else the size plus one; `LARGE` where that does not fit.
    sizes: Vec<u32>,
    /// The places of the sizes that do not fit, in order.
    large: Vec<(u32, u64)>,
    /// As many as there are messages, or none.
    keys: Vec<Key>,
}

const LARGE: u32 = u32::MAX;

/// What is added to a catalogue as the lines of a listing come.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    catalogue: Catalogue,
    /// Lines that do not come in the order of their numbers.
    strays: Vec<(MessageNumber, u64)>,
}

/// The keys of the unique-ids as the lines of UIDL come, for the messages of a catalogue.
#[derive(Debug)]
pub(crate) struct UniqueIds {
    catalogue: Catalogue,
    /// Messages that LIST did not list, and that do not come behind all others.
    strays: Vec<(MessageNumber, Key)>,
    /// The first message with two unique-ids.
    twofold: Option<MessageNumber>,
}

/// Why unique-ids tell nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disagreement {
    /// So many messages have none; this is the first.
    Missing { first: MessageNumber, count: usize },
    /// Two lines give this message different ones.
    Twofold(MessageNumber),
}

impl Catalogue {
    /// The messages from 1 on, of which nothing is known.
    pub(crate) fn of_count(count: u32) -> Self {
        let mut catalogue = Self::default();
        for number in (1..=count).filter_map(MessageNumber::new) {
            catalogue.push(number, None);
        }
        catalogue
    }

    pub(crate) const fn len(&self) -> usize {
        self.sizes.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Listed> + '_ {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The message at a place; the first is 0.
    pub(crate) fn get(&self, place: usize) -> Option<Listed> {
        let size = match *self.sizes.get(place)? {
            0 => None,
            LARGE => {
                let found = self.large.binary_search_by_key(&place, |&(place, _)| place as usize).ok();
                found.and_then(|found| self.large.get(found)).map(|&(_, size)| size)
            }
            size => Some(u64::from(size) - 1),
        };
        Some(Listed { number: self.numbers.get(place)?, size, key: self.keys.get(place).copied() })
    }

    /// How often each unique-id is listed.
    pub(crate) fn census(&self) -> Census<'_> {
        Census::new(&self.keys)
    }

    /// Adds a message behind the others.
    fn push(&mut self, number: MessageNumber, size: Option<u64>) {
        let place = u32::try_from(self.sizes.len()).unwrap_or(u32::MAX);
        self.numbers.push(number);
        let small = size.map_or(Some(0), |size| u32::try_from(size).ok()?.checked_add(1));
        self.sizes.push(small.filter(|&small| small != LARGE).unwrap_or(LARGE));
        if let (Some(&LARGE), Some(size)) = (self.sizes.last(), size) {
            self.large.push((place, size));
        }
    }
}

impl FromIterator<Listed> for Catalogue {
    /// They must be in the order of their numbers, and all have a key or none.
    fn from_iter<I: IntoIterator<Item = Listed>>(listed: I) -> Self {
        let mut catalogue = Self::default();
        for Listed { number, size, key } in listed {
            catalogue.push(number, size);
            catalogue.keys.extend(key);
        }
        catalogue
    }
}

impl Sizes {
    /// A line of LIST.
    pub(crate) fn add(&mut self, number: MessageNumber, size: u64) {
        if self.catalogue.numbers.last().is_none_or(|last| last < number) {
            self.catalogue.push(number, Some(size));
        } else {
            self.strays.push((number, size));
        }
    }

    /// The listing is whole. Of two lines for one message the later one counts.
    pub(crate) fn finish(self) -> Catalogue {
        if self.strays.is_empty() {
            return self.catalogue;
        }
        let listed = self.catalogue.iter().map(|listed| (listed.number, listed.size));
        let mut all = listed.collect::<Vec<_>>();
        all.extend(self.strays.into_iter().map(|(number, size)| (number, Some(size))));
        all.sort_by_key(|&(number, _)| number);
        let mut catalogue = Catalogue::default();
        for (index, &(number, size)) in all.iter().enumerate() {
            if all.get(index + 1).is_none_or(|&(next, _)| next != number) {
                catalogue.push(number, size);
            }
        }
        catalogue
    }
}

impl UniqueIds {
    pub(crate) fn of(mut catalogue: Catalogue) -> Self {
        catalogue.keys = vec![Key::NONE; catalogue.len()];
        Self { catalogue, strays: Vec::new(), twofold: None }
    }

    /// A line of UIDL.
    pub(crate) fn add(&mut self, number: MessageNumber, key: Key) {
        if self.catalogue.numbers.last().is_none_or(|last| last < number) {
            self.catalogue.push(number, None);
            self.catalogue.keys.push(key);
            return;
        }
        let place = self.catalogue.numbers.place(number);
        match place.and_then(|place| self.catalogue.keys.get_mut(place)) {
            Some(kept) if *kept == Key::NONE => *kept = key,
            Some(kept) if *kept == key => {}
            Some(_) => self.twofold = self.twofold.or(Some(number)),
            None => self.strays.push((number, key)),
        }
    }

    /// There are no unique-ids.
    pub(crate) fn without(mut self) -> Catalogue {
        self.catalogue.keys = Vec::new();
        self.catalogue
    }

    /// The listing is whole: each message must have one unique-id.
    pub(crate) fn finish(mut self) -> Result<Catalogue, Disagreement> {
        self.strays.sort_unstable();
        self.strays.dedup();
        let twofold = self.strays.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0);
        if let Some(number) = self.twofold.or(twofold) {
            return Err(Disagreement::Twofold(number));
        }
        let missing = |listed: &Listed| listed.key == Some(Key::NONE);
        if let Some(first) = self.catalogue.iter().find(missing) {
            let count = self.catalogue.keys.iter().filter(|&&key| key == Key::NONE).count();
            return Err(Disagreement::Missing { first: first.number, count });
        }
        if self.strays.is_empty() {
            return Ok(self.catalogue);
        }
        let strays = self.strays.iter().map(|&(number, key)| Listed { number, size: None, key: Some(key) });
        let mut all = self.catalogue.iter().chain(strays).collect::<Vec<_>>();
        all.sort_unstable_by_key(|listed| listed.number);
        Ok(all.into_iter().collect())
    }
}

/// Message numbers in ascending order; those without a gap take no room.
#[derive(Clone, Debug, Default)]
struct Numbers {
    runs: Vec<Run>,
    len: u32,
}

/// From this place on, numbers follow one after the other.
#[derive(Clone, Copy, Debug)]
struct Run {
    place: u32,
    number: u32,
}

impl Numbers {
    /// Adds a number that is larger than all others.
    fn push(&mut self, number: MessageNumber) {
        let number = number.number();
        let goes_on = self.runs.last().is_some_and(|run| number - run.number == self.len - run.place);
        if !goes_on {
            self.runs.push(Run { place: self.len, number });
        }
        self.len += 1;
    }

    fn last(&self) -> Option<MessageNumber> {
        self.get(self.len.checked_sub(1)? as usize)
    }

    fn get(&self, place: usize) -> Option<MessageNumber> {
        let place = u32::try_from(place).ok().filter(|&place| place < self.len)?;
        let run = self.runs.partition_point(|run| run.place <= place).checked_sub(1)?;
        let run = self.runs.get(run)?;
        MessageNumber::new(run.number + (place - run.place))
    }

    fn place(&self, number: MessageNumber) -> Option<usize> {
        let number = number.number();
        let index = self.runs.partition_point(|run| run.number <= number).checked_sub(1)?;
        let run = self.runs.get(index)?;
        let end = self.runs.get(index + 1).map_or(self.len, |next| next.place);
        let place = run.place + (number - run.number);
        (place < end).then_some(place as usize)
    }
}

/// Places in a catalogue, in ascending order; those without a gap take no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    runs: Vec<Range<u32>>,
    len: usize,
}

impl Places {
    /// Adds a place behind all others.
    pub(crate) fn push(&mut self, place: usize) {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        match self.runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => self.runs.push(place..place + 1),
        }
        self.len += 1;
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.runs.iter().cloned().flatten().map(|place| place as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    fn key(uid: &str) -> Key {
        Key::of_uid(uid.as_bytes())
    }

    /// Numbers and sizes as LIST gives them, numbers and unique-ids as UIDL gives them.
    fn listed(
        list: &[(u32, u64)],
        uidl: &[(u32, &str)],
    ) -> Result<Vec<(u32, Option<u64>, Key)>, Disagreement> {
        let mut sizes = Sizes::default();
        list.iter().for_each(|&(message, size)| sizes.add(number(message), size));
        let mut uids = UniqueIds::of(sizes.finish());
        uidl.iter().for_each(|&(message, uid)| uids.add(number(message), key(uid)));
        let catalogue = uids.finish()?;
        Ok(catalogue
            .iter()
            .map(|listed| (listed.number.number(), listed.size, listed.key.unwrap()))
            .collect())
    }

    #[test]
    fn each_message_has_its_size_and_its_unique_id() {
        let (a, b, c) = (key("a"), key("b"), key("c"));
        let large = u64::from(u32::MAX);
        for (list, uidl, expected) in [
            (&[][..], &[][..], vec![]),
            (&[(1, 5), (2, 0)], &[(1, "a"), (2, "b")], vec![(1, Some(5), a), (2, Some(0), b)]),
            // Gaps, and not in order.
            (
                &[(9, 5), (7, large), (3, large - 1)],
                &[(7, "b"), (3, "a"), (9, "c")],
                vec![(3, Some(large - 1), a), (7, Some(large), b), (9, Some(5), c)],
            ),
            // A size twice: the later one. A unique-id twice, the same.
            (&[(1, 5), (1, 6)], &[(1, "a"), (1, "a")], vec![(1, Some(6), a)]),
            // UIDL lists more than LIST: in front, between, and behind.
            (
                &[(2, 5), (4, 6)],
                &[(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "b")],
                vec![(1, None, a), (2, Some(5), b), (3, None, c), (4, Some(6), a), (5, None, b)],
            ),
            (&[], &[(2, "b"), (1, "a")], vec![(1, None, a), (2, None, b)]),
        ] {
            assert_eq!(listed(list, uidl), Ok(expected), "{list:?} {uidl:?}");
        }
    }

    #[test]
    fn unique_ids_that_are_missing_or_twofold_are_found() {
        let missing = |first, count| Err(Disagreement::Missing { first: number(first), count });
        let twofold = |message| Err(Disagreement::Twofold(number(message)));
        for (list, uidl, expected) in [
            (&[(1, 5), (2, 6), (3, 7)][..], &[][..], missing(1, 3)),
            (&[(1, 5), (2, 6), (3, 7)], &[(1, "a"), (3, "b")], missing(2, 1)),
            (&[(1, 5)], &[(1, "a"), (1, "b")], twofold(1)),
            (&[], &[(1, "a"), (1, "b")], twofold(1)),
            (&[(5, 5)], &[(1, "a"), (5, "a"), (1, "b")], twofold(1)),
        ] {
            assert_eq!(listed(list, uidl), expected, "{list:?} {uidl:?}");
        }
    }

    #[test]
    fn places_come_out_as_they_were_put_in() {
        let mut places = Places::default();
        let all = [0, 1, 2, 5, 6, 9];
        all.iter().for_each(|&place| places.push(place));
        assert_eq!(
            (places.iter().collect::<Vec<_>>(), places.len(), places.runs.len()),
            (all.to_vec(), 6, 3)
        );
    }
}
