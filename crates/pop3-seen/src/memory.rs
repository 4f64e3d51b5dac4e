//! Which messages were stored: the rules, without a storage.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::entry::Packed;
use crate::{Absence, Census, Day, Id, Key, Note, SeenEntry};

/// The messages that were stored and are on the server or may return. It takes about 44 octets for each.
///
/// This type contains only the rules. [`Seen`](crate::Seen) combines it with a storage. To restore a memory, collect
/// its notes ([`FromIterator`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    entries: BTreeMap<Id, Packed>,
}

/// When to forget messages that the server no longer lists.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is these two")]
pub struct Forgetting {
    /// The current day, or `None` if the clock is obviously wrong.
    pub today: Option<Day>,
    /// The number of days for which a missing message is remembered. With 0, it is forgotten immediately.
    pub after: Day,
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
    /// Returns the entry of a message, if it was stored.
    #[must_use]
    pub fn known(&self, id: Id) -> Option<SeenEntry> {
        self.entries.get(&id).copied().map(SeenEntry::from)
    }

    /// Returns the number of remembered messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether no message is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns all remembered messages in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (Id, SeenEntry)> + '_ {
        self.entries.iter().map(|(&id, &entry)| (id, entry.into()))
    }

    /// Adds a stored message. Replaces an earlier entry.
    pub fn insert(&mut self, id: Id, entry: SeenEntry) {
        self.entries.insert(id, entry.into());
    }

    /// Adds many stored messages. If two have the same id, the later one is used. This takes less memory than adding
    /// them one by one.
    pub fn extend(&mut self, entries: &mut Vec<(Id, SeenEntry)>) {
        let packed = entries.drain(..).map(|(id, entry)| (id, Packed::from(entry)));
        if packed.len() < self.entries.len() / 64 {
            self.entries.extend(packed);
        } else {
            self.entries.append(&mut packed.collect());
        }
    }

    /// Removes a message, because it was not stored after all.
    pub fn remove(&mut self, id: Id) {
        self.entries.remove(&id);
    }

    /// Records that DELE was sent for a message.
    pub fn deleting(&mut self, id: Id) {
        self.change(id, |entry| entry.deleting = true);
    }

    /// Records that DELE was refused for a message.
    pub fn not_deleting(&mut self, id: Id) {
        self.change(id, |entry| entry.deleting = false);
    }

    /// Records that the session in which DELE was sent ended successfully. Its deleted messages are forgotten
    /// immediately, because the server may reuse their unique-ids. Returns whether anything changed.
    pub fn deleted(&mut self) -> bool {
        let keys = self.keys(|_, entry| entry.deleting);
        keys.iter().for_each(|&key| self.remove_deleting(key));
        !keys.is_empty()
    }

    /// Compares the memory with a new listing. If the end of an earlier session is unknown, the listing shows whether
    /// its deletions took place. Returns whether anything changed.
    ///
    /// A message that the server no longer lists is remembered until [`prune`](Self::prune).
    pub fn reconcile(&mut self, census: &Census<'_>, forgetting: Forgetting) -> bool {
        let mut changed = false;
        // Most messages are listed as they were, and alone with their unique-id.
        let keys = self.keys(|id, entry| {
            let settled = entry.total == 1 && id.occurrence == 0 && census.count(id.key) <= 1;
            entry.deleting || (entry.total > 0 && !settled)
        });
        for key in keys {
            let totals = self.of(key).map(|(_, entry)| entry.total);
            match totals.max().unwrap_or_default() {
                // By content: the listing says nothing. A message that is seen again was not deleted.
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
            // If none is listed, they are gone, unless the whole listing is wrong.
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
            // Another program removed some, and it is unknown whether the remaining ones were
            // fetched. It is better to fetch one twice than not at all.
            self.of(key).map(|(id, _)| id).collect::<Vec<_>>().into_iter().for_each(|id| self.remove(id));
            return true;
        }
        if listed > 0 {
            // If their number has changed, it is unknown which of them are these.
            let are_others = listed != total;
            changed |= self.change_all(key, |id, entry| {
                entry.total = listed;
                match entry.absence {
                    Absence::Since(_) => {}
                    _ if id.occurrence >= listed => entry.absence = forgetting.since(),
                    _ if are_others => entry.absence = Absence::Returned,
                    Absence::Never | Absence::Returned => {}
                }
            });
        }
        changed
    }

    /// Records which messages the server no longer lists, and forgets those that have been missing for long. `seen`
    /// tells for a message that is remembered by its content whether it was seen, or `None` if it may exist unseen.
    /// Returns whether anything changed.
    pub fn prune(
        &mut self,
        census: &Census<'_>,
        forgetting: Forgetting,
        seen: impl Fn(Id) -> Option<bool>,
    ) -> bool {
        let mut changed = false;
        self.entries.retain(|&id, packed| {
            let entry = SeenEntry::from(*packed);
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
            *packed = SeenEntry { absence, ..entry }.into();
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
    fn keys(&self, wanted: impl Fn(Id, SeenEntry) -> bool) -> Vec<Key> {
        let wanted = self.iter().filter(|&(id, entry)| wanted(id, entry));
        let mut keys = wanted.map(|(id, _)| id.key).collect::<Vec<_>>();
        keys.dedup();
        keys
    }

    fn of(&self, key: Key) -> impl Iterator<Item = (Id, SeenEntry)> {
        let range = Id { key, occurrence: 0 }..=Id { key, occurrence: u32::MAX };
        self.entries.range(range).map(|(&id, &entry)| (id, entry.into()))
    }

    fn change(&mut self, id: Id, change: impl FnOnce(&mut SeenEntry)) {
        if let Some(packed) = self.entries.get_mut(&id) {
            let mut entry = SeenEntry::from(*packed);
            change(&mut entry);
            *packed = entry.into();
        }
    }

    /// Changes all entries under the key, and returns whether any is another one now.
    fn change_all(&mut self, key: Key, change: impl Fn(Id, &mut SeenEntry)) -> bool {
        let mut changed = false;
        let range = Id { key, occurrence: 0 }..=Id { key, occurrence: u32::MAX };
        for (&id, packed) in self.entries.range_mut(range) {
            let mut entry = SeenEntry::from(*packed);
            change(id, &mut entry);
            changed |= *packed != Packed::from(entry);
            *packed = entry.into();
        }
        changed
    }
}

impl FromIterator<Note> for Memory {
    /// Takes up notes in the order in which they were written.
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        /// How many messages are put into the memory at once.
        const BATCH: usize = 16 * 1024;
        let mut memory = Self::default();
        let mut batch = Vec::new();
        for note in notes {
            match note {
                Note::Stored(id, entry) => batch.push((id, entry)),
                Note::Deleting(id) => {
                    memory.extend(&mut batch);
                    memory.deleting(id);
                }
            }
            if batch.len() == BATCH {
                memory.extend(&mut batch);
            }
        }
        memory.extend(&mut batch);
        memory
    }
}

#[cfg(test)]
mod tests;
