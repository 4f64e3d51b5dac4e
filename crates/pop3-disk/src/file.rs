//! An open file.

use core::fmt;
use std::io::{self, Read, Seek, Write};
use std::time::SystemTime;

use crate::stat::Stat;

/// An open file. Dropping it closes the file and releases its locks.
pub trait File: Read + Write + Seek + fmt::Debug + Send + Sync {
    /// Returns the metadata of the file.
    ///
    /// # Errors
    /// Returns an error of the system.
    fn stat(&self) -> io::Result<Stat>;

    /// Reads the next octets, if they are in memory. Returns 0 at the end of the file.
    ///
    /// Octets that are read this way are not read again by [`Read::read`]. The default is never able to.
    ///
    /// # Errors
    /// Returns `WouldBlock` if the disk would have to be read. Then use [`Read::read`] where it may block. Returns
    /// `Unsupported` if the system or the file system can't tell, or another error of the system.
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let _ = buf;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Syncs content and length to the disk. When this returns, they survive a power failure. The name survives only
    /// after [`Folder::sync`](crate::Folder::sync).
    ///
    /// # Errors
    /// Returns an error of the system. It is then unknown what is on the disk, and a second call may succeed although
    /// the data was not written.
    fn sync(&self) -> io::Result<()>;

    /// Sets the length of the file. Truncates it, or extends it with zeros.
    ///
    /// # Errors
    /// Returns an error of the system.
    fn set_len(&self, octets: u64) -> io::Result<()>;

    /// Sets the time of the last change of the content.
    ///
    /// # Errors
    /// Returns an error of the system. The default returns `Unsupported`.
    fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        let _ = time;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Tries to take an exclusive lock, without waiting. Returns `false` if another process has it.
    ///
    /// # Errors
    /// Returns `Unsupported` if the file system does not support the lock, or another error of the system.
    fn try_lock(&self, lock: Lock) -> io::Result<bool>;

    /// Releases the lock. Closing the file also releases it, but not while a child process that was just started
    /// holds a copy of the descriptor.
    ///
    /// # Errors
    /// Returns an error of the system.
    fn unlock(&self, lock: Lock) -> io::Result<()>;

    /// Returns the owner, the group and the permissions.
    ///
    /// # Errors
    /// Returns an error of the system. The default returns `Unsupported`.
    fn ownership(&self) -> io::Result<Ownership> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Sets the owner, the group and the permissions. Usually only root may change the owner.
    ///
    /// # Errors
    /// Returns an error of the system. The default returns `Unsupported`.
    fn set_ownership(&self, ownership: Ownership) -> io::Result<()> {
        let _ = ownership;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns whether the two kinds of locks are independent. If not, as on NFS, a process that takes both blocks
    /// itself. Returns `false` if this is unknown.
    fn has_separate_locks(&self) -> bool;
}

/// Who may use a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "implementations of `File` create it")]
pub struct Ownership {
    /// The user ID of the owner.
    pub owner: u32,
    /// The group ID.
    pub group: u32,
    /// The permissions, as in chmod(2).
    pub mode: u32,
}

/// A kind of lock. All programs that share a file must use the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lock {
    /// A lock of flock(2), which belongs to the open file.
    Whole,
    /// A lock of fcntl(2) on the whole file, which belongs to the process. It is lost when the process closes *any*
    /// descriptor of the file. The file must be open for writing.
    Records,
}
