//! What the file system says about a file.

/// What the file system says about a file or directory.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stat {
    /// What it is.
    pub kind: FileKind,
    /// The number of its file system.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// In octets.
    pub len: u64,
    /// When the content changed, in nanoseconds since 1970.
    pub modified: i64,
    /// When the content, the name or the rights changed, in nanoseconds since 1970.
    pub changed: i64,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Other,
}

impl Stat {
    /// A regular file of this length, with one name; the rest is zero. For implementations of
    /// [`Disk`](crate::Disk), which fill in what they know.
    #[must_use]
    pub const fn of_file(len: u64) -> Self {
        Self { kind: FileKind::File, device: 0, inode: 0, links: 1, len, modified: 0, changed: 0 }
    }

    /// Returns whether it is a regular file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self.kind, FileKind::File)
    }

    /// Returns whether both are the same file, whatever its name and content.
    #[must_use]
    pub const fn same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// Returns whether both are the same file with the same content. The name and the rights may differ.
    #[must_use]
    pub const fn same_content(&self, other: &Self) -> bool {
        self.same_file(other) && self.len == other.len && self.modified == other.modified
    }
}
