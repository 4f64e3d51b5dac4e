//! The locks of an mbox, as mail programs are to take them (Debian policy, section 11.6): the kernel's
//! first, then the lock file.

use core::fmt;
use core::time::Duration;
use std::io;
use std::path::Path;

use crate::disk::Disk;
use crate::dot_lock::{DotLock, DotLockCandidate as Candidate, LockOwner as Owner};
use crate::file::{File, Lock};
use crate::open::Open;
use crate::spot::Spot;

/// How long another program may hold a lock when this process is about to end.
const HURRY: Duration = Duration::from_secs(1);

/// An open mbox to which no other program writes meanwhile. Dropping the value releases the locks.
#[derive(Debug)]
pub struct LockedMbox {
    // Fields are dropped in this order, and the locks are given back in the reverse one.
    _dot: DotLock,
    /// Closing it unlocks it. The lock by fcntl(2) ends when *any* descriptor of the file is closed, so
    /// there must be no other.
    file: Box<dyn File>,
}

impl LockedMbox {
    /// How long another program may usually hold a lock.
    pub const PATIENCE: Duration = Duration::from_secs(10);

    /// Opens the mbox for reading and writing, or as `how` says, and locks it: with fcntl(2), flock(2) and a lock file.
    /// `candidate` is a spot beside it that nobody else uses.
    ///
    /// While one lock is not to be had, none is held, so that programs that take them in another order
    /// do not wait for each other. When `is_hurried` returns true, this gives up after a second.
    ///
    /// # Errors
    /// Returns `WouldBlock` if another program has held a lock for the time of `patience`; the text says which lock, and
    /// by whom. Otherwise, it returns an error of the system.
    pub fn take(
        disk: &dyn Disk,
        mbox: &Spot,
        candidate: Spot,
        how: Open,
        patience: Duration,
        is_hurried: &dyn Fn() -> bool,
    ) -> io::Result<Self> {
        const PAUSE: Duration = Duration::from_millis(20);
        let lock = mbox.beside(".lock");
        let mut waited = Duration::ZERO;
        let mut file = mbox.open(how)?;
        let cannot = |error| Refused::no_lock_file(lock.path(), error);
        let candidate = Candidate::make(candidate).map_err(cannot)?;
        loop {
            let busy = match kernel_lock(&*file)? {
                Some(kind) => Busy::Kernel(kind),
                // Some programs replace the file.
                None if !mbox.is(&*file)? => {
                    file = mbox.open(how)?;
                    continue;
                }
                None => match candidate.try_take(&lock).map_err(cannot)? {
                    Some(dot) => return Ok(Self { _dot: dot, file }),
                    None => Busy::LockFile,
                },
            };
            kernel_unlock(&*file)?;
            // A process that should end may store complete messages, but not wait for long.
            let hurried = waited >= HURRY && is_hurried();
            if waited >= patience || hurried {
                return Err(Refused::busy(busy, &lock, waited));
            }
            disk.pause(PAUSE);
            waited += PAUSE;
        }
    }

    /// Returns the mbox. Do not open it a second time: closing any descriptor of a file releases the lock of fcntl(2).
    pub fn file(&mut self) -> &mut dyn File {
        &mut *self.file
    }
}

/// The lock that another program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Busy {
    Kernel(&'static str),
    LockFile,
}

/// Takes the locks by fcntl(2) and flock(2); says which of them another program has. Then the other may
/// be held.
fn kernel_lock(file: &dyn File) -> io::Result<Option<&'static str>> {
    Ok(if !file.try_lock(Lock::Records)? {
        Some("fcntl")
    } else if file.has_separate_locks() && !file.try_lock(Lock::Whole)? {
        Some("flock")
    } else {
        None
    })
}

fn kernel_unlock(file: &dyn File) -> io::Result<()> {
    if file.has_separate_locks() {
        file.unlock(Lock::Whole)?;
    }
    file.unlock(Lock::Records)
}

/// Why the mbox could not be locked, and what to do.
#[derive(Debug)]
struct Refused {
    text: String,
    source: Option<io::Error>,
}

