//! What the file system says about a file.

/// The metadata of a file or directory.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Stat {
    /// The type of file.
    pub kind: FileKind,
    /// The number of the file system.
    pub device: u64,
    /// The inode number.
    pub inode: u64,
    /// The number of names (hard links).
    pub links: u64,
    /// The length in octets.
    pub len: u64,
    /// The time of the last change of the content, in nanoseconds since 1970.
    pub modified: i64,
    /// The time of the last change of the content, the name or the permissions, in nanoseconds since 1970.
    pub changed: i64,
}

/// The type of a file.
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
    /// Creates the metadata of a regular file with this length and one name. The other numbers are zero.
    /// Implementations of [`Disk`](crate::Disk) can fill in what they know.
    #[must_use]
    pub const fn of_file(len: u64) -> Self {
        Self { kind: FileKind::File, device: 0, inode: 0, links: 1, len, modified: 0, changed: 0 }
    }

    /// Returns whether it is a regular file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        matches!(self.kind, FileKind::File)
    }

    /// Returns whether both are the same file, even if its name or content has changed.
    #[must_use]
    pub const fn same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// Returns whether both are the same file with the same content. The name and the permissions may differ.
    #[must_use]
    pub const fn same_content(&self, other: &Self) -> bool {
        self.same_file(other) && self.len == other.len && self.modified == other.modified
    }
}
