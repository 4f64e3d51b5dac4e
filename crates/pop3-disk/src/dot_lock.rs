//! The lock file beside a file, `FILE.lock`, as lockfile_create(3) of liblockfile and Dovecot make it.

use std::io::{self, Read as _, SeekFrom};
use std::process;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::file::File;
use crate::folder::is_without_links;
use crate::open::Open;
use crate::spot::Spot;
use crate::stat::Stat;

/// At this age, in nanoseconds, a lock file that names no process of this machine counts as given up; liblockfile has
/// the same.
const GIVEN_UP: u64 = 5 * 60 * 1_000_000_000;

/// As others make lock files: all may read who has it.
const READABLE: Open = Open::writing().make_new(0o644);

/// A lock file of this process. Dropping the value removes it.
#[derive(Debug)]
pub struct DotLock {
    spot: Spot,
    made: Stat,
}

/// A file under a name that no other process uses, ready to become a lock file. Linking it to the name of the lock
/// file succeeds for one process only, also over NFS. Dropping the value removes it.
#[derive(Debug)]
pub struct DotLockCandidate {
    spot: Spot,
    made: Stat,
}

impl DotLockCandidate {
    /// Creates the file. Its content is the process and the machine, `PID:HOST`, as Dovecot writes it and
    /// liblockfile reads it.
    ///
    /// # Errors
    /// Returns an error of the system. A full disk is none: the file is then empty.
    pub fn make(spot: Spot) -> io::Result<Self> {
        // A killed process may have had our process ID, and so used the same name.
        match spot.remove() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = spot.open(READABLE)?;
        let written = sign(&mut *file);
        let candidate = Self { spot, made: file.stat()? };
        match written {
            // On a full disk, an empty lock is better than none: a torn write can be repaired under it.
            Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(error),
            _ => Ok(candidate),
        }
    }

    /// Takes the lock, or returns `None` if another process has it. A lock of a process of this machine that has ended is
    /// stale, and one that names no process of this machine is after five minutes. A stale lock is removed.
    ///
    /// No other thread of this process, and no process with the same process ID in another container, may use this lock
    /// file at the same time. Make sure of that with a lock of the kernel.
    ///
    /// # Errors
    /// Returns an error of the system.
    pub fn try_take(&self, lock: &Spot) -> io::Result<Option<DotLock>> {
        let taken = self.link(lock)?;
        if taken.is_some() || !self.remove_stale(lock)? { Ok(taken) } else { self.link(lock) }
    }

    fn link(&self, lock: &Spot) -> io::Result<Option<DotLock>> {
        match self.spot.link(lock) {
            // A file system without links. To move the file there is as good, but not every system can do that
            // without replacing what is there.
            Err(error) if is_without_links(&error) => match self.spot.rename_new(lock) {
                Err(error) if error.kind() == io::ErrorKind::Unsupported => return make(lock),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            },
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let found = lock.stat()?;
        Ok(found.filter(|found| found.same_file(&self.made)).map(|made| DotLock { spot: lock.clone(), made }))
    }

    /// Removes the lock file of a process that has ended or given up; says whether it is gone.
    fn remove_stale(&self, lock: &Spot) -> io::Result<bool> {
        let Some(stale) = lock.stat()? else { return Ok(true) };
        let is_stale = stale.is_file()
            && match LockOwner::of(lock)? {
                LockOwner::Running(_) => false,
                LockOwner::Gone => true,
                // By the clock of the file system, which may be another machine's. If it was set back since, the lock
                // seems to come from the future.
                LockOwner::Unknown => self.made.modified.abs_diff(stale.modified) > GIVEN_UP,
            };
        // Another process may have been faster and hold the lock now.
        if !is_stale || lock.stat()?.is_none_or(|now| !now.same_file(&stale)) {
            return Ok(false);
        }
        lock.remove()?;
        Ok(true)
    }
}

/// Makes a lock file in two steps: one that is killed in between leaves a lock without an owner.
fn make(lock: &Spot) -> io::Result<Option<DotLock>> {
    match lock.open(READABLE) {
        Ok(mut file) => {
            let made = DotLock { spot: lock.clone(), made: file.stat()? };
            // An empty lock is better than none.
            let _ = sign(&mut *file);
            Ok(Some(made))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes whose lock it is, and the process last: a part of `PID:HOST` could name another process, which may never end.
fn sign(file: &mut dyn File) -> io::Result<()> {
    let pid = process::id().to_string();
    let mut write = || {
        file.seek(SeekFrom::Start(pid.len() as u64))?;
        file.write_all(format!(":{}", host()).as_bytes())?;
        file.rewind()?;
        file.write_all(pid.as_bytes())
    };
    let written = write();
    if written.is_err() {
        let _ = file.set_len(0);
    }
    written
}

impl Drop for DotLockCandidate {
    fn drop(&mut self) {
        // If it can't be removed now, the next run does it.
        let _ = self.spot.remove();
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        // Another process considered it stale and holds the lock now. Do not remove it.
        let found = self.spot.stat();
        if found.is_ok_and(|found| found.is_some_and(|found| found.same_file(&self.made))) {
            let _ = self.spot.remove();
        }
    }
}

/// The process that created a lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockOwner {
    /// A process of this machine.
    Running(i32),
    /// A process of this machine that has ended.
    Gone,
    /// It does not say, or the process is on another machine.
    Unknown,
}

impl LockOwner {
    /// Reads who created a lock file: a process, and behind a colon the machine.
    ///
    /// # Errors
    /// Returns an error of the system. A file that is gone or cannot be opened has an unknown owner.
    pub fn of(lock: &Spot) -> io::Result<Self> {
        /// More than any process and machine take.
        const LONGEST: u64 = 512;
        let mut text = Vec::new();
        match lock.open(Open::reading()) {
            Ok(file) => file.take(LONGEST).read_to_end(&mut text)?,
            // It is gone, or we may not look.
            Err(_) => return Ok(Self::Unknown),
        };
        let text = String::from_utf8_lossy(&text);
        let (pid, machine) = match text.split_once(':') {
            Some((pid, machine)) => (pid, Some(machine.trim())),
            None if text.ends_with('\n') => (text.as_ref(), None),
            // It may be the beginning of a number: a power failure has cut it.
            None => return Ok(Self::Unknown),
        };
        let Some(pid) = pid.trim().parse().ok().filter(|&pid| pid > 0).and_then(Pid::from_raw) else {
            return Ok(Self::Unknown);
        };
        if machine.is_some_and(|machine| machine != host()) {
            return Ok(Self::Unknown);
        }
        let number = pid.as_raw_nonzero().get();
        // We do not hold this lock: an earlier process had our process ID, as happens in containers.
        if u32::try_from(number) == Ok(process::id()) {
            return Ok(Self::Gone);
        }
        Ok(if test_kill_process(pid) == Err(Errno::SRCH) { Self::Gone } else { Self::Running(number) })
    }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::time::SystemTime;

    use super::DotLockCandidate as Candidate;
    use super::*;
    use crate::faults::Faults;
    use crate::system::System;

    fn spot(path: &Path) -> Spot {
        Spot::at(&System::default(), path).unwrap()
    }

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
        let candidate = Candidate::make(spot(&folder.path().join("candidate"))).unwrap();
        let (gone, init) = (gone(), process::id());
        let parent = std::os::unix::process::parent_id();
        let old = Duration::from_secs(6 * 60);
        let here = host();
        for (content, age, taken) in [
            (format!("{gone}:{here}"), Duration::ZERO, true),
            (format!("{gone}\n"), Duration::ZERO, true),
            // In a container, the process ID is the same each time.
            (format!("{init}:{here}"), Duration::ZERO, true),
            (format!("{parent}:{here}"), old, false),
            (format!("{parent}\n"), old, false),
            // The beginning of what another process wrote, after a power failure.
            (format!("{parent}"), Duration::ZERO, false),
            (format!("{parent}"), old, true),
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
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            let lock = candidate.try_take(&spot(&path)).unwrap();
            assert_eq!(lock.is_some(), taken, "{content:?} {age:?}");
            drop(lock);
            assert_eq!(path.exists(), !taken, "{content:?} {age:?}");
        }
    }

    #[test]
    fn a_lock_that_was_given_up_before_the_clock_was_set_back_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.lock");
        let candidate = Candidate::make(spot(&folder.path().join("candidate"))).unwrap();
        for (ahead, taken) in [(60, false), (24 * 60 * 60, true)] {
            fs::write(&path, "").unwrap();
            let file = fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(ahead)).unwrap();
            assert_eq!(candidate.try_take(&spot(&path)).unwrap().is_some(), taken, "{ahead}");
        }
    }