impl Refused {
    fn busy(busy: Busy, lock: &Spot, waited: Duration) -> io::Error {
        let (seconds, lock_file) = (waited.as_secs(), lock.path().display());
        let text = match busy {
            Busy::Kernel(kind) => format!(
                "another program has held the lock ({kind}) for {seconds} s; try again when it has finished"
            ),
            Busy::LockFile => match Owner::of(lock) {
                Ok(Owner::Running(pid)) => format!(
                    "process {pid} has held the lock file {lock_file} for {seconds} s; try again when it \
                     has finished"
                ),
                _ => format!(
                    "another program has held the lock file {lock_file} for {seconds} s; try again \
                     later, and remove that file if no program is using the mbox"
                ),
            },
        };
        io::Error::new(io::ErrorKind::WouldBlock, Self { text, source: None })
    }

    fn no_lock_file(lock: &Path, error: io::Error) -> io::Error {
        let folder = lock.parent().unwrap_or(Path::new("."));
        let mut text = format!("can't create the lock file {}", lock.display());
        if error.kind() == io::ErrorKind::PermissionDenied {
            text.push_str(&format!(
                ", which is required to write to an mbox; run as a user who may create files in {} (for \
                 /var/mail, often a member of the group mail), or use an mbox in another directory, or a \
                    Maildir",
                folder.display()
            ));
        }
        io::Error::new(error.kind(), Self { text, source: Some(error) })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for Refused {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use core::iter;
    use std::fs;
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;
    use crate::system::System;

    fn spot(path: &Path) -> Spot {
        Spot::at(&System::default(), path).unwrap()
    }

    fn take(path: &Path) -> io::Result<LockedMbox> {
        let candidate = spot(&path.with_file_name("candidate"));
        let how = Open::reading_and_writing().make(0o600);
        LockedMbox::take(&System::default(), &spot(path), candidate, how, Duration::ZERO, &|| false)
    }

    fn lock_file(path: &Path) -> PathBuf {
        spot(path).beside(".lock").path().to_owned()
    }

    /// Programs that are to fail while the mbox `path` is locked, and how they take the lock.
    const PEERS: [&str; 4] = [
        "import mailbox; mailbox.mbox(path).lock()",
        "import fcntl; fcntl.lockf(open(path, 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "import fcntl; fcntl.flock(open(path, 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "import os; os.open(path + '.lock', os.O_CREAT | os.O_EXCL)",
    ];

    fn is_free(path: &Path, peer: &str) -> bool {
        let code = format!("import sys\npath = sys.argv[1]\n{peer}");
        let output = Command::new("python3").args(["-c", &code]).arg(path).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let locked = ["ExternalClashError", "BlockingIOError", "FileExistsError"];
        assert!(output.status.success() || locked.iter().any(|error| text.contains(error)), "{peer}: {text}");
        output.status.success()
    }

    #[test]
    fn other_programs_find_it_locked_and_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        fs::write(&path, "").unwrap();
        for peer in PEERS {
            let locked = take(&path).unwrap();
            assert!(!is_free(&path, peer), "{peer}");
            drop(locked);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{peer}");
            assert!(is_free(&path, peer), "{peer}");
            let _ = fs::remove_file(lock_file(&path));
        }
    }

    #[test]
    fn whoever_has_it_is_named_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        let take = || take(&path);
        let locked = take().unwrap();
        // A second lock of the same process: flock(2) tells the two apart.
        assert!(take().unwrap_err().to_string().contains("another program has held the lock"));
        drop(locked);
        let parent = std::os::unix::process::parent_id();
        fs::write(lock_file(&path), format!("{parent}\n")).unwrap();
        // A program that another test starts has copies of our locks until it really runs.
        let refused = || {
            let take = || take().unwrap_err().to_string();
            iter::repeat_with(take).find(|text| !text.contains("(flock)")).unwrap()
        };
        let text = refused();
        assert!(text.contains(&format!("process {parent} ")) && text.contains("box.lock"), "{text}");
        fs::remove_file(lock_file(&path)).unwrap();
        fs::create_dir(lock_file(&path)).unwrap();
        assert!(refused().contains("remove that file"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_was_replaced_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        fs::write(&path, "old").unwrap();
        let spot = spot(&path);
        let file = spot.open(Open::reading()).unwrap();
        assert!(spot.is(&*file).unwrap());
        fs::write(folder.path().join("new"), "new").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(!spot.is(&*file).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!spot.is(&*file).unwrap());
    }
}
