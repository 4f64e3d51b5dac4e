//! An open file.

use core::fmt;
use std::io::{self, Read, Seek, Write};

use crate::stat::Stat;

/// An open file. It is closed when the value is dropped, and its locks are free then.
pub trait File: Read + Write + Seek + fmt::Debug + Send + Sync {
    /// What this file is.
    ///
    /// # Errors
    /// What the system says.
    fn stat(&self) -> io::Result<Stat>;

    /// Brings content and length to the disk. When this returns, they outlast a loss of power; the name does only after
    /// [`Folder::sync`](crate::Folder::sync).
    ///
    /// # Errors
    /// What the system says. It is not known then what is on the disk, and a second call may succeed without having
    /// written it.
    fn sync(&self) -> io::Result<()>;

    /// Cuts the file, or fills it up with zeros.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&self, octets: u64) -> io::Result<()>;

    /// Takes an exclusive lock; `false` when somebody else has it. Never waits.
    ///
    /// # Errors
    /// `Unsupported` when the file system has no such lock, and what the system says.
    fn try_lock(&self, lock: Lock) -> io::Result<bool>;

    /// Gives the lock back. Closing the file does so too, but not while a process that was just started has a copy.
    ///
    /// # Errors
    /// What the system says.
    fn unlock(&self, lock: Lock) -> io::Result<()>;

    /// Returns whether the two kinds of locks are apart. Where they are the same, as on NFS, whoever takes both would
    /// wait for himself. `false` if it can't be told.
    fn has_separate_locks(&self) -> bool;
}

/// A kind of lock. Programs that share a file must take the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lock {
    /// That of flock(2), which belongs to the open file.
    Whole,
    /// That of fcntl(2) over all octets, which belongs to the process: it is lost when the process closes *any*
    /// descriptor of the file. The file must be open for writing.
    Records,
}
