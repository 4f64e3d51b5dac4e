//! The Maildir that messages are imported into.

use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use pop3_disk::{Disk, File, Open};

use crate::folders::{Folders, Root, or_make};
use crate::lock::Lock;
use crate::name::MaildirFolder;
use crate::unique;

/// Octets written at once.
const PIECE: usize = 64 * 1024;

/// A locked Maildir.
#[derive(Debug)]
pub(super) struct Target {
    root: Root,
    _lock: Lock,
}

/// A message that waits beside the directories, and where it belongs.
#[derive(Debug)]
pub(super) struct Staged {
    /// Its name in the Maildir itself.
    pub(super) waiting: Vec<u8>,
    pub(super) folder: MaildirFolder,
    pub(super) name: Vec<u8>,
}

/// A file of a message that is being written.
pub(super) type Writing = BufWriter<Box<dyn File>>;

impl Target {
    /// Opens and locks a Maildir, which is created if it is missing.
    pub(super) fn open(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<Self> {
        let root = Root::open(disk, path, true)?;
        root.folders(true)?;
        let directory = root.directory();
        or_make(directory.open_folder(b"tmp"), directory, b"tmp")?;
        let in_use =
            || io::Error::new(io::ErrorKind::WouldBlock, "another session is using it; try again later");
        let lock = Lock::take(directory, || Ok(()))?.ok_or_else(in_use)?;
        Ok(Self { root, _lock: lock })
    }

    pub(super) const fn root(&self) -> &Root {
        &self.root
    }

    /// Makes the names of the messages that wait survive a power failure.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.root.directory().sync()
    }

    /// Makes the file of a message that is not seen yet, instead of any that has this name.
    pub(super) fn stage(&self, waiting: &[u8]) -> io::Result<Writing> {
        let directory = self.root.directory();
        match directory.unlink(waiting) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = directory.open(waiting, Open::writing().make_new(0o600))?;
        if let Ok(owner) = directory.ownership() {
            // Only root can give it to the owner of the Maildir, and only root has to.
            file.set_ownership(pop3_disk::Ownership { mode: 0o600, ..owner }).ok();
        }
        Ok(BufWriter::with_capacity(PIECE, file))
    }

    /// Moves those of these messages that wait to where they are seen.
    pub(super) fn publish(&self, messages: impl IntoIterator<Item = Staged>) -> io::Result<()> {
        let directory = self.root.directory();
        let folders: Folders<'_> = self.root.folders(true)?;
        for Staged { waiting, folder, name } in messages {
            if directory.stat(&waiting)?.is_none() {
                continue;
            }
            match unique::rename(directory, &waiting, folders.folder(folder), &name) {
                // On a file system without moves that replace nothing, a link was made, and its end was missed.
                Err(error) if error.source.kind() == io::ErrorKind::AlreadyExists => {
                    directory.unlink(&waiting)?
                }
                moved => moved?,
            }
        }
        for folder in MaildirFolder::BOTH {
            folders.folder(folder).sync()?;
        }
        directory.sync()
    }
}

/// Completes the file of a message, with the time of its delivery.
pub(super) fn complete(file: Writing, time: SystemTime) -> io::Result<()> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    // The time is for people. Not every file system can have it.
    file.set_modified(time).ok();
    file.sync()
}
