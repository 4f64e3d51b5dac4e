//! Files, directories and links.

use pop3_disk::{FileKind, Stat};

use super::content::Content;
use super::journal::{Names, NodeId};

/// The number of the file system.
const DEVICE: u64 = 0x803;

/// Octets of a directory are a multiple of this.
const BLOCK: u64 = 4096;

/// Octets of an entry of a directory beside its name.
const ENTRY: u64 = 8;

#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The inode number.
    pub(super) number: u64,
    pub(super) kind: Kind,
    pub(super) links: u64,
    /// How often it is open.
    pub(super) opens: u64,
    pub(super) modified: i64,
    pub(super) changed: i64,
    /// The times on the disk.
    pub(super) stable: (i64, i64),
    pub(super) is_readable: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    File(Content),
    Folder(Directory),
    /// A symbolic link.
    Link(Vec<u8>),
    /// A FIFO to which nobody writes.
    Fifo,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    pub(super) names: Names,
    pub(super) above: NodeId,
    /// Octets of all names that it had at once, at most: it never becomes smaller.
    octets: u64,
}

impl Directory {
    pub(super) fn new(above: NodeId) -> Self {
        Self { names: Names::new(), above, octets: 0 }
    }

    /// Sets what a name means.
    pub(super) fn set(&mut self, name: &[u8], to: Option<NodeId>) {
        match to {
            Some(node) => self.names.insert(name.into(), node),
            None => self.names.remove(name),
        };
        let octets = self.names.keys().map(|name| name.len() as u64 + ENTRY).sum();
        self.octets = self.octets.max(octets);
    }
}

impl Node {
    pub(super) fn new(number: u64, kind: Kind, now: i64) -> Self {
        let links = if matches!(kind, Kind::Folder(_)) { 2 } else { 1 };
        Self {
            number,
            kind,
            links,
            opens: 0,
            modified: now,
            changed: now,
            stable: (now, now),
            is_readable: true,
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder(_))
    }

    /// Nothing refers to it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.opens == 0 && (self.links == 0 || self.is_folder() && self.links < 2)
    }

    /// Octets that it takes.
    pub(super) fn room(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => content.octets().len() as u64,
            Kind::Folder(_) | Kind::Link(_) | Kind::Fifo => 0,
        }
    }

    pub(super) fn file_kind(&self) -> FileKind {
        match self.kind {
            Kind::File(_) => FileKind::File,
            Kind::Folder(_) => FileKind::Folder,
            Kind::Link(_) => FileKind::Link,
            Kind::Fifo => FileKind::Other,
        }
    }

    pub(super) fn stat(&self) -> Stat {
        let len = match &self.kind {
            Kind::File(content) => content.octets().len() as u64,
            Kind::Folder(folder) => (folder.octets / BLOCK + 1) * BLOCK,
            Kind::Link(target) => target.len() as u64,
            Kind::Fifo => 0,
        };
        let mut stat = Stat::of_file(len);
        stat.kind = self.file_kind();
        (stat.device, stat.inode, stat.links) = (DEVICE, self.number, self.links);
        (stat.modified, stat.changed) = (self.modified, self.changed);
        stat
    }
}
