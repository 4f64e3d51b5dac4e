//! The locks of an mbox, as mail programs are to take them (Debian policy, section 11.6): the kernel's
//! first, then the lock file.

use core::fmt;
use core::time::Duration;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use pop3_driver::Stop;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use super::dot_lock::{Candidate, DotLock, Owner, owner};
use super::turn::is_at;
use crate::journal::{beside, private};

/// How long another program may hold a lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The same once the switch is thrown.
const HURRY: Duration = Duration::from_secs(1);

/// An mbox that no other program writes to meanwhile.
#[derive(Debug)]
pub(super) struct Locked {
    // Fields are dropped in this order, and the locks are given back in the reverse one.
    _dot: DotLock,
    /// Closing it unlocks it. The lock by fcntl(2) ends when *any* descriptor of the file is closed, so
    /// there must be no other.
    pub(super) file: File,
}

impl Locked {
    /// Opens the mbox, or makes it, and locks it. `candidate` is a path beside it that nobody else uses.
    ///
    /// While one lock is not to be had, none is held, so that programs that take them in another order
    /// do not wait for each other.
    pub(super) fn take(path: &Path, candidate: PathBuf, patience: Duration, stop: &Stop) -> io::Result<Self> {
        const PAUSE: Duration = Duration::from_millis(20);
        let lock = beside(path, ".lock");
        let mut waited = Duration::ZERO;
        let mut file = private().read(true).truncate(false).open(path)?;
        let cannot = |error| Refused::no_lock_file(&lock, error);
        let candidate = Candidate::make(candidate).map_err(cannot)?;
        loop {
            let busy = match kernel_lock(&file)? {
                Some(kind) => Busy::Kernel(kind),
                // Some programs replace the file.
                None if !is_at(&file, path)? => {
                    file = private().read(true).truncate(false).open(path)?;
                    continue;
                }
                None => match candidate.try_take(&lock).map_err(cannot)? {
                    Some(dot) => return Ok(Self { _dot: dot, file }),
                    None => Busy::LockFile,
                },
            };
            kernel_unlock(&file)?;
            // Who is told to end may store what is complete, but not wait for long.
            let hurried = stop.is_stopped() && waited >= HURRY;
            if waited >= patience || hurried {
                return Err(Refused::busy(busy, &lock, waited));
            }
            thread::sleep(PAUSE);
            waited += PAUSE;
        }
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
fn kernel_lock(file: &File) -> io::Result<Option<&'static str>> {
    match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::ACCESS | Errno::AGAIN) => return Ok(Some("fcntl")),
        Err(error) => return Err(error.into()),
    }
    if is_flock_apart(file)
        && let Err(error) = file.try_lock()
    {
        return match error {
            fs::TryLockError::WouldBlock => Ok(Some("flock")),
            fs::TryLockError::Error(error) => Err(error),
        };
    }
    Ok(None)
}

fn kernel_unlock(file: &File) -> io::Result<()> {
    if is_flock_apart(file) {
        file.unlock()?;
    }
    Ok(fcntl_lock(file, FlockOperation::Unlock)?)
}

/// Whether flock(2) is another lock than that of fcntl(2). Where it is the same, as on NFS, a process
/// would wait for itself.
fn is_flock_apart(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        /// Network file systems of Linux, by their numbers in statfs(2): NFS, SMB, CIFS, SMB2, 9p, Ceph.
        const NETWORK: [u32; 6] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400];
        // The numbers have 32 bits; the field has the width of the machine.
        rustix::fs::fstatfs(file).is_ok_and(|found| !NETWORK.contains(&(found.f_type as u32)))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        false
    }
}

/// Why the mbox could not be locked, and what to do.
#[derive(Debug)]
struct Refused {
    text: String,
    source: Option<io::Error>,
}

impl Refused {
    fn busy(busy: Busy, lock: &Path, waited: Duration) -> io::Error {
        let (seconds, lock_file) = (waited.as_secs(), lock.display());
        let text = match busy {
            Busy::Kernel(kind) => format!(
                "another program has had it locked ({kind}) for {seconds} s; try again when that has finished"
            ),
            Busy::LockFile => match owner(lock) {
                Ok(Owner::Running(pid)) => format!(
                    "process {pid} has had it locked with the file {lock_file} for {seconds} s; try again \
                     when that has finished"
                ),
                _ => format!(
                    "another program has had it locked with the file {lock_file} for {seconds} s; try \
                     again later, and remove that file if no program is using the mbox"
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
                ", as all programs must that write to an mbox; run as a user who may create files in {} \
                 (in /var/mail that is often the group mail), or give an mbox in another folder, or a Maildir",
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
    use std::process::Command;

    use super::*;

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
            let locked =
                Locked::take(&path, folder.path().join("candidate"), Duration::ZERO, &Stop::new()).unwrap();
            assert!(!is_free(&path, peer), "{peer}");
            drop(locked);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{peer}");
            assert!(is_free(&path, peer), "{peer}");
            let _ = fs::remove_file(beside(&path, ".lock"));
        }
    }

    #[test]
    fn whoever_has_it_is_named_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        let take = || Locked::take(&path, folder.path().join("candidate"), Duration::ZERO, &Stop::new());
        let locked = take().unwrap();
        // A second lock of the same process: that by flock(2) tells them apart.
        assert!(take().unwrap_err().to_string().contains("another program has had it locked"));
        drop(locked);
        let parent = std::os::unix::process::parent_id();
        fs::write(beside(&path, ".lock"), parent.to_string()).unwrap();
        let text = take().unwrap_err().to_string();
        assert!(text.contains(&format!("process {parent} ")) && text.contains("box.lock"), "{text}");
        fs::remove_file(beside(&path, ".lock")).unwrap();
        fs::create_dir(beside(&path, ".lock")).unwrap();
        assert!(take().unwrap_err().to_string().contains("remove that file"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_was_replaced_is_opened_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box");
        fs::write(&path, "old").unwrap();
        let file = File::open(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        fs::write(folder.path().join("new"), "new").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
    }
}
