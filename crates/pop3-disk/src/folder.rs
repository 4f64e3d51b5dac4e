//! An open directory.

use core::any::Any;
use core::fmt;
use std::io;
use std::sync::Arc;

use rustix::io::Errno;

use crate::file::File;
use crate::open::Open;
use crate::stat::Stat;

/// An open directory: whatever its path leads to by now, the names are looked up in here.
///
/// All names are octets without `/` and NUL, and never empty.
pub trait Folder: Any + fmt::Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` when there is none and none is to be made, `AlreadyExists` when a new one is to be made, and what the
    /// system says.
    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>>;

    /// Opens a directory in this one. A link is not followed.
    ///
    /// # Errors
    /// `NotFound` when there is none, and what the system says.
    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>>;

    /// Makes a directory. `mode` are its rights, as of chmod(2); the umask is taken from them.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, and what the system says.
    fn make_folder(&self, name: &[u8], mode: u32) -> io::Result<()>;

    /// What a name stands for, `None` when there is no such name. A link is not followed.
    ///
    /// # Errors
    /// What the system says.
    fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>>;

    /// What this directory itself is.
    ///
    /// # Errors
    /// What the system says.
    fn stat_self(&self) -> io::Result<Stat>;

    /// Calls `each` with every name, in no order, except `.` and `..`. A name that is made, changed or removed
    /// meanwhile may be met or not.
    ///
    /// # Errors
    /// What the system says; names may have been met before.
    fn list(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()>;

    /// Moves a file to another name in one step. What has that name is replaced.
    ///
    /// # Errors
    /// `NotFound` when the old name is missing, `CrossesDevices` when `to` is on another disk, and what the system
    /// says.
    fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()>;

    /// Moves a file to a name that nothing has, in one step.
    ///
    /// # Errors
    /// `AlreadyExists` when the new name is taken, `Unsupported` when the system has no such call, and else as
    /// [`rename`](Self::rename).
    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()>;

    /// Gives a file one more name.
    ///
    /// # Errors
    /// `AlreadyExists` when the new name is taken. On a file system without links `Unsupported` or what the system says
    /// for it, see [`is_without_links`]. Else as [`rename`](Self::rename).
    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()>;

    /// Removes the name of a file, and with the last one the file.
    ///
    /// # Errors
    /// `NotFound` when there is no such name, and what the system says.
    fn unlink(&self, name: &[u8]) -> io::Result<()>;

    /// Brings the names in this directory to the disk. When this returns, they outlast a loss of power.
    ///
    /// # Errors
    /// What the system says. It is not known then which names are on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// Returns whether [`Folder::link`] failed because the file system has no links, or no more for this file.
#[must_use]
pub fn is_without_links(error: &io::Error) -> bool {
    let without = [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP, Errno::MLINK];
    error.kind() == io::ErrorKind::Unsupported
        || without.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
