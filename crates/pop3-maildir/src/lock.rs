//! The exclusive lock of a maildrop (RFC 1939 section 4).

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, Mode, OFlags};

use crate::folders::{Stamp, stamp_at};

/// The name of the lock file inside the Maildir. It stays for ever: removing it would let two
/// sessions lock two files of the same name.
pub(crate) const NAME: &str = "pop3.lock";

/// How often the lock file may be swapped for another under our hands before we give up.
const ATTEMPTS: u32 = 8;

/// A lock that is held until it is dropped, or the process ends in whatever way.
///
/// It is the kernel's lock on an open file, never the existence of a file: nothing that could be
/// left behind.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, `None` when somebody else has it. Never waits.
    pub(crate) fn take(root: BorrowedFd<'_>) -> io::Result<Option<Self>> {
        // Open for writing too, because network file systems give no exclusive lock otherwise.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        for _ in 0..ATTEMPTS {
            let file = File::from(rustix::fs::openat(root, NAME, flags, Mode::RUSR | Mode::WUSR)?);
            let stamp = Stamp::of_open(&file)?;
            if stamp.kind != FileType::RegularFile {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the lock is not a regular file"));
            }
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Somebody may have removed the file between opening and locking; then the lock is
            // worth nothing, for the next session would make a new file.
            if stamp_at(root, NAME.as_bytes())?.is_some_and(|named| named.same_file(&stamp)) {
                return Ok(Some(Self { file }));
            }
        }
        Ok(None)
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a process that is being started elsewhere in the program has
    /// a copy of it until it executes its own program, and would hold the lock so long.
    fn drop(&mut self) {
        self.file.unlock().ok();
    }
}
