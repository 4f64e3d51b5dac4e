//! The exclusive lock of a maildrop (RFC 1939 section 4).

use std::io;

use pop3_disk::{File, Folder, Open, Stat};

/// The name of the lock file inside the Maildir. It stays for ever: removing it would let two
/// sessions lock two files of the same name.
pub(crate) const NAME: &[u8] = b"pop3.lock";

/// How often the lock file may be swapped for another under our hands before we give up.
const ATTEMPTS: u32 = 8;

/// A lock that is held until it is dropped, or the process ends in whatever way.
///
/// It is the kernel's lock on an open file, never the existence of a file: nothing that could be
/// left behind.
#[derive(Debug)]
pub(crate) struct Lock {
    file: Box<dyn File>,
}

impl Lock {
    /// Takes the lock, `None` when somebody else has it. Never waits. A missing file is made if this is a place for it.
    pub(crate) fn take(root: &dyn Folder, is_place: impl Fn() -> io::Result<()>) -> io::Result<Option<Self>> {
        for _ in 0..ATTEMPTS {
            // Open for writing too, because network file systems give no exclusive lock otherwise.
            let how = Open::reading_and_writing();
            let file = match root.open(NAME, how) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    is_place()?;
                    root.open(NAME, how.make(0o600))?
                }
                file => file?,
            };
            let stat = file.stat()?;
            if !stat.is_file() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the lock is not a regular file"));
            }
            if !file.try_lock(pop3_disk::Lock::Whole)? {
                return Ok(None);
            }
            // Somebody may have removed the file between opening and locking; then the lock is
            // worth nothing, for the next session would make a new file.
            if root.stat(NAME)?.is_some_and(|named| named.same_file(&stat)) {
                return Ok(Some(Self { file }));
            }
        }
        Ok(None)
    }

    /// Takes the lock, if that is possible without waiting for the disk. `None` also when it must be looked at more
    /// closely where that may take its time.
    pub(crate) fn try_to_take(root: &dyn Folder) -> Option<Self> {
        let file = root.try_open(NAME, Open::reading_and_writing()).ok()?;
        let stat = file.stat().ok().filter(Stat::is_file)?;
        if !file.try_lock(pop3_disk::Lock::Whole).ok()? {
            return None;
        }
        let lock = Self { file };
        root.try_stat(NAME).ok()?.is_some_and(|named| named.same_file(&stat)).then_some(lock)
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a process that is being started elsewhere in the program has
    /// a copy of it until it executes its own program, and would hold the lock so long.
    fn drop(&mut self) {
        self.file.unlock(pop3_disk::Lock::Whole).ok();
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicU32, Ordering};
    use std::sync::Arc;

    use pop3_disk::{Disk as _, FolderEntry, System};

    use super::*;

    /// A directory in which another program removes or replaces the file of the lock as soon as it was opened, so many
    /// times.
    #[derive(Debug)]
    struct Restless {
        folder: Arc<dyn Folder>,
        left: AtomicU32,
        replaces: bool,
    }

    impl Restless {
        fn changed(&self, file: io::Result<Box<dyn File>>) -> io::Result<Box<dyn File>> {
            if file.is_ok()
                && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
            {
                self.folder.unlink(NAME)?;
                if self.replaces {
                    self.folder.open(NAME, Open::writing().make_new(0o600))?;
                }
            }
            file
        }
    }

    impl Folder for Restless {
        fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
            self.changed(self.folder.open(name, how))
        }

        fn try_open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
            self.changed(self.folder.open(name, how))
        }

        fn try_stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
            self.folder.stat(name)
        }

        fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
            self.folder.stat(name)
        }

        fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>> {
            self.folder.open_folder(name)
        }

        fn make_folder(&self, name: &[u8], mode: u32) -> io::Result<()> {
            self.folder.make_folder(name, mode)
        }

        fn stat_self(&self) -> io::Result<Stat> {
            self.folder.stat_self()
        }

        fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()> {
            self.folder.list(each)
        }

        fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
            self.folder.rename(old, to, new)
        }

        fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
            self.folder.rename_new(old, to, new)
        }

        fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
            self.folder.link(old, to, new)
        }

        fn unlink(&self, name: &[u8]) -> io::Result<()> {
            self.folder.unlink(name)
        }

        fn sync(&self) -> io::Result<()> {
            self.folder.sync()
        }
    }

    /// The directory of a test, where the file of the lock exists, and what another program does to it.
    fn restless(times: u32, replaces: bool) -> (tempfile::TempDir, Restless) {
        let path = tempfile::tempdir().unwrap();
        let folder = System::default().open_folder(path.path()).unwrap();
        folder.open(NAME, Open::writing().make_new(0o600)).unwrap();
        (path, Restless { folder, left: times.into(), replaces })
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_taken_anew() {
        for replaces in [false, true] {
            let (_path, folder) = restless(1, replaces);
            let lock = Lock::take(&folder, || Ok(())).unwrap().unwrap();
            assert!(Lock::take(&folder, || Ok(())).unwrap().is_none(), "two sessions have one");
            drop(lock);
            assert!(Lock::take(&folder, || Ok(())).unwrap().is_some());
            // It is not tried for ever.
            let (_path, folder) = restless(u32::MAX, replaces);
            assert!(Lock::take(&folder, || Ok(())).unwrap().is_none());
        }
    }

    #[test]
    fn a_lock_whose_file_was_removed_is_not_taken_on_the_spot() {
        for replaces in [false, true] {
            let (_path, folder) = restless(1, replaces);
            assert!(Lock::try_to_take(&folder).is_none());
            assert_eq!(Lock::try_to_take(&folder).is_some(), replaces);
        }
    }
}