    #[test]
    fn one_has_it_where_there_are_no_links_too() {
        for rename_new in [true, false] {
            let faults = Faults::over(System::shared());
            faults.without_links();
            if !rename_new {
                faults.without_rename_new();
            }
            let folder = tempfile::tempdir().unwrap();
            let spot = |name: &str| Spot::at(&faults, &folder.path().join(name)).unwrap();
            let (one, other) =
                (Candidate::make(spot("one")).unwrap(), Candidate::make(spot("other")).unwrap());
            // Of a process that runs, as ours is.
            fs::write(folder.path().join("one"), format!("{}\n", std::os::unix::process::parent_id()))
                .unwrap();
            let lock = one.try_take(&spot("box.lock")).unwrap().unwrap();
            if rename_new {
                assert!(other.try_take(&spot("box.lock")).unwrap().is_none());
            } else {
                let text = fs::read_to_string(folder.path().join("box.lock")).unwrap();
                assert_eq!(text, format!("{}:{}", process::id(), host()));
            }
            drop(lock);
            assert!(other.try_take(&spot("box.lock")).unwrap().is_some());
            drop((one, other));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    /// A process that is killed while it writes its number has not written that of another process.
    #[test]
    fn a_part_of_what_is_written_names_no_other_process() {
        let ours = process::id().to_string();
        for (change, kind) in
            (1..6).flat_map(|change| [(change, None), (change, Some(io::ErrorKind::StorageFull))])
        {
            let folder = tempfile::tempdir().unwrap();
            let faults = Faults::over(System::shared());
            let lock = Spot::at(&faults, &folder.path().join("box.lock")).unwrap();
            match kind {
                Some(kind) => faults.fail_at(change, kind),
                None => faults.end_at(change),
            }
            let _ = make(&lock);
            let text = fs::read_to_string(lock.path()).unwrap_or_default();
            let pid = text.split(':').next().unwrap_or_default();
            assert!(
                pid == ours || pid.parse::<u32>().is_err(),
                "{change} {kind:?}: {text:?} instead of {ours}"
            );
        }
    }

    #[test]
    fn one_has_it_and_others_find_out_who() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("box.lock");
        let candidate = Candidate::make(spot(&folder.path().join("candidate"))).unwrap();
        let lock = candidate.try_take(&spot(&path)).unwrap().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}:{}", process::id(), host()));
        drop(candidate);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        // A process that lost its lock does not take it back.
        let other = folder.path().join("other");
        fs::write(&other, "").unwrap();
        fs::rename(&other, &path).unwrap();
        drop(lock);
        assert!(path.exists());
    }
}
