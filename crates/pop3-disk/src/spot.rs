//! A file by its name in an open directory.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Disk;
use crate::file::File;
use crate::folder::Folder;
use crate::open::Open;
use crate::stat::Stat;

/// A name in an open directory, whether there is a file or not, with its path for messages.
#[derive(Clone, Debug)]
pub struct Spot {
    folder: Arc<dyn Folder>,
    /// For people to read. What is opened is the last part of it, in the directory.
    path: PathBuf,
}

impl Spot {
    /// Opens the parent directory of a path.
    ///
    /// # Errors
    /// Returns the errors of [`Disk::open_parent`].
    pub fn at(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        Ok(Self { folder: disk.open_parent(path)?.0, path: path.to_owned() })
    }

    /// Creates the spot with this path. `folder` is its open parent directory.
    #[must_use]
    pub fn of(folder: &Arc<dyn Folder>, path: &Path) -> Self {
        Self { folder: Arc::clone(folder), path: path.to_owned() }
    }

    /// Creates the spot of a name in an open directory with this path.
    #[must_use]
    pub fn within(folder: &Arc<dyn Folder>, path: &Path, name: &str) -> Self {
        Self { folder: Arc::clone(folder), path: path.join(name) }
    }

    /// Returns the spot in the same directory with something appended to the name.
    #[must_use]
    pub fn beside(&self, suffix: &str) -> Self {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        Self { folder: Arc::clone(&self.folder), path: path.into() }
    }

    /// Returns the path, for messages. Only its last name is used to open the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.path.file_name().unwrap_or_else(|| OsStr::new("")).as_bytes()
    }

    /// Returns the directory.
    #[must_use]
    pub fn folder(&self) -> &dyn Folder {
        &*self.folder
    }

    /// Opens the file.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::open`].
    pub fn open(&self, how: Open) -> io::Result<Box<dyn File>> {
        self.folder.open(self.name(), how)
    }

    /// Returns the metadata of what is there, including a link that leads nowhere, or `None`.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::stat`].
    pub fn stat(&self) -> io::Result<Option<Stat>> {
        self.folder.stat(self.name())
    }

    /// Returns whether there is anything.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::stat`].
    pub fn exists(&self) -> io::Result<bool> {
        Ok(self.stat()?.is_some())
    }

    /// Returns whether this open file is the one with this name.
    ///
    /// # Errors
    /// Returns an error of the system.
    pub fn is(&self, file: &dyn File) -> io::Result<bool> {
        let ours = file.stat()?;
        Ok(self.stat()?.is_some_and(|found| found.same_file(&ours)))
    }

    /// Removes the name.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::unlink`].
    pub fn remove(&self) -> io::Result<()> {
        self.folder.unlink(self.name())
    }

    /// Moves the file to another spot, and replaces what is there.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::rename`].
    pub fn rename(&self, to: &Self) -> io::Result<()> {
        self.folder.rename(self.name(), &*to.folder, to.name())
    }

    /// Moves the file to another spot, where nothing may be.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::rename_new`].
    pub fn rename_new(&self, to: &Self) -> io::Result<()> {
        self.folder.rename_new(self.name(), &*to.folder, to.name())
    }

    /// Gives the file one more name.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::link`].
    pub fn link(&self, to: &Self) -> io::Result<()> {
        self.folder.link(self.name(), &*to.folder, to.name())
    }

    /// Syncs the names in the directory to the disk.
    ///
    /// # Errors
    /// Returns the errors of [`Folder::sync`].
    pub fn sync_folder(&self) -> io::Result<()> {
        self.folder.sync()
    }
}
