//! The files of a machine, by path, and its clock.

use core::fmt;
use core::time::Duration;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::file::File;
use crate::folder::Folder;

/// A file system and a clock.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a directory. Links in the path are followed.
    ///
    /// # Errors
    /// Returns `NotFound` if the path does not exist, `NotADirectory` if it is not a directory, or another error of
    /// the system.
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>>;

    /// Does the same as [`open_folder`](Self::open_folder), if that is possible without waiting for a disk or a network
    /// and the calls of the directory that never wait [can work](Folder::can_try).
    ///
    /// The system knows this of a file system only after [`Folder::can_try`] returned true for a directory on it. The
    /// default is never able to.
    ///
    /// # Errors
    /// Returns `WouldBlock` if the disk may have to be read or the file system is not known, `Unsupported` if no call of
    /// this kind will succeed, `NotFound` if the path does not exist, or another error of the system.
    fn try_open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns the absolute path of an existing file or directory, without links, `.` and `..`.
    ///
    /// # Errors
    /// Returns `NotFound` if the path does not exist, or another error of the system.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// Returns the target of a symbolic link.
    ///
    /// # Errors
    /// Returns `NotFound` if the path does not exist, `InvalidInput` if it is not a link, or another error of the
    /// system.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;

    /// Creates a file without a name, for reading and writing. It disappears when the value is dropped or the process
    /// ends.
    ///
    /// # Errors
    /// Returns an error of the system.
    fn temporary(&self) -> io::Result<Box<dyn File>>;

    /// Returns the time of the system clock. It may jump.
    fn now(&self) -> SystemTime;

    /// Waits for this time. Blocks the thread.
    fn pause(&self, time: Duration);

    /// Has work done beside the caller, if this disk has a place for that. Otherwise returns the work, and the caller
    /// starts a thread of its own. The work uses this disk, and blocks.
    ///
    /// The default has no place. A simulated disk, which decides when each call ends, needs to know who calls.
    fn beside(&self, work: Box<dyn FnOnce() + Send>) -> Option<Box<dyn FnOnce() + Send>> {
        Some(work)
    }

    /// Opens a directory. Creates it and its parent directories if they are missing, and makes them durable.
    ///
    /// `mode` sets the permissions of new directories, as in chmod(2). The umask applies.
    ///
    /// # Errors
    /// Returns an error of the system.
    fn make_folders(&self, path: &Path, mode: u32) -> io::Result<Arc<dyn Folder>> {
        match self.open_folder(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            // The path is `/`, or ends in `..` behind a directory that does not exist.
            return Err(io::ErrorKind::NotFound.into());
        };
        let above = self.make_folders(folder_path(above), mode)?;
        match above.make_folder(name.as_bytes(), mode) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        above.sync()?;
        self.open_folder(path)
    }

    /// Opens the parent directory of a path, and returns it with the last name of the path.
    ///
    /// # Errors
    /// Returns `IsADirectory` if the path has no last name, such as `/` and `..`, or an error of
    /// [`open_folder`](Self::open_folder).
    fn open_parent<'p>(&self, path: &'p Path) -> io::Result<(Arc<dyn Folder>, &'p [u8])> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        Ok((self.open_folder(folder_path(path.parent().unwrap_or(path)))?, name.as_bytes()))
    }
}

/// The working directory has no name in front of the names in it.
fn folder_path(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
