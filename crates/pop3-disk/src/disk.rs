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

/// The files of a machine, and its clock.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a directory. Links in the path are followed.
    ///
    /// # Errors
    /// `NotFound` when there is nothing under this path, `NotADirectory` when it is something else, and what the
    /// system says.
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>>;

    /// Returns the absolute path of something that exists, without links, `.` and `..`.
    ///
    /// # Errors
    /// `NotFound` when there is nothing under this path, and what the system says.
    fn canonical(&self, path: &Path) -> io::Result<PathBuf>;

    /// Where a symbolic link leads.
    ///
    /// # Errors
    /// `NotFound` when there is nothing under this path, `InvalidInput` when it is no link, and what the system says.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;

    /// Makes a file without a name, to be read and written, that goes with the value or the process.
    ///
    /// # Errors
    /// What the system says.
    fn temporary(&self) -> io::Result<Box<dyn File>>;

    /// Returns the time of the wall clock. It may jump.
    fn now(&self) -> SystemTime;

    /// Lets time go by. Blocks the thread.
    fn pause(&self, time: Duration);

    /// Opens a directory, and makes it first if it is missing, with all directories above it that are. What is made is
    /// durable when this returns.
    ///
    /// `mode` are the rights of those that are made, as of chmod(2); the umask is taken from them.
    ///
    /// # Errors
    /// What the system says.
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

    /// Opens the directory that a path lies in; gives the last name of the path too.
    ///
    /// # Errors
    /// `IsADirectory` when the path has no last name, as `/` and `..`, and as [`open_folder`](Self::open_folder).
    fn open_parent<'p>(&self, path: &'p Path) -> io::Result<(Arc<dyn Folder>, &'p [u8])> {
        let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        Ok((self.open_folder(folder_path(path.parent().unwrap_or(path)))?, name.as_bytes()))
    }
}

/// The working directory has no name in front of the names in it.
fn folder_path(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
