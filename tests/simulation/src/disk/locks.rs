//! Locks of files.

use std::collections::BTreeMap;

use pop3_disk::Lock;

use super::journal::NodeId;

/// Who locks: an open file of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) process: u64,
    pub(super) descriptor: u64,
}

/// The locks of all files.
#[derive(Clone, Debug, Default)]
pub(super) struct Locks {
    /// The descriptors that hold locks of flock(2).
    whole: BTreeMap<NodeId, Owner>,
    /// The processes that hold locks of fcntl(2).
    records: BTreeMap<NodeId, Owner>,
}

impl Locks {
    /// Takes a lock, unless somebody else has it. If the kinds are not separate, each excludes the other.
    pub(super) fn take(&mut self, lock: Lock, node: NodeId, owner: Owner, are_separate: bool) -> bool {
        let (own, other, is_mine): (_, _, fn(&Owner, &Owner) -> bool) = if lock == Lock::Whole {
            (&mut self.whole, &self.records, |a, b| a.descriptor == b.descriptor)
        } else {
            (&mut self.records, &self.whole, |a, b| a.process == b.process)
        };
        let is_free = own.get(&node).is_none_or(|held| is_mine(held, &owner));
        if !is_free || !are_separate && other.contains_key(&node) {
            return false;
        }
        own.insert(node, owner);
        true
    }

    pub(super) fn release(&mut self, lock: Lock, node: NodeId, owner: Owner) {
        if lock == Lock::Whole {
            self.release_whole(node, owner);
        } else {
            self.release_records(node, owner);
        }
    }

    /// A descriptor was closed. The process loses its locks of fcntl(2), whichever descriptor it had used for them.
    pub(super) fn closed(&mut self, node: NodeId, owner: Owner) {
        self.release_whole(node, owner);
        self.release_records(node, owner);
    }

    fn release_whole(&mut self, node: NodeId, owner: Owner) {
        if self.whole.get(&node).is_some_and(|held| held.descriptor == owner.descriptor) {
            self.whole.remove(&node);
        }
    }

    fn release_records(&mut self, node: NodeId, owner: Owner) {
        if self.records.get(&node).is_some_and(|held| held.process == owner.process) {
            self.records.remove(&node);
        }
    }

    pub(super) fn clear(&mut self) {
        self.whole.clear();
        self.records.clear();
    }

    /// How many locks a process holds.
    pub(super) fn held_by(&self, process: u64) -> usize {
        self.whole.values().chain(self.records.values()).filter(|owner| owner.process == process).count()
    }
}
