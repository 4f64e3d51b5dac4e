//! The list of those who wait for a switch.

use core::task::Waker;

use super::{Stage, Stop};
use crate::sync::thread::ThreadId;

/// What to do when a stage is reached.
pub(super) enum Entry {
    /// Wake a task.
    Wake(Stage, Waker),
    /// Run this.
    Act(Stage, Action),
    /// An action that runs on this thread.
    Running {
        by: ThreadId,
        /// Whether somebody waits for its end.
        awaited: bool,
        /// Whether its owner has left: the action itself has dropped it.
        abandoned: bool,
    },
    /// Pass the stage on to the switch of a session: wake those who wait for it at the stop, and stop it at the cut.
    Link(Stop),
}

/// What became of the entry of an action.
pub(super) enum Removal {
    /// It is not in the list any more. This was it, unless the action has run.
    Removed(Option<Entry>),
    /// It runs on another thread, which will tell of its end.
    Runs,
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

    /// Takes the first action that is due at this stage, from this place on. It runs on this thread until it has
    /// [`ended`](Self::ended).
    pub(super) fn begin(
        &mut self,
        due: Stage,
        from: usize,
        by: impl FnOnce() -> ThreadId,
    ) -> Option<(usize, Action)> {
        let is_due = |place: &Option<Entry>| matches!(place, Some(Entry::Act(at, _)) if *at <= due);
        let at = from + self.places.get(from..)?.iter().position(is_due)?;
        let running = Entry::Running { by: by(), awaited: false, abandoned: false };
        match self.places[at].replace(running) {
            Some(Entry::Act(_, action)) => Some((at, action)),
            _ => None,
        }
    }

    /// The action at this place has ended. Returns whether somebody waits for this.
    pub(super) fn ended(&mut self, at: usize) -> bool {
        let Some(Entry::Running { awaited, abandoned, .. }) = self.places[at].take() else { return false };
        if abandoned {
            self.remove(at);
        }
        awaited
    }

    /// Removes the entry of an action, unless it runs on another thread.
    pub(super) fn abandon(&mut self, at: usize, here: impl FnOnce() -> ThreadId) -> Removal {
        match &mut self.places[at] {
            Some(Entry::Running { by, abandoned, .. }) if *by == here() => {
                *abandoned = true;
                Removal::Removed(None)
            }
            Some(Entry::Running { awaited, .. }) => {
                *awaited = true;
                Removal::Runs
            }
            Some(Entry::Wake(..) | Entry::Act(..) | Entry::Link(_)) | None => {
                Removal::Removed(self.remove(at))
            }
        }
    }

    /// Takes the entries that are due at this stage, except actions. A link stays until the cut, because it is due at
    /// the stop, too.
    pub(super) fn take(&mut self, stage: Stage) -> Vec<Entry> {
        let due = |place: &mut Option<Entry>| match place {
            Some(Entry::Link(session)) if stage < Stage::Cut => Some(Entry::Link(session.clone())),
            Some(Entry::Link(_)) => place.take(),
            Some(Entry::Wake(at, _)) if *at <= stage => place.take(),
            Some(Entry::Wake(..) | Entry::Act(..) | Entry::Running { .. }) | None => None,
        };
        self.places.iter_mut().filter_map(due).collect()
    }

    /// Returns the wakers of all who wait.
    pub(super) fn wakers(&self) -> Vec<Waker> {
        let waker = |place: &Option<Entry>| match place {
            Some(Entry::Wake(_, waker)) => Some(waker.clone()),
            Some(Entry::Act(..) | Entry::Running { .. } | Entry::Link(_)) | None => None,
        };
        self.places.iter().filter_map(waker).collect()
    }

    #[cfg(all(test, pop3_shuttle))]
    pub(super) fn has_action(&self, stage: Stage) -> bool {
        self.places.iter().any(|place| matches!(place, Some(Entry::Act(at, _)) if *at == stage))
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
