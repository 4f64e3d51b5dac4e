//! Which messages were fetched: the rules, without the file.

use std::collections::BTreeMap;

use super::entry::{Absence, Day, Entry, Id, Packed};
use super::{Census, Key};

/// The messages that were fetched and are on the server, or may come back: about 44 octets for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    entries: BTreeMap<Id, Packed>,
}

/// When a run forgets what the server no longer lists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forgetting {
    /// Today; `None` where the clock can't be right.
    pub(crate) today: Option<Day>,
    /// For how many days what is gone is remembered.
    pub(crate) after: Day,
}

/// Stands for the day of a run whose clock could not be right. The next run with a better clock
/// counts from its own day on, as it does for every day that is yet to come.
const UNKNOWN_DAY: Day = Day::MAX >> 2;

impl Forgetting {
    /// Since when a message is gone that this run misses first.
    fn since(self) -> Absence {
        Absence::Since(self.today.unwrap_or(UNKNOWN_DAY))
    }

    /// What becomes of a message that is not listed; `None` when it is forgotten.
    fn missed(self, absence: Absence) -> Option<Absence> {
        let absence = match (absence, self.today) {
            (Absence::Since(day), Some(today)) if day <= today => Absence::Since(day),
            (Absence::Since(day), None) => Absence::Since(day),
            // The clock was ahead, or has been set back.
            (Absence::Since(_), Some(_)) | (Absence::Never | Absence::Returned, _) => self.since(),
        };
        let gone = match (absence, self.today) {
            (Absence::Since(day), Some(today)) => today.saturating_sub(day),
            (Absence::Since(_) | Absence::Never | Absence::Returned, _) => 0,
        };
        (gone < self.after).then_some(absence)
    }
}

