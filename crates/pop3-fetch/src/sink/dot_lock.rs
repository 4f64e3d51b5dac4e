//! The lock file beside an mbox, `FILE.lock`, as lockfile_create(3) of liblockfile makes it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::fuse;

/// At this age, in seconds, a lock file that names no process of this machine counts as given up; liblockfile has
/// the same.
const GIVEN_UP: i64 = 5 * 60;

/// A lock file, ours until this is dropped.
#[derive(Debug)]
pub(super) struct DotLock {
    path: PathBuf,
    id: (u64, u64),
}

/// A file of ours under a name that nobody else has. Linking it to the name of the lock file succeeds
/// for one alone, over NFS too.
#[derive(Debug)]
pub(super) struct Candidate {
    path: PathBuf,
    made: Metadata,
}

impl Candidate {
    /// Makes the file. Its content is the process and the machine, `PID:HOST`, as Dovecot writes it and
    /// liblockfile reads it.
    pub(super) fn make(path: PathBuf) -> io::Result<Self> {
        // One that was killed may have had our number, and so the name.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fuse::step()?,
        }
        let mut file = readable().open(&path)?;
        let written = file.write_all(format!("{}:{}", process::id(), host()).as_bytes());
        let candidate = Self { path, made: file.metadata()? };
        match written {
            // On a full disk an empty lock is better than none: what is torn can be repaired under it.
            Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(error),
            _ => Ok(candidate),
        }
    }

    /// Takes the lock, if nobody has it or it is stale. The kernel's lock on the mbox must be held: no
    /// process of this program is past it then.
    pub(super) fn try_take(&self, lock: &Path) -> io::Result<Option<DotLock>> {
        let taken = self.link(lock)?;
        if taken.is_some() || !self.remove_stale(lock)? { Ok(taken) } else { self.link(lock) }
    }

    fn link(&self, lock: &Path) -> io::Result<Option<DotLock>> {
        fuse::step()?;
        match fs::hard_link(&self.path, lock) {
            // A file system without links, or a server that does not tell: what is there decides.
            Err(error) if is_without_links(&error) => match readable().open(lock) {
                Ok(file) => {
                    let made = file.metadata()?;
                    return Ok(Some(DotLock { path: lock.to_owned(), id: id(&made) }));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            },
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let found = found(lock)?;
        Ok(found
            .filter(|found| id(found) == id(&self.made))
            .map(|found| DotLock { path: lock.to_owned(), id: id(&found) }))
    }

    /// Removes the lock file of a process that has ended or given up; says whether it is gone.
    fn remove_stale(&self, lock: &Path) -> io::Result<bool> {
        let Some(stale) = found(lock)? else { return Ok(true) };
        let is_stale = stale.is_file()
            && match owner(lock)? {
                Owner::Running(_) => false,
                Owner::Gone => true,
                // By the clock of the file system, which may be another machine's.
                Owner::Unknown => self.made.mtime().saturating_sub(stale.mtime()) > GIVEN_UP,
            };
        // Somebody may have been faster, and have the lock now.
        if !is_stale || found(lock)?.is_none_or(|now| id(&now) != id(&stale)) {
            return Ok(false);
        }
        fuse::step()?;
        fs::remove_file(lock)?;
        Ok(true)
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        if !fuse::is_burnt() {
            // If it can't be removed now, the next run does it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        // Who took it for stale has it now; it is not ours to remove.
        let ours = || fs::symlink_metadata(&self.path).is_ok_and(|found| id(&found) == self.id);
        if !fuse::is_burnt() && ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Who made a lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A process of this machine.
    Running(i32),
    /// A process of this machine that has ended.
    Gone,
    /// It does not say, or the process is on another machine.
    Unknown,
}

/// Who made the lock file, by its content: a process, and behind a colon the machine.
pub(super) fn owner(lock: &Path) -> io::Result<Owner> {
    /// More than any process and machine take.
    const LONGEST: u64 = 512;
    let mut text = Vec::new();
    match File::open(lock) {
        Ok(file) => file.take(LONGEST).read_to_end(&mut text)?,
        // It is gone, or we may not look.
        Err(_) => return Ok(Owner::Unknown),
    };
    let text = String::from_utf8_lossy(&text);
    let (pid, machine) = match text.split_once(':') {
        Some((pid, machine)) => (pid, Some(machine.trim())),
        None => (text.as_ref(), None),
    };
    let Some(pid) = pid.trim().parse().ok().filter(|&pid| pid > 0).and_then(Pid::from_raw) else {
        return Ok(Owner::Unknown);
    };
    if machine.is_some_and(|machine| machine != host()) {
        return Ok(Owner::Unknown);
    }
    let number = pid.as_raw_nonzero().get();
    // We have no such lock: an earlier process had our number, as happens in containers.
    if u32::try_from(number) == Ok(process::id()) {
        return Ok(Owner::Gone);
    }
    Ok(if test_kill_process(pid) == Err(Errno::SRCH) { Owner::Gone } else { Owner::Running(number) })
}

/// What lies under the path, if anything does.
fn found(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn readable() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o644);
    options
}

fn is_without_links(error: &io::Error) -> bool {
    let without = [Errno::PERM, Errno::NOSYS, Errno::OPNOTSUPP, Errno::MLINK];
    without.iter().any(|errno| Some(errno.raw_os_error()) == error.raw_os_error())
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::process::Command;
    use std::time::SystemTime;

    use super::*;

    /// A process that has ended.
    fn gone() -> u32 {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn a_lock_is_taken_over_only_from_who_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.lock");
        let candidate = Candidate::make(folder.path().join("candidate")).unwrap();
        let (gone, init) = (gone(), process::id());
        let parent = std::os::unix::process::parent_id();
        let old = Duration::from_secs(6 * 60);
        let here = host();
        for (content, age, taken) in [
            (format!("{gone}:{here}"), Duration::ZERO, true),
            (format!("{gone}\n"), Duration::ZERO, true),
            // In a container the number of the process is the same each time.
            (format!("{init}:{here}"), Duration::ZERO, true),
            (format!("{parent}:{here}"), old, false),
            (format!("{parent}"), old, false),
            (format!("{gone}:elsewhere.{here}"), Duration::ZERO, false),
            (format!("{gone}:elsewhere.{here}"), old, true),
            (String::new(), Duration::ZERO, false),
            (String::new(), old, true),
            ("0".to_owned(), Duration::ZERO, false),
            ("0".to_owned(), old, true),
            ("-1".to_owned(), Duration::ZERO, false),
            ("\u{fffd}99999999999999999999".to_owned(), Duration::ZERO, false),
        ] {
            fs::write(&path, &content).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            let lock = candidate.try_take(&path).unwrap();
            assert_eq!(lock.is_some(), taken, "{content:?} {age:?}");
            drop(lock);
            assert_eq!(path.exists(), !taken, "{content:?} {age:?}");
        }
    }

    #[test]
    fn one_has_it_and_others_find_out_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.lock");
        let candidate = Candidate::make(folder.path().join("candidate")).unwrap();
        let lock = candidate.try_take(&path).unwrap().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}:{}", process::id(), host()));
        drop(candidate);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        // Who was robbed of it does not rob in turn.
        let other = folder.path().join("other");
        fs::write(&other, "").unwrap();
        fs::rename(&other, &path).unwrap();
        drop(lock);
        assert!(path.exists());
    }
}
