//! The file system: what each call does to it, if nothing fails.

use std::collections::{BTreeMap, BTreeSet};

use rustix::io::Errno;

use super::content::Content;
use super::journal::{Edit, Journal, NodeId, ROOT};
use super::node::{Directory, Kind, Node};

/// The longest name.
const NAME_MAX: usize = 255;

/// The first inode number that is given to a file.
const FIRST_NUMBER: u64 = 11;

pub(super) type Done<T> = Result<T, Errno>;

#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) journal: Journal,
    /// The time of the file system's clock.
    pub(super) now: i64,
    /// The most octets in all files.
    pub(super) capacity: Option<u64>,
    pub(super) used: u64,
    next: NodeId,
    reuses_numbers: bool,
    next_number: u64,
    free_numbers: Vec<u64>,
}

impl Tree {
    pub(super) fn new(is_ordered: bool, reuses_numbers: bool, now: i64) -> Self {
        let root = Node::new(2, Kind::Folder(Directory::new(ROOT)), now);
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            journal: Journal::new(is_ordered),
            now,
            capacity: None,
            used: 0,
            next: ROOT + 1,
            reuses_numbers,
            next_number: FIRST_NUMBER,
            free_numbers: Vec::new(),
        }
    }

    pub(super) fn node(&self, node: NodeId) -> Done<&Node> {
        self.nodes.get(&node).ok_or(Errno::STALE)
    }

    pub(super) fn node_mut(&mut self, node: NodeId) -> Done<&mut Node> {
        self.nodes.get_mut(&node).ok_or(Errno::STALE)
    }

    pub(super) fn folder(&self, node: NodeId) -> Done<&Directory> {
        match &self.node(node)?.kind {
            Kind::Folder(folder) => Ok(folder),
            Kind::File(_) | Kind::Link(_) | Kind::Fifo => Err(Errno::NOTDIR),
        }
    }

    pub(super) fn content(&self, node: NodeId) -> Done<&Content> {
        match &self.node(node)?.kind {
            Kind::File(content) => Ok(content),
            Kind::Folder(_) => Err(Errno::ISDIR),
            Kind::Link(_) | Kind::Fifo => Err(Errno::INVAL),
        }
    }

    fn content_mut(&mut self, node: NodeId) -> Done<&mut Content> {
        match &mut self.node_mut(node)?.kind {
            Kind::File(content) => Ok(content),
            Kind::Folder(_) => Err(Errno::ISDIR),
            Kind::Link(_) | Kind::Fifo => Err(Errno::INVAL),
        }
    }

    /// What a name in a directory stands for.
    pub(super) fn look(&self, folder: NodeId, name: &[u8]) -> Done<NodeId> {
        let directory = self.folder(folder)?;
        match name {
            b"." => return Ok(folder),
            b".." => return Ok(directory.above),
            b"" => return Err(Errno::NOENT),
            name if name.len() > NAME_MAX => return Err(Errno::NAMETOOLONG),
            name if name.iter().any(|octet| matches!(octet, b'/' | 0)) => return Err(Errno::INVAL),
            _ => {}
        }
        directory.names.get(name).copied().ok_or(Errno::NOENT)
    }

    /// Creates something under a name that does not exist.
    pub(super) fn create(&mut self, folder: NodeId, name: &[u8], kind: Kind) -> Done<NodeId> {
        match self.look(folder, name) {
            Err(Errno::NOENT) if !name.is_empty() => {}
            Err(error) => return Err(error),
            Ok(_) => return Err(Errno::EXIST),
        }
        self.must_be_linked(folder)?;
        let is_folder = matches!(kind, Kind::Folder(_));
        let node = self.add(kind);
        self.set_names(vec![Edit::new(folder, name, Some(node))])?;
        if is_folder {
            self.node_mut(folder)?.links += 1;
        }
        Ok(node)
    }

    /// Creates a file without a name.
    pub(super) fn create_unnamed(&mut self) -> Done<NodeId> {
        let node = self.add(Kind::File(Content::default()));
        self.node_mut(node)?.links = 0;
        Ok(node)
    }

    fn add(&mut self, kind: Kind) -> NodeId {
        let number = self.free_numbers.pop().unwrap_or_else(|| {
            self.next_number += 1;
            self.next_number - 1
        });
        let node = self.next;
        self.next += 1;
        self.nodes.insert(node, Node::new(number, kind, self.now));
        node
    }

    /// An inode number for a file that lost its own to another one.
    pub(super) fn fresh_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// These numbers are taken.
    pub(super) fn forget_free_numbers(&mut self, taken: &BTreeSet<u64>) {
        self.free_numbers.retain(|number| !taken.contains(number));
    }

    pub(super) fn open(&mut self, node: NodeId) -> Done<()> {
        self.node_mut(node)?.opens += 1;
        Ok(())
    }

    pub(super) fn close(&mut self, node: NodeId) {
        if let Ok(found) = self.node_mut(node) {
            found.opens -= 1;
            self.free_if_gone(node);
        }
    }

    fn free_if_gone(&mut self, node: NodeId) {
        if let Ok(found) = self.node(node)
            && found.is_gone()
        {
            let (room, number) = (found.room(), found.number);
            self.used -= room;
            if self.reuses_numbers {
                self.free_numbers.push(number);
            }
            // The disk may still have it.
            if self.nodes.len() > 4096 {
                self.sweep();
            }
        }
    }

    /// Forgets what is gone from the disk as well.
    fn sweep(&mut self) {
        let kept = self.journal.nodes();
        self.nodes.retain(|node, found| *node == ROOT || !found.is_gone() || kept.contains(node));
        let nodes = &self.nodes;
        self.journal.retain(|folder| nodes.contains_key(&folder));
    }

    pub(super) fn rename(
        &mut self,
        (from, old): (NodeId, &[u8]),
        (to, new): (NodeId, &[u8]),
        replaces: bool,
    ) -> Done<()> {
        let is_dots = |name: &[u8]| matches!(name, b"." | b"..");
        if old.is_empty() || new.is_empty() {
            return Err(Errno::NOENT);
        }
        if is_dots(old) || is_dots(new) {
            return Err(if replaces || is_dots(old) { Errno::BUSY } else { Errno::EXIST });
        }
        let node = self.look(from, old)?;
        let replaced = match self.look(to, new) {
            Ok(found) => Some(found),
            Err(Errno::NOENT) => None,
            Err(error) => return Err(error),
        };
        if replaced.is_some() && !replaces {
            return Err(Errno::EXIST);
        }
        let is_folder = self.node(node)?.is_folder();
        if is_folder && self.is_within(to, node)? {
            return Err(Errno::INVAL);
        }
        if replaced == Some(node) {
            return Ok(());
        }
        if let Some(replaced) = replaced {
            match (is_folder, self.node(replaced)?.is_folder()) {
                (true, false) => return Err(Errno::NOTDIR),
                (false, true) => return Err(Errno::ISDIR),
                (true, true) if !self.folder(replaced)?.names.is_empty() => return Err(Errno::NOTEMPTY),
                (true, true) | (false, false) => {}
            }
        }
        self.must_be_linked(to)?;
        self.set_names(vec![Edit::new(to, new, Some(node)), Edit::new(from, old, None)])?;
        let now = self.now;
        self.node_mut(node)?.changed = now;
        if let Kind::Folder(folder) = &mut self.node_mut(node)?.kind {
            folder.above = to;
            self.node_mut(from)?.links -= 1;
            self.node_mut(to)?.links += 1;
        }
        if let Some(replaced) = replaced {
            self.lose_link(replaced, to)?;
        }
        Ok(())
    }

    pub(super) fn link(&mut self, (from, old): (NodeId, &[u8]), (to, new): (NodeId, &[u8])) -> Done<()> {
        let node = self.look(from, old)?;
        match self.look(to, new) {
            Ok(_) => return Err(Errno::EXIST),
            Err(Errno::NOENT) if !new.is_empty() => {}
            Err(error) => return Err(error),
        }
        if self.node(node)?.is_folder() {
            return Err(Errno::PERM);
        }
        self.must_be_linked(to)?;
        self.set_names(vec![Edit::new(to, new, Some(node))])?;
        let now = self.now;
        let node = self.node_mut(node)?;
        node.links += 1;
        node.changed = now;
        Ok(())
    }

    pub(super) fn unlink(&mut self, folder: NodeId, name: &[u8]) -> Done<()> {
        let node = self.look(folder, name)?;
        if self.node(node)?.is_folder() {
            return Err(Errno::ISDIR);
        }
        self.set_names(vec![Edit::new(folder, name, None)])?;
        self.lose_link(node, folder)
    }

    fn lose_link(&mut self, node: NodeId, above: NodeId) -> Done<()> {
        let now = self.now;
        let found = self.node_mut(node)?;
        found.changed = now;
        if found.is_folder() {
            found.links = 0;
            self.node_mut(above)?.links -= 1;
        } else {
            found.links -= 1;
        }
        self.free_if_gone(node);
        Ok(())
    }

    /// Changes the meaning of names in one step.
    fn set_names(&mut self, edits: Vec<Edit>) -> Done<()> {
        let now = self.now;
        for edit in &edits {
            let node = self.node_mut(edit.folder)?;
            let Kind::Folder(folder) = &mut node.kind else { return Err(Errno::NOTDIR) };
            folder.set(&edit.name, edit.to);
            (node.modified, node.changed) = (now, now);
        }
        self.journal.record(now, edits);
        Ok(())
    }

    /// Nothing can be created in a directory that was removed.
    fn must_be_linked(&self, folder: NodeId) -> Done<()> {
        if self.node(folder)?.links == 0 { Err(Errno::NOENT) } else { Ok(()) }
    }

    fn is_within(&self, mut folder: NodeId, above: NodeId) -> Done<bool> {
        while folder != ROOT {
            if folder == above {
                return Ok(true);
            }
            folder = self.folder(folder)?.above;
        }
        Ok(false)
    }

    /// Writes what there is room for.
    pub(super) fn write(&mut self, node: NodeId, at: u64, octets: &[u8]) -> Done<usize> {
        if octets.is_empty() {
            return Ok(0);
        }
        let (now, len) = (self.now, self.content(node)?.octets().len() as u64);
        let left = self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used));
        let room = len.saturating_add(left).saturating_sub(at);
        let count = usize::try_from(room).unwrap_or(usize::MAX).min(octets.len());
        if count == 0 {
            return Err(Errno::NOSPC);
        }
        let at = usize::try_from(at).map_err(|_| Errno::FBIG)?;
        self.content_mut(node)?.write(at, &octets[..count], now);
        self.account(node, len)?;
        Ok(count)
    }

    pub(super) fn set_len(&mut self, node: NodeId, octets: u64) -> Done<()> {
        let (now, len) = (self.now, self.content(node)?.octets().len() as u64);
        let octets = usize::try_from(octets).map_err(|_| Errno::FBIG)?;
        self.content_mut(node)?.set_len(octets, now);
        self.account(node, len)
    }

    /// After a change of the content.
    fn account(&mut self, node: NodeId, len_before: u64) -> Done<()> {
        let now = self.now;
        let found = self.node_mut(node)?;
        (found.modified, found.changed) = (now, now);
        let len = found.room();
        self.used = self.used - len_before + len;
        Ok(())
    }

    /// Brings a file to the disk.
    pub(super) fn sync_file(&mut self, node: NodeId) -> Done<()> {
        let found = self.node_mut(node)?;
        found.stable = (found.modified, found.changed);
        let mut was_dirty = false;
        match &mut found.kind {
            Kind::File(content) => {
                was_dirty = content.is_dirty();
                content.sync();
            }
            Kind::Folder(_) => self.journal.sync_folder(node),
            Kind::Link(_) | Kind::Fifo => {}
        }
        self.journal.sync_file(node, was_dirty);
        Ok(())
    }

    /// Brings everything to the disk.
    pub(super) fn sync_all(&mut self) {
        for node in self.nodes.values_mut() {
            node.stable = (node.modified, node.changed);
            if let Kind::File(content) = &mut node.kind {
                content.sync();
            }
        }
        self.journal.sync_all();
    }
}
