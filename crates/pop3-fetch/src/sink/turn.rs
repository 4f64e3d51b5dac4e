//! Who may fetch an account into a target: one process at a time.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use pop3_driver::Stop;

use crate::fuse;
use crate::journal::{private, wait_for};

/// The right to fetch one account into one target, whatever state file is used. It is a locked file in
/// the target; the system unlocks it when the process ends, and the file is removed if the process
/// gets so far.
#[derive(Debug)]
pub(crate) struct Turn {
    path: PathBuf,
    _file: File,
}

impl Turn {
    /// Takes the turn, or `None` where another process has it. One that is just ending is waited for.
    pub(super) fn take(path: &Path, stop: &Stop) -> io::Result<Option<Self>> {
        loop {
            fuse::step()?;
            let file = private().truncate(false).open(path)?;
            match wait_for(&file, stop) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                // There are file systems without locks. Then the state file alone is locked.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The one who had it may have removed the file meanwhile.
            if is_at(&file, path)? {
                return Ok(Some(Self { path: path.to_owned(), _file: file }));
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !fuse::is_burnt() {
            // Before it is unlocked: nobody else has it now. A file that stays does no harm.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether this open file is the one that stands under the path.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (ours, found) = (file.metadata()?, fs::metadata(path));
    match found {
        Ok(found) => Ok((found.dev(), found.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let turn = Turn::take(&path, &Stop::new()).unwrap().unwrap();
        assert!(Turn::take(&path, &Stop::new()).unwrap().is_none());
        drop(turn);
        assert!(!path.exists());
        // What a killed process left is no hindrance.
        fs::write(&path, "").unwrap();
        assert!(Turn::take(&path, &Stop::new()).unwrap().is_some());
    }
}
