//! Lock files beside an SQLite database: one for each node that lives, locked as long as its process does.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::SqlError;

/// The directory with the lock files of a database.
#[derive(Clone, Debug)]
pub(crate) struct LockFiles(PathBuf);

/// The lock of a node. It is released when the process ends, however that happens.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFiles {
    /// Those of this database: `FILE-nodes`.
    pub(crate) fn beside(database: &Path) -> Self {
        let mut name = database.as_os_str().to_owned();
        name.push("-nodes");
        Self(name.into())
    }

    fn path(&self, incarnation: i64) -> PathBuf {
        self.0.join(format!("{incarnation:016x}"))
    }

    /// Whether a process that lives has the lock of this node. One that can't be examined counts as alive: its
    /// heartbeat decides.
    pub(crate) fn is_held(&self, incarnation: i64) -> bool {
        match File::open(self.path(incarnation)) {
            Ok(file) => !matches!(file.try_lock_shared(), Ok(())),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Takes the lock of a node, and removes the files of those that are gone.
    pub(crate) fn take(&self, incarnation: i64) -> Result<LockFile, SqlError> {
        let fails = |error: io::Error| {
            SqlError::unusable(format!("the lock file in {} can't be made: {error}", self.0.display()))
        };
        match fs::DirBuilder::new().mode(0o700).create(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fails(error)),
            _ => {}
        }
        self.clean();
        let path = self.path(incarnation);
        loop {
            let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
            let file = open.map_err(fails)?;
            file.lock().map_err(fails)?;
            // Another process may have removed it before it was locked.
            let same = fs::metadata(&path).ok().zip(file.metadata().ok());
            if same.is_some_and(|(named, own)| (named.dev(), named.ino()) == (own.dev(), own.ino())) {
                return Ok(LockFile { file, path });
            }
        }
    }

    fn clean(&self) {
        let Ok(entries) = fs::read_dir(&self.0) else { return };
        for entry in entries.flatten() {
            let Ok(file) = File::open(entry.path()) else { continue };
            match file.try_lock() {
                Ok(()) => drop(fs::remove_file(entry.path())),
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
        self.file.unlock().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_ends_with_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let files = LockFiles::beside(&folder.path().join("a.db"));
        assert!(!files.is_held(7));
        let lock = files.take(7).unwrap();
        assert!(files.is_held(7) && !files.is_held(8));
        // A process that was killed leaves its file.
        let left = files.path(9);
        fs::write(&left, "").unwrap();
        assert!(!files.is_held(9));
        let other = files.take(-8).unwrap();
        assert!(!left.exists() && files.is_held(7) && files.is_held(-8));
        drop((lock, other));
        assert!(!files.is_held(7) && fs::read_dir(&files.0).unwrap().next().is_none());
    }
}
