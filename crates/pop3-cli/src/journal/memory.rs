//! Which messages were fetched: the rules, without the file.

use std::collections::BTreeMap;

use super::Key;

/// One message among those that the server lists under one unique-id: the first is 0. A server
/// should not give two messages one unique-id, but some do, and both are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id {
    pub(crate) key: Key,
    pub(crate) occurrence: u32,
}

/// What is known of a message that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The size that LIST said, 0 where it said none.
    pub(crate) size: u64,
    /// How many messages the server listed under the unique-id then; 0 where that is not known,
    /// as the key is that of the content.
    pub(crate) total: u32,
    /// DELE was sent, and it is not known whether the session ended well.
    pub(crate) deleting: bool,
}

/// The messages that were fetched and may still be on the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    entries: BTreeMap<Id, Entry>,
}

/// How often each key stands in a listing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    keys: Vec<Key>,
}

impl Census {
    pub(crate) fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        let mut keys = keys.into_iter().collect::<Vec<_>>();
        keys.sort_unstable();
        Self { keys }
    }

    /// How many messages are listed under the key.
    pub(crate) fn count(&self, key: Key) -> u32 {
        let start = self.keys.partition_point(|&other| other < key);
        let end = self.keys.partition_point(|&other| other <= key);
        u32::try_from(end - start).unwrap_or(u32::MAX)
    }
}

impl Memory {
    pub(crate) fn known(&self, id: Id) -> Option<&Entry> {
        self.entries.get(&id)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, Entry)> + '_ {
        self.entries.iter().map(|(&id, &entry)| (id, entry))
    }

    /// A message was stored.
    pub(crate) fn insert(&mut self, id: Id, entry: Entry) {
        self.entries.insert(id, entry);
    }

    /// A message was not stored after all.
    pub(crate) fn remove(&mut self, id: Id) {
        self.entries.remove(&id);
    }

    /// DELE was sent for this message.
    pub(crate) fn deleting(&mut self, id: Id) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.deleting = true;
        }
    }

    /// The session in which DELE was sent ended well: those messages are gone.
    pub(crate) fn deleted(&mut self) {
        for key in self.keys() {
            self.remove_deleting(key);
        }
    }

    /// Compares what is remembered with a new listing, and finds out by it whether the deletions of
    /// a session whose end is not known took place. Returns whether anything changed.
    ///
    /// A message that the server no longer lists stays in memory until [`prune`](Self::prune).
    pub(crate) fn reconcile(&mut self, census: &Census) -> bool {
        let mut changed = false;
        for key in self.keys() {
            let total = self.of(key).map(|(_, entry)| entry.total).max().unwrap_or_default();
            if total == 0 {
                continue; // By content: the listing tells nothing.
            }
            changed |= self.reconcile_key(key, total, census.count(key));
        }
        changed
    }

    fn reconcile_key(&mut self, key: Key, total: u32, listed: u32) -> bool {
        let deleting = self.of(key).filter(|(_, entry)| entry.deleting).count();
        let deleting = u32::try_from(deleting).unwrap_or(u32::MAX);
        let mut total = total;
        let mut changed = false;
        if deleting > 0 {
            if listed.saturating_add(deleting) == total || listed == 0 {
                self.remove_deleting(key);
                total = total.saturating_sub(deleting);
            }
            for entry in self.of_mut(key) {
                entry.deleting = false;
            }
            changed = true;
        }
        let known = u32::try_from(self.of(key).count()).unwrap_or(u32::MAX);
        if 0 < listed && listed < total && known < total {
            // Some are gone by other hands, and it can't be told whether those are left that were
            // not fetched. Rather one is fetched twice than one not at all.
            self.entries.retain(|id, _| id.key != key);
            return true;
        }
        if listed > 0 && listed != total {
            self.entries.retain(|id, _| id.key != key || id.occurrence < listed);
            changed = true;
        }
        if listed > 0 {
            for entry in self.of_mut(key).filter(|entry| entry.total != listed) {
                entry.total = listed;
                changed = true;
            }
        }
        changed
    }

    /// Forgets what the server no longer has: call it after a run that saw all to its end. `seen`
    /// tells whether a message that is remembered by its content was met.
    pub(crate) fn prune(&mut self, census: &Census, seen: impl Fn(Id) -> bool) -> bool {
        let before = self.entries.len();
        self.entries.retain(
            |&id, entry| {
                if entry.total == 0 { seen(id) } else { id.occurrence < census.count(id.key) }
            },
        );
        before != self.entries.len()
    }

    /// Takes out what is being deleted under the key, and counts the others anew.
    fn remove_deleting(&mut self, key: Key) {
        let mut gone = 0;
        for (id, entry) in self.of(key).map(|(&id, &entry)| (id, entry)).collect::<Vec<_>>() {
            if entry.deleting {
                self.entries.remove(&id);
                gone += 1;
            } else if gone > 0 {
                self.entries.remove(&id);
                self.entries.insert(Id { occurrence: id.occurrence - gone, ..id }, entry);
            }
        }
        for entry in self.of_mut(key) {
            entry.total = entry.total.saturating_sub(gone);
        }
    }

    fn keys(&self) -> Vec<Key> {
        let mut keys = self.entries.keys().map(|id| id.key).collect::<Vec<_>>();
        keys.dedup();
        keys
    }

    fn of(&self, key: Key) -> impl Iterator<Item = (&Id, &Entry)> {
        self.entries.range(Id { key, occurrence: 0 }..=Id { key, occurrence: u32::MAX })
    }

    fn of_mut(&mut self, key: Key) -> impl Iterator<Item = &mut Entry> {
        self.entries
            .range_mut(Id { key, occurrence: 0 }..=Id { key, occurrence: u32::MAX })
            .map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::of_uid(b"u")
    }

    fn listed(count: usize) -> Census {
        Census::new(vec![key(); count])
    }

    /// The memory of these occurrences out of `total`; the second list was marked as deleted.
    fn memory(total: u32, fetched: &[u32], deleting: &[u32]) -> Memory {
        let mut memory = Memory::default();
        for &occurrence in fetched {
            let id = Id { key: key(), occurrence };
            memory.insert(id, Entry { size: 1, total, deleting: deleting.contains(&occurrence) });
        }
        memory
    }

    fn known(memory: &Memory) -> Vec<u32> {
        memory.iter().map(|(id, _)| id.occurrence).collect()
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
            memory.reconcile(&listed(now));
            assert_eq!(known(&memory), left, "{total} {fetched:?} {deleting:?} {now}");
            assert!(memory.iter().all(|(_, entry)| !entry.deleting));
            assert!(!memory.reconcile(&listed(now)), "{total} {fetched:?} {deleting:?} {now}: not at rest");
        }
    }

    #[test]
    fn a_good_end_forgets_what_was_deleted() {
        let mut memory = memory(3, &[0, 1, 2], &[0, 2]);
        memory.deleted();
        assert_eq!(known(&memory), [0]);
        assert!(!memory.reconcile(&listed(1)));
    }

    #[test]
    fn pruning_keeps_what_is_listed() {
        let mut memory = memory(1, &[0], &[]);
        assert!(!memory.prune(&listed(1), |_| false));
        assert!(memory.prune(&listed(0), |_| true));
        assert_eq!(memory.len(), 0);
    }
}
