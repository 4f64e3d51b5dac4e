//! Replaces a file as a whole.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::error::ServeError;
use crate::users::TableError;

/// A file that no other editor may change now.
#[derive(Debug)]
pub(super) struct Locked {
    /// Where it is, behind all links.
    path: PathBuf,
    file: File,
}

/// The mode of a new file, and of one that is not complete yet.
const PRIVATE: u32 = 0o600;

impl Locked {
    /// Opens a file and waits until no other program has locked it.
    pub(super) fn open(path: &Path) -> Result<Self, ServeError> {
        let fails = |error| fails(path, "be opened", &error);
        loop {
            let path = fs::canonicalize(path).map_err(fails)?;
            let file = File::open(&path).map_err(fails)?;
            file.lock().map_err(fails)?;
            // Another editor may have put a new file in its place while this one waited.
            let (locked, there) = (file.metadata().map_err(fails)?, fs::metadata(&path).map_err(fails)?);
            if (locked.dev(), locked.ino()) == (there.dev(), there.ino()) {
                return Ok(Self { path, file });
            }
        }
    }

    /// Does the same, and creates the file if there is none.
    pub(super) fn open_or_create(path: &Path) -> Result<Self, ServeError> {
        match OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fails(path, "be created", &error)),
        }
        Self::open(path)
    }

    pub(super) const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts a new file with this content in its place, with the same owner and mode.
    pub(super) fn replace(self, content: &[u8]) -> Result<(), ServeError> {
        let name = self.path.file_name().unwrap_or_default();
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| ServeError::system(format!("the system provides no random octets: {error}")))?;
        let mut temporary = OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{:016x}", u64::from_ne_bytes(random)));
        let temporary = self.path.with_file_name(temporary);
        let replaced = self.write(&temporary, content).and_then(|()| fs::rename(&temporary, &self.path));
        if let Err(error) = replaced {
            // It may not exist.
            let _ = fs::remove_file(&temporary);
            return Err(self.fails("be replaced, and is unchanged", &error));
        }
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| {
            let path = self.path.display();
            ServeError::unusable(format!(
                "{path} is changed, but the change may not survive a power failure: {error}"
            ))
        })
    }

    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let old = self.file.metadata()?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(path)?;
        file.write_all(content)?;
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        file.sync_all()
    }

    /// The error that something about the file is wrong.
    pub(super) fn wrong(&self, what: &str) -> ServeError {
        ServeError::unusable(format!("{} {what}", self.path.display()))
    }

    pub(super) fn wrong_line(&self, TableError { line, what }: TableError) -> ServeError {
        ServeError::unusable(format!("{}:{line}: {what}", self.path.display()))
    }

    pub(super) fn fails(&self, what: &str, error: &io::Error) -> ServeError {
        fails(&self.path, what, error)
    }
}

fn fails(path: &Path, what: &str, error: &io::Error) -> ServeError {
    ServeError::unusable(format!("the users file {} can't {what}: {error}", path.display()))
}