impl Memory {
    pub(crate) fn known(&self, id: Id) -> Option<Entry> {
        self.entries.get(&id).copied().map(Entry::from)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, Entry)> + '_ {
        self.entries.iter().map(|(&id, &entry)| (id, entry.into()))
    }

    /// A message was stored.
    pub(crate) fn insert(&mut self, id: Id, entry: Entry) {
        self.entries.insert(id, entry.into());
    }

    /// Many messages were stored; of two with one id the later one counts. Nodes are filled to the
    /// brim, where one message after the other would leave half of each empty.
    pub(crate) fn extend(&mut self, entries: &mut Vec<(Id, Entry)>) {
        let packed = entries.drain(..).map(|(id, entry)| (id, Packed::from(entry)));
        if packed.len() < self.entries.len() / 64 {
            self.entries.extend(packed);
        } else {
            self.entries.append(&mut packed.collect());
        }
    }

    /// A message was not stored after all.
    pub(crate) fn remove(&mut self, id: Id) {
        self.entries.remove(&id);
    }

    /// DELE was sent for this message.
    pub(crate) fn deleting(&mut self, id: Id) {
        self.change(id, |entry| entry.deleting = true);
    }

    /// The session in which DELE was sent ended well: those messages are gone, and forgotten at once,
    /// as a server may give their unique-ids again. Returns whether anything changed.
    pub(crate) fn deleted(&mut self) -> bool {
        let keys = self.keys(|_, entry| entry.deleting);
        keys.iter().for_each(|&key| self.remove_deleting(key));
        !keys.is_empty()
    }

    /// Compares what is remembered with a new listing, and finds out by it whether the deletions of
    /// a session whose end is not known took place. Returns whether anything changed.
    ///
    /// A message that the server no longer lists stays in memory until [`prune`](Self::prune).
    pub(crate) fn reconcile(&mut self, census: &Census<'_>, forgetting: Forgetting) -> bool {
        let mut changed = false;
        // Most messages are listed as they were, and alone with their unique-id.
        let keys = self.keys(|id, entry| {
            let settled = entry.total == 1 && id.occurrence == 0 && census.count(id.key) <= 1;
            entry.deleting || (entry.total > 0 && !settled)
        });
        for key in keys {
            let totals = self.of(key).map(|(_, entry)| entry.total);
            match totals.max().unwrap_or_default() {
                // By content: the listing tells nothing. What is met again was not deleted.
                0 => changed |= self.change_all(key, |_, entry| entry.deleting = false),
                total => changed |= self.reconcile_key(key, total, census.count(key), forgetting),
            }
        }
        changed
    }

    fn reconcile_key(&mut self, key: Key, total: u32, listed: u32, forgetting: Forgetting) -> bool {
        let deleting = self.of(key).filter(|(_, entry)| entry.deleting).count();
        let deleting = u32::try_from(deleting).unwrap_or(u32::MAX);
        let mut total = total;
        let mut changed = false;
        if deleting > 0 {
            if listed > 0 && listed.saturating_add(deleting) == total {
                self.remove_deleting(key);
                total = total.saturating_sub(deleting);
            }
            // Where none is listed they are gone, unless the whole listing is wrong.
            self.change_all(key, |_, entry| {
                if entry.deleting && listed == 0 {
                    entry.absence = forgetting.since();
                }
                entry.deleting = false;
            });
            changed = true;
        }
        let known = self.of(key).filter(|(id, _)| id.occurrence < total).count();
        let known = u32::try_from(known).unwrap_or(u32::MAX);
        if 0 < listed && listed < total && known < total {
            // Some are gone by other hands, and it can't be told whether those are left that were
            // not fetched. Rather one is fetched twice than one not at all.
            self.of(key).map(|(id, _)| id).collect::<Vec<_>>().into_iter().for_each(|id| self.remove(id));
            return true;
        }
        if listed > 0 {
            changed |= self.change_all(key, |id, entry| {
                entry.total = listed;
                if id.occurrence >= listed && !matches!(entry.absence, Absence::Since(_)) {
                    entry.absence = forgetting.since();
                }
            });
        }
        changed
    }

    /// Takes note of what the server no longer lists, and forgets what it has not listed for long.
    /// `seen` tells whether a message that is remembered by its content was met, or may be there
    /// unseen. Returns whether anything changed.
    pub(crate) fn prune(
        &mut self,
        census: &Census<'_>,
        forgetting: Forgetting,
        seen: impl Fn(Id) -> Option<bool>,
    ) -> bool {
        let mut changed = false;
        self.entries.retain(|&id, packed| {
            let entry = Entry::from(*packed);
            let listed = match entry.total {
                0 => seen(id),
                _ => Some(id.occurrence < census.count(id.key)),
            };
            let absence = match (listed, entry.absence) {
                (None, absence) => Some(absence),
                (Some(true), Absence::Since(_)) => Some(Absence::Returned),
                (Some(true), absence) => Some(absence),
                (Some(false), absence) => forgetting.missed(absence),
            };
            changed |= absence != Some(entry.absence);
            let Some(absence) = absence else { return false };
            *packed = Entry { absence, ..entry }.into();
            true
        });
        changed
    }

    /// Takes out what is being deleted under the key, and counts the others anew.
    fn remove_deleting(&mut self, key: Key) {
        let mut gone = 0;
        for (id, entry) in self.of(key).collect::<Vec<_>>() {
            if entry.deleting {
                self.remove(id);
                gone += 1;
            } else if gone > 0 {
                self.remove(id);
                self.insert(Id { occurrence: id.occurrence - gone, ..id }, entry);
            }
        }
        self.change_all(key, |_, entry| entry.total = entry.total.saturating_sub(gone));
    }

    /// The keys under which there is such an entry, each once.
    fn keys(&self, wanted: impl Fn(Id, Entry) -> bool) -> Vec<Key> {
        let wanted = self.iter().filter(|&(id, entry)| wanted(id, entry));
        let mut keys = wanted.map(|(id, _)| id.key).collect::<Vec<_>>();
        keys.dedup();
        keys
    }

    fn of(&self, key: Key) -> impl Iterator<Item = (Id, Entry)> {
        let range = Id { key, occurrence: 0 }..=Id { key, occurrence: u32::MAX };
        self.entries.range(range).map(|(&id, &entry)| (id, entry.into()))
    }

    fn change(&mut self, id: Id, change: impl FnOnce(&mut Entry)) {
        if let Some(packed) = self.entries.get_mut(&id) {
            let mut entry = Entry::from(*packed);
            change(&mut entry);
            *packed = entry.into();
        }
    }

    /// Changes all entries under the key, and returns whether any is another one now.
    fn change_all(&mut self, key: Key, change: impl Fn(Id, &mut Entry)) -> bool {
        let mut changed = false;
        let range = Id { key, occurrence: 0 }..=Id { key, occurrence: u32::MAX };
        for (&id, packed) in self.entries.range_mut(range) {
            let mut entry = Entry::from(*packed);
            change(id, &mut entry);
            changed |= *packed != Packed::from(entry);
            *packed = entry.into();
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Day = 20_000;

    fn key() -> Key {
        Key::of_uid(b"u")
    }

    fn keys(count: usize) -> Vec<Key> {
        vec![key(); count]
    }

    fn forgetting(today: Day, after: Day) -> Forgetting {
        Forgetting { today: Some(today), after }
    }

    /// The memory of these occurrences out of `total`; the second list was marked as deleted.
    fn memory(total: u32, fetched: &[u32], deleting: &[u32]) -> Memory {
        let mut memory = Memory::default();
        for &occurrence in fetched {
            let id = Id { key: key(), occurrence };
            memory.insert(id, Entry { deleting: deleting.contains(&occurrence), ..Entry::new(1, total) });
        }
        memory
    }

    fn memory_of_one() -> Memory {
        memory(1, &[0], &[])
    }

    fn known(memory: &Memory) -> Vec<u32> {
        memory.iter().map(|(id, _)| id.occurrence).collect()
    }

    /// Those that are not remembered as gone.
    fn present(memory: &Memory) -> Vec<u32> {
        let present = memory.iter().filter(|(_, entry)| !matches!(entry.absence, Absence::Since(_)));
        present.map(|(id, _)| id.occurrence).collect()
    }

    #[test]
    fn the_listing_tells_whether_a_deletion_took_place() {
        for (total, fetched, deleting, now, left) in [
            // One message, the usual case: still there, and gone.
            (1, &[0][..], &[0][..], 1, &[0][..]),
            (1, &[0], &[0], 0, &[]),
            // Two under one unique-id, both fetched and deleted.
            (2, &[0, 1], &[0, 1], 2, &[0, 1]),
            (2, &[0, 1], &[0, 1], 0, &[]),
            // Two, of which one was fetched and deleted: the other one is not known.
            (2, &[0], &[0], 2, &[0]),
            (2, &[0], &[0], 1, &[]),
            (2, &[1], &[1], 1, &[]),
            // Three, the middle one deleted: the last one has moved down.
            (3, &[1, 2], &[1], 2, &[1]),
            (3, &[1, 2], &[1], 3, &[1, 2]),
            // Nothing deleted; one of two is gone by other hands.
            (2, &[0, 1], &[], 1, &[0]),
            (2, &[0], &[], 1, &[]),
            // A new one has come.
            (1, &[0], &[], 2, &[0]),
            // Nothing is listed, nothing was deleted: remembered until the end of a whole run.
            (1, &[0], &[], 0, &[0]),
        ] {
            let mut memory = memory(total, fetched, deleting);
            let keys = keys(now);
            let census = Census::new(&keys);
            memory.reconcile(&census, forgetting(DAY, 90));
            assert_eq!(present(&memory), left, "{total} {fetched:?} {deleting:?} {now}");
            assert!(memory.iter().all(|(_, entry)| !entry.deleting));
            assert!(
                !memory.reconcile(&census, forgetting(DAY, 90)),
                "{total} {fetched:?} {deleting:?} {now}: not at rest"
            );
        }
    }

    #[test]
    fn an_empty_listing_makes_nothing_forgotten() {
        // Whether or not DELE was sent, and for two messages with one unique-id too.
        for (total, fetched, deleting) in [
            (1, &[0][..], &[][..]),
            (1, &[0], &[0]),
            (2, &[0, 1], &[]),
            (2, &[0, 1], &[0, 1]),
            (2, &[0, 1], &[1]),
        ] {
            let mut memory = memory(total, fetched, deleting);
            for listed in [0, total, 1, total] {
                let keys = keys(listed as usize);
                memory.reconcile(&Census::new(&keys), forgetting(DAY, 90));
                memory.prune(&Census::new(&keys), forgetting(DAY, 90), |_| Some(true));
                assert_eq!(known(&memory), fetched, "{total} {deleting:?} {listed}");
            }
            // But what came back is not taken for the same without a look.
            assert!(memory.iter().all(|(_, entry)| entry.absence == Absence::Returned));
        }
    }

    #[test]
    fn a_good_end_forgets_what_was_deleted() {
        let mut memory = memory(3, &[0, 1, 2], &[0, 2]);
        assert!(memory.deleted());
        assert!(!memory.deleted());
        assert_eq!(known(&memory), [0]);
        let keys = keys(1);
        assert!(!memory.reconcile(&Census::new(&keys), forgetting(DAY, 90)));
    }

    #[test]
    fn a_mark_on_a_message_known_by_its_content_does_not_outlive_the_session() {
        let mut memory = memory(0, &[0], &[0]);
        assert!(memory.reconcile(&Census::new(&[]), forgetting(DAY, 90)));
        assert!(!memory.deleted());
        assert_eq!(known(&memory), [0]);
    }

    #[test]
    fn what_is_gone_is_forgotten_in_time() {
        let (one, none) = (keys(1), keys(0));
        let (one, none) = (Census::new(&one), Census::new(&none));
        let all = |_| Some(true);
        let mut memory = memory(1, &[0], &[]);
        assert!(!memory.prune(&one, forgetting(DAY, 90), all));
        assert!(memory.prune(&none, forgetting(DAY, 90), all));
        assert!(!memory.prune(&none, forgetting(DAY + 89, 90), all));
        // It is back, and goes again: the time begins anew.
        assert!(memory.prune(&one, forgetting(DAY + 89, 90), all));
        assert!(memory.prune(&none, forgetting(DAY + 90, 90), all));
        assert!(!memory.prune(&none, forgetting(DAY + 179, 90), all));
        assert!(memory.prune(&none, forgetting(DAY + 180, 90), all));
        assert_eq!(memory.len(), 0);
        // At once, if that is wanted.
        let mut memory = memory_of_one();
        assert!(memory.prune(&none, forgetting(DAY, 0), all));
        assert_eq!(memory.len(), 0);
    }

    #[test]
    fn a_clock_that_jumps_forgets_nothing_too_soon() {
        let none = keys(0);
        let none = Census::new(&none);
        let all = |_| Some(true);
        // Without a clock, then with one.
        let mut memory = memory(1, &[0], &[]);
        memory.prune(&none, Forgetting { today: None, after: 90 }, all);
        memory.prune(&none, Forgetting { today: None, after: 90 }, all);
        memory.prune(&none, forgetting(DAY, 90), all);
        memory.prune(&none, forgetting(DAY + 89, 90), all);
        assert_eq!(memory.len(), 1);
        // The clock is set back by ten years: it does not stay for ten years and more.
        memory.prune(&none, forgetting(DAY - 3_650, 90), all);
        assert_eq!(memory.len(), 1);
        memory.prune(&none, forgetting(DAY - 3_650 + 90, 90), all);
        assert_eq!(memory.len(), 0);
    }

    #[test]
    fn what_was_not_looked_for_is_not_missed() {
        let mut memory = memory(0, &[0], &[]);
        assert!(!memory.prune(&Census::new(&[]), forgetting(DAY, 0), |_| None));
        assert!(memory.prune(&Census::new(&[]), forgetting(DAY, 0), |_| Some(false)));
        assert_eq!(memory.len(), 0);
    }

    #[test]
    fn many_are_put_in_as_one_by_one() {
        let entry = |index: u32| {
            let id = Id { key: Key::of_uid(&(index % 700).to_be_bytes()), occurrence: 0 };
            (id, Entry::new(index.into(), 1))
        };
        let (mut one_by_one, mut many) = (Memory::default(), Memory::default());
        for range in [0..500, 400..410, 300..1_000] {
            range.clone().map(entry).for_each(|(id, entry)| one_by_one.insert(id, entry));
            many.extend(&mut range.map(entry).collect());
        }
        assert_eq!(one_by_one, many);
    }
}
