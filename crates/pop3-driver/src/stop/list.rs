//! The list of those who wait for a switch.

use core::task::Waker;

use super::{Stage, Stop};

/// What to do when a stage is reached.
pub(super) enum Entry {
    /// Wake a task.
    Wake(Stage, Waker),
    /// Run this.
    Act(Stage, Action),
    /// Pass the stage on to the switch of a session: wake those who wait for it at the stop, and stop it at the cut.
    Link(Stop),
}

pub(super) type Action = Box<dyn FnOnce() + Send>;

/// Entries at fixed places. Adding and removing one takes the same time, however many there are.
#[derive(Default)]
pub(super) struct List {
    /// A place is empty if it is free, or if its entry was taken and its owner has not removed it yet.
    places: Vec<Option<Entry>>,
    free: Vec<usize>,
}

impl List {
    /// Adds an entry, and returns its place. Its owner must remove it, even if it was taken.
    pub(super) fn insert(&mut self, entry: Entry) -> usize {
        if let Some(at) = self.free.pop() {
            self.places[at] = Some(entry);
            return at;
        }
        if self.places.is_empty() {
            // The switch of a session has one or two entries.
            self.places.reserve_exact(1);
        }
        self.places.push(Some(entry));
        self.places.len() - 1
    }

    /// Replaces the entry at this place, and returns the earlier one.
    pub(super) fn replace(&mut self, at: usize, entry: Entry) -> Option<Entry> {
        self.places[at].replace(entry)
    }

    /// Removes the entry at this place, and returns it unless it was taken.
    pub(super) fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.places[at].take();
        self.free.push(at);
        if self.is_empty() {
            // Do not keep the places of a crowd that has left.
            *self = Self::default();
        }
        entry
    }

    /// Takes the entries that are due at this stage. A link stays until the cut, because it is due at the stop, too.
    pub(super) fn take(&mut self, stage: Stage) -> Vec<Entry> {
        let due = |place: &mut Option<Entry>| match place {
            Some(Entry::Link(session)) if stage < Stage::Cut => Some(Entry::Link(session.clone())),
            Some(Entry::Link(_)) => place.take(),
            Some(Entry::Wake(at, _) | Entry::Act(at, _)) if *at <= stage => place.take(),
            Some(Entry::Wake(..) | Entry::Act(..)) | None => None,
        };
        // The actions first: they unblock those who are woken.
        let mut entries: Vec<_> = self.places.iter_mut().filter_map(due).collect();
        entries.sort_by_key(|entry| !matches!(entry, Entry::Act(..)));
        entries
    }

    /// Returns the wakers of all who wait.
    pub(super) fn wakers(&self) -> Vec<Waker> {
        let waker = |place: &Option<Entry>| match place {
            Some(Entry::Wake(_, waker)) => Some(waker.clone()),
            Some(Entry::Act(..) | Entry::Link(_)) | None => None,
        };
        self.places.iter().filter_map(waker).collect()
    }

    /// Returns whether every place is free.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again_only_after_its_owner_has_removed_the_entry() {
        let mut list = List::default();
        let wake = || Entry::Wake(Stage::Stopped, Waker::noop().clone());
        assert_eq!([list.insert(wake()), list.insert(wake())], [0, 1]);
        assert_eq!(list.take(Stage::Stopped).len(), 2);
        assert_eq!(list.insert(wake()), 2);
        assert!(list.remove(0).is_none());
        assert_eq!((list.insert(wake()), list.wakers().len()), (0, 2));
        assert!(list.remove(1).is_none() && list.remove(0).is_some() && !list.is_empty());
        assert!(list.remove(2).is_some() && list.is_empty());
        assert_eq!(list.places.capacity(), 0);
    }
}
