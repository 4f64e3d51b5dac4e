//! A file by its name in an open directory.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_disk::{Disk, File, Folder, Open, Stat};

/// For writing a file that only its owner can read, which is made if it is missing.
pub(crate) const PRIVATE: Open = Open::writing().make(0o600);

/// A name in an open directory, whether there is a file or not.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    folder: Arc<dyn Folder>,
    /// For people to read. What is opened is the last part of it, in the directory.
    path: PathBuf,
}

impl Spot {
    /// The spot with this path.
    ///
    /// # Errors
    /// When the path has no last name, or its directory can't be opened.
    pub(crate) fn at(disk: &dyn Disk, path: &Path) -> io::Result<Self> {
        Ok(Self { folder: disk.open_parent(path)?.0, path: path.to_owned() })
    }

    /// The spot with this path, whose directory is open already.
    pub(crate) fn of(folder: &Arc<dyn Folder>, path: &Path) -> Self {
        Self { folder: Arc::clone(folder), path: path.to_owned() }
    }

    /// A name in an open directory with this path.
    pub(crate) fn within(folder: &Arc<dyn Folder>, path: &Path, name: &str) -> Self {
        Self { folder: Arc::clone(folder), path: path.join(name) }
    }

    /// In the same directory, with something appended to the name.
    pub(crate) fn beside(&self, suffix: &str) -> Self {
        let mut path = self.path.clone().into_os_string();
        path.push(suffix);
        Self { folder: Arc::clone(&self.folder), path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn name(&self) -> &[u8] {
        self.path.file_name().unwrap_or_else(|| OsStr::new("")).as_bytes()
    }

    pub(crate) fn folder(&self) -> &dyn Folder {
        &*self.folder
    }

    pub(crate) fn open(&self, how: Open) -> io::Result<Box<dyn File>> {
        self.folder.open(self.name(), how)
    }

    /// What is there, a link that leads nowhere included.
    pub(crate) fn stat(&self) -> io::Result<Option<Stat>> {
        self.folder.stat(self.name())
    }

    pub(crate) fn exists(&self) -> io::Result<bool> {
        Ok(self.stat()?.is_some())
    }

    /// Whether this open file is the one that stands here.
    pub(crate) fn is(&self, file: &dyn File) -> io::Result<bool> {
        let ours = file.stat()?;
        Ok(self.stat()?.is_some_and(|found| found.same_file(&ours)))
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        self.folder.unlink(self.name())
    }

    /// Moves the file to another spot, and replaces what is there.
    pub(crate) fn rename(&self, to: &Self) -> io::Result<()> {
        self.folder.rename(self.name(), &*to.folder, to.name())
    }

    /// Moves the file to another spot, where nothing may be.
    pub(crate) fn rename_new(&self, to: &Self) -> io::Result<()> {
        self.folder.rename_new(self.name(), &*to.folder, to.name())
    }

    /// Gives the file one more name.
    pub(crate) fn link(&self, to: &Self) -> io::Result<()> {
        self.folder.link(self.name(), &*to.folder, to.name())
    }

    /// Brings the names in the directory to the disk.
    pub(crate) fn sync_folder(&self) -> io::Result<()> {
        self.folder.sync()
    }
}

/// Removes the files of a directory whose names are of this kind.
pub(crate) fn remove_with(folder: &dyn Folder, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
    let mut ours = Vec::new();
    folder.list(&mut |name| {
        if str::from_utf8(name).is_ok_and(&is_ours) {
            ours.push(name.to_vec());
        }
    })?;
    ours.iter().try_for_each(|name| folder.unlink(name))
}
