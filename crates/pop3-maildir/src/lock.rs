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
