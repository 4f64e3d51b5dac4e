//! The names that are on the disk, and those that wait to be written.

use std::collections::{BTreeMap, BTreeSet};

use crate::chance::Chance;

/// A file or directory. Other than an inode number, it is never used again.
pub(super) type NodeId = u64;

/// The directory at the top.
pub(super) const ROOT: NodeId = 1;

/// The names of a directory.
pub(super) type Names = BTreeMap<Box<[u8]>, NodeId>;

/// The most changes that wait to be written. The system writes the oldest by itself.
const MOST_WAITING: usize = 2048;

/// A new meaning of a name.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) folder: NodeId,
    pub(super) name: Box<[u8]>,
    /// `None` if the name is removed.
    pub(super) to: Option<NodeId>,
}

impl Edit {
    pub(super) fn new(folder: NodeId, name: &[u8], to: Option<NodeId>) -> Self {
        Self { folder, name: name.into(), to }
    }

    fn has_name_of(&self, other: &Self) -> bool {
        self.folder == other.folder && self.name == other.name
    }
}

/// Edits that are made together.
#[derive(Clone, Debug)]
struct Change {
    time: i64,
    /// Without those that are on the disk.
    edits: Vec<Option<Edit>>,
}

impl Change {
    fn left(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter().flatten()
    }
}

/// A directory on the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Durable {
    pub(super) names: Names,
    /// When a name was changed last.
    pub(super) time: i64,
}

/// The names of all directories, as they are on the disk, and the changes since.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    /// Whether changes come to the disk in their order.
    is_ordered: bool,
    folders: BTreeMap<NodeId, Durable>,
    waiting: Vec<Change>,
}

impl Journal {
    pub(super) fn new(is_ordered: bool) -> Self {
        Self { is_ordered, folders: BTreeMap::from([(ROOT, Durable::default())]), waiting: Vec::new() }
    }

    /// Remembers what a program did to names, in one step.
    pub(super) fn record(&mut self, time: i64, edits: impl IntoIterator<Item = Edit>) {
        let edits = edits.into_iter().map(Some).collect();
        self.waiting.push(Change { time, edits });
        if self.waiting.len() > MOST_WAITING {
            self.commit(MOST_WAITING / 2);
        }
    }

    /// Brings the names of a directory to the disk.
    pub(super) fn sync_folder(&mut self, folder: NodeId) {
        if self.is_ordered {
            return self.sync_changes_with(|edit| edit.folder == folder);
        }
        for change in 0..self.waiting.len() {
            for edit in 0..self.waiting[change].edits.len() {
                let is_here = |edit: &Edit| edit.folder == folder;
                if self.waiting[change].edits[edit].as_ref().is_some_and(is_here) {
                    self.persist(change, edit);
                }
            }
        }
        self.waiting.retain(|change| change.left().next().is_some());
    }

    /// What the sync of a file brings to the disk beside its content: nothing, or all up to the last change of its own
    /// names in an ordered journal.
    pub(super) fn sync_file(&mut self, file: NodeId, was_dirty: bool) {
        if !self.is_ordered {
        } else if was_dirty {
            self.sync_all();
        } else {
            self.sync_changes_with(|edit| edit.to == Some(file));
        }
    }

    /// Brings all names to the disk.
    pub(super) fn sync_all(&mut self) {
        self.commit(self.waiting.len());
    }

    /// Everything up to the last change that has such an edit.
    fn sync_changes_with(&mut self, has: impl Fn(&Edit) -> bool) {
        let last = self.waiting.iter().rposition(|change| change.left().any(&has));
        self.commit(last.map_or(0, |last| last + 1));
    }

    fn commit(&mut self, changes: usize) {
        for change in self.waiting.drain(..changes).collect::<Vec<_>>() {
            self.apply(change);
        }
    }

    fn apply(&mut self, change: Change) {
        for edit in change.edits.into_iter().flatten() {
            self.apply_edit(change.time, edit);
        }
    }

    fn apply_edit(&mut self, time: i64, edit: Edit) {
        let folder = self.folders.entry(edit.folder).or_default();
        folder.time = time;
        match edit.to {
            Some(node) => folder.names.insert(edit.name, node),
            None => folder.names.remove(&edit.name),
        };
    }

    /// Brings one edit to the disk, and before it what it can't be without: earlier edits of the same name, and the new
    /// name of a file that was moved.
    fn persist(&mut self, change: usize, edit: usize) {
        let time = self.waiting[change].time;
        let Some(taken) = self.waiting[change].edits[edit].take() else { return };
        for earlier in 0..change {
            for other in 0..self.waiting[earlier].edits.len() {
                let is_same = |other: &Edit| other.has_name_of(&taken);
                if self.waiting[earlier].edits[other].as_ref().is_some_and(is_same) {
                    self.persist(earlier, other);
                }
            }
        }
        if taken.to.is_none() {
            for other in 0..self.waiting[change].edits.len() {
                if self.waiting[change].edits[other].as_ref().is_some_and(|other| other.to.is_some()) {
                    self.persist(change, other);
                }
            }
        }
        self.apply_edit(time, taken);
    }

    /// Loses what need not be on the disk. A directory that is in a state in which it never was gets this time.
    pub(super) fn crash(&mut self, chance: &Chance, now: i64) {
        if self.is_ordered {
            let kept = match chance.below(4) {
                0 => 0,
                1 => self.waiting.len(),
                _ => chance.below(self.waiting.len() + 1),
            };
            self.commit(kept);
            self.waiting.clear();
            return;
        }
        let rate = *chance.pick(&[0, 100, 500, 900, 1000]);
        let (mut lost, mut behind) = (BTreeSet::new(), BTreeSet::new());
        for change in core::mem::take(&mut self.waiting) {
            let key = |edit: &Edit| (edit.folder, edit.name.clone());
            if chance.per_mille(rate) && !change.left().any(|edit| lost.contains(&key(edit))) {
                behind.extend(change.left().map(|edit| edit.folder).filter(|&folder| {
                    lost.range((folder, Box::default())..).next().is_some_and(|(lost, _)| *lost == folder)
                }));
                self.apply(change);
            } else {
                lost.extend(change.left().map(key));
            }
        }
        for folder in behind {
            self.folders.entry(folder).or_default().time = now;
        }
    }

    /// The directory as it is on the disk.
    pub(super) fn durable(&self, folder: NodeId) -> Durable {
        self.folders.get(&folder).cloned().unwrap_or_default()
    }

    /// Everything that has or may get a name on the disk.
    pub(super) fn nodes(&self) -> BTreeSet<NodeId> {
        let durable = self.folders.values().flat_map(|folder| folder.names.values().copied());
        durable.chain(self.waiting.iter().flat_map(Change::left).filter_map(|edit| edit.to)).collect()
    }

    /// Forgets directories that do not exist any more.
    pub(super) fn retain(&mut self, exists: impl Fn(NodeId) -> bool) {
        self.folders.retain(|&folder, _| exists(folder));
    }
}
