//! An open directory.

use core::any::Any;
use core::fmt;
use std::io;
use std::sync::Arc;

use rustix::io::Errno;

use crate::file::{File, Ownership};
use crate::open::Open;
use crate::stat::{FileKind, Stat};

/// One name of a directory, as a listing shows it. None of this needs a look at the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FolderEntry<'n> {
    /// The name.
    pub name: &'n [u8],
    /// The inode number in the directory, or 0 if the system does not say. Usually it is that of [`Stat::inode`], but
    /// not for a mount point, and not on every layered file system.
    pub inode: u64,
    /// The type of file, or `None` if the file system does not say.
    pub kind: Option<FileKind>,
}

impl<'n> FolderEntry<'n> {
    /// Creates an entry, for an implementation of [`Folder`].
    #[must_use]
    pub const fn new(name: &'n [u8], inode: u64, kind: Option<FileKind>) -> Self {
        Self { name, inode, kind }
    }
}

/// An open directory. It stays the same directory, even if its path changes.
///
/// Names are octets without `/` and NUL, and are never empty.
pub trait Folder: Any + fmt::Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// Returns `NotFound` if the file does not exist and should not be created, `AlreadyExists` if a new file was
    /// requested but the name exists, or another error of the system.
    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>>;

    /// Returns whether the calls that never wait can work in this directory: the system has such calls, and the file
    /// system is a local one. They are [`try_open`](Self::try_open), [`try_open_in`](Self::try_open_in),
    /// [`try_stat`](Self::try_stat) and [`File::try_read`]. On a network file system, they may block. May block itself,
    /// except in a directory that was opened with [`Disk::try_open_folder`](crate::Disk::try_open_folder): there it
    /// returns `true`. Default: `false`.
    fn can_try(&self) -> bool {
        false
    }

    /// Opens an existing file, if that is possible without waiting for a disk or a network. A link is not followed.
    ///
    /// Call it only if [`can_try`](Self::can_try) returned true. The default is never able to.
    ///
    /// # Errors
    /// Returns `WouldBlock` if the disk may have to be read, or if the file would be created or truncated. Then use
    /// [`open`](Self::open) where it may block. Returns `Unsupported` if no call of this kind will succeed in this
    /// directory, `NotFound` if the file does not exist, or another error of the system.
    fn try_open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        let _ = (name, how);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Like [`try_open`](Self::try_open), for reading a file in a subdirectory. The subdirectory must be on the same file
    /// system. Links are not followed.
    ///
    /// # Errors
    /// The same as [`try_open`](Self::try_open).
    fn try_open_in(&self, folder: &[u8], name: &[u8]) -> io::Result<Box<dyn File>> {
        let _ = (folder, name);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Does the same as [`stat`](Self::stat), if that is possible without waiting for a disk or a network.
    ///
    /// Call it only if [`can_try`](Self::can_try) returned true. The default is never able to.
    ///
    /// # Errors
    /// Returns `WouldBlock` if the disk may have to be read, `Unsupported` as [`try_open`](Self::try_open) does, or
    /// another error of the system.
    fn try_stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        let _ = name;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Opens a subdirectory. A link is not followed.
    ///
    /// # Errors
    /// Returns `NotFound` if it does not exist, or another error of the system.
    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>>;

    /// Creates a subdirectory. `mode` sets its permissions, as in chmod(2). The umask applies.
    ///
    /// # Errors
    /// Returns `AlreadyExists` if the name exists, or another error of the system.
    fn make_folder(&self, name: &[u8], mode: u32) -> io::Result<()>;

    /// Returns the metadata of a name, or `None` if it does not exist. A link is not followed.
    ///
    /// # Errors
    /// Returns an error of the system.
    fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>>;

    /// Returns the metadata of this directory.
    ///
    /// # Errors
    /// Returns an error of the system.
    fn stat_self(&self) -> io::Result<Stat>;

    /// Returns the owner, the group and the permissions of this directory.
    ///
    /// # Errors
    /// Returns an error of the system. The default returns `Unsupported`.
    fn ownership(&self) -> io::Result<Ownership> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Calls `each` for every name except `.` and `..`, in no particular order. A name that is created, changed or
    /// removed at the same time may be included or not.
    ///
    /// # Errors
    /// Returns an error of the system. `each` may have been called before.
    fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()>;

    /// Moves a file to another name atomically. Replaces an existing file.
    ///
    /// # Errors
    /// Returns `NotFound` if the old name does not exist, `CrossesDevices` if `to` is on another file system, or
    /// another error of the system.
    fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()>;

    /// Moves a file to a name that does not exist yet, atomically.
    ///
    /// # Errors
    /// Returns `AlreadyExists` if the new name exists, `Unsupported` if the system does not support this, or an error
    /// as for [`rename`](Self::rename).
    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()>;

    /// Creates another name for a file (a hard link).
    ///
    /// # Errors
    /// Returns `AlreadyExists` if the new name exists. On a file system without links, it returns `Unsupported` or
    /// another error of the system; see [`is_without_links`]. Otherwise, it returns an error as for
    /// [`rename`](Self::rename).
    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()>;

    /// Removes a name of a file. Removing the last name removes the file.
    ///
    /// # Errors
    /// Returns `NotFound` if the name does not exist, or another error of the system.
    fn unlink(&self, name: &[u8]) -> io::Result<()>;

    /// Syncs the names in this directory to the disk. When this returns, they survive a power failure.
    ///
    /// # Errors
    /// Returns an error of the system. It is then unknown which names are on the disk.
    fn sync(&self) -> io::Result<()>;

    /// Returns whether [`sync_all`](Self::sync_all) works here, and is cheaper than syncing many files one by one.
    ///
    /// The answer may change at any time. The default is `false`.
    fn can_sync_all(&self) -> bool {
        false
    }

    /// Syncs all files and directories of the file system that this directory is on. When this returns, everything
    /// that was changed before survives a power failure: content, lengths and names.
    ///
    /// # Errors
    /// Returns `Unsupported` if it is not certain that every failed write is reported. Otherwise, it returns an error
    /// of the system. It is then unknown what is on the disk. The failed write may be that of another program.
    fn sync_all(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Returns whether an error of [`Folder::link`] means that the file system does not support links, or no more links
/// to this file.
#[must_use]
pub fn is_without_links(error: &io::Error) -> bool {
    let without = [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP, Errno::MLINK];
    error.kind() == io::ErrorKind::Unsupported
        || without.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
