//! Faults at will, for tests.

mod files;

use core::time::Duration;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use files::{FaultyFile, FaultyFolder};

use crate::disk::Disk;
use crate::file::File;
use crate::folder::Folder;

/// A disk that can make any change fail or panic, or simulate that the process is killed at that change.
///
/// It counts the changes to all files: creating, truncating, writing, resizing, moving, linking and removing a file,
/// creating a directory, and syncing. A write that fails or panics has written half of its octets. Operations that only read
/// never fail, except that a test decides what is in the memory of the system: see [`warm_for`](Self::warm_for).
///
/// A sync counts as a change and can fail, but it is not carried out, so that tests need not wait for the disk.
/// Clones share the same faults.
///
/// ```
/// use std::io::Write as _;
/// use pop3_disk::{Disk, Faults, Open, System, What};
///
/// let place = tempfile::tempdir()?;
/// let faults = Faults::over(System::shared());
/// let folder = faults.open_folder(place.path())?;
/// faults.end_at(2);
/// let mut file = folder.open(b"note", Open::writing().make_new(0o600))?;
/// assert!(file.write_all(b"hello").is_err());
/// assert!(folder.unlink(b"note").is_err()); // A process that is gone tidies nothing up.
/// assert_eq!(std::fs::read(place.path().join("note"))?, b"he");
/// assert_eq!(faults.changes().iter().map(|change| change.what).collect::<Vec<_>>(), [What::Make]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Faults {
    inner: Arc<dyn Disk>,
    plan: Plan,
}

/// A change on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The kind of change.
    pub what: What,
    /// The file or directory, under the name with which it was opened. For a move, the new name. Empty for a
    /// [temporary](Disk::temporary) file.
    pub path: PathBuf,
}

/// A kind of change on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// A file was opened in a mode that creates or truncates it.
    Make,
    /// A directory was created.
    MakeFolder,
    /// Octets were written.
    Write,
    /// The length of a file was set.
    SetLen,
    /// A file was moved.
    Rename,
    /// A link to a file was created.
    Link,
    /// A name was removed.
    Unlink,
    /// A file or directory was synced.
    Sync,
    /// A whole file system was synced, for the directory with this path.
    SyncAll,
}

/// What is to fail, shared by all that was opened.
#[derive(Clone, Debug, Default)]
struct Plan(Arc<Mutex<Planned>>);

#[derive(Debug, Default)]
struct Planned {
    /// The changes until the fault, that one included; 0 when there is none ahead.
    left: u64,
    fault: Fault,
    has_failed: bool,
    without_rename_new: bool,
    without_links: bool,
    memory: Memory,
    tries: u64,
    with_sync_all: bool,
    changes: Vec<Change>,
}

/// What is in the memory of the system, so that a call without waiting succeeds.
#[derive(Clone, Copy, Debug, Default)]
enum Memory {
    /// What the system says.
    #[default]
    Asked,
    /// The system can't tell.
    Unknown,
    /// All that is needed for so many more calls.
    Warm(u64),
}

#[derive(Clone, Copy, Debug, Default)]
enum Fault {
    /// The process is gone from then on.
    #[default]
    End,
    /// So many changes fail.
    Several(u64, io::ErrorKind),
    /// One change panics.
    Panic,
}

/// A change that must not take place.
enum RefusedChange {
    /// The fault itself.
    Now(Refusal),
    /// It is behind the end of the process.
    Gone,
}

/// What the caller gets at a fault.
enum Refusal {
    Error(io::Error),
    Panic,
}

impl RefusedChange {
    fn into_error(self) -> io::Error {
        match self {
            Self::Now(Refusal::Error(error)) => error,
            // Without a message.
            Self::Now(Refusal::Panic) => resume_unwind(Box::new(())),
            Self::Gone => io::Error::other("the process is gone"),
        }
    }
}

impl Faults {
    /// Creates a disk with the files of another one. At first, nothing fails.
    #[must_use]
    pub fn over(inner: Arc<dyn Disk>) -> Self {
        Self { inner, plan: Plan::default() }
    }

    /// Returns the disk as a shared trait object.
    #[must_use]
    pub fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// Makes the change with this number fail, and all later ones, as if the process had been killed. The next change
    /// has the number 1.
    pub fn end_at(&self, change: u64) {
        self.plan.set(change, Fault::End);
    }

    /// Makes only the change with this number fail. The next change has the number 1.
    pub fn fail_at(&self, change: u64, kind: io::ErrorKind) {
        self.fail_from(change, 1, kind);
    }

    /// Makes so many changes from the one with this number on fail. The next change has the number 1.
    pub fn fail_from(&self, change: u64, count: u64, kind: io::ErrorKind) {
        self.plan.set(change, Fault::Several(count, kind));
    }

    /// Makes the change with this number panic, without a message, as a faulty disk may. The next change has the number 1.
    pub fn panic_at(&self, change: u64) {
        self.plan.set(change, Fault::Panic);
    }

    /// Removes all faults: from now on, every change succeeds.
    pub fn calm(&self) {
        self.plan.set(0, Fault::End);
    }

    /// Makes [`Folder::rename_new`] unsupported, as on old kernels and some file systems.
    pub fn without_rename_new(&self) {
        self.plan.lock().without_rename_new = true;
    }

    /// Makes [`Folder::link`] unsupported, as on FAT.
    pub fn without_links(&self) {
        self.plan.lock().without_links = true;
    }

    /// Makes the calls that never wait, such as [`Folder::try_open`] and [`File::try_read`], unsupported, as on old
    /// kernels and some file systems.
    pub fn without_tries(&self) {
        self.plan.lock().memory = Memory::Unknown;
    }

    /// Makes the next calls that never wait, such as [`Folder::try_open`] and [`File::try_read`], succeed, so many of
    /// them together, and all later ones fail with `WouldBlock`. This is independent of what the system can do and has
    /// in memory.
    pub fn warm_for(&self, calls: u64) {
        self.plan.lock().memory = Memory::Warm(calls);
    }

    /// Returns how many calls that never wait have succeeded.
    #[must_use]
    pub fn tries(&self) -> u64 {
        self.plan.lock().tries
    }

    /// Makes [`Folder::sync_all`] supported. At first, it is not, whatever the file system is.
    pub fn with_sync_all(&self) {
        self.plan.lock().with_sync_all = true;
    }

    /// Returns whether the fault that was set last has occurred.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.plan.lock().has_failed
    }

    /// Returns the changes since a fault was last set or removed, or since the disk was created.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        self.plan.lock().changes.clone()
    }
}

impl Plan {
    fn lock(&self) -> MutexGuard<'_, Planned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, left: u64, fault: Fault) {
        let mut planned = self.lock();
        (planned.left, planned.fault, planned.has_failed) = (left, fault, false);
        planned.changes.clear();
    }

    /// Makes a call that must not wait. `call` is told whether to make the plain call in its place.
    fn attempt<T>(&self, call: impl FnOnce(bool) -> io::Result<T>) -> io::Result<T> {
        let memory = self.lock().memory;
        let done = match memory {
            Memory::Asked => call(false),
            Memory::Unknown => Err(io::ErrorKind::Unsupported.into()),
            Memory::Warm(0) => Err(io::ErrorKind::WouldBlock.into()),
            Memory::Warm(_) => call(true),
        }?;
        let mut planned = self.lock();
        planned.tries += 1;
        if let Memory::Warm(left) = &mut planned.memory {
            *left = left.saturating_sub(1);
        }
        Ok(done)
    }

    /// A change comes next.
    fn change(&self, what: What, path: &Path) -> io::Result<()> {
        self.try_change(what, path).map_err(RefusedChange::into_error)
    }

    fn try_change(&self, what: What, path: &Path) -> Result<(), RefusedChange> {
        let mut planned = self.lock();
        let mut more = false;
        let refusal = match planned.fault {
            Fault::End if planned.has_failed => return Err(RefusedChange::Gone),
            Fault::End if planned.left == 1 => Refusal::Error(io::Error::other("the process ends here")),
            Fault::Several(count, kind) if planned.left == 1 => {
                planned.fault = Fault::Several(count.saturating_sub(1), kind);
                more = count > 1;
                Refusal::Error(kind.into())
            }
            Fault::Panic if planned.left == 1 => Refusal::Panic,
            Fault::End | Fault::Several(..) | Fault::Panic => {
                planned.left = planned.left.saturating_sub(1);
                planned.changes.push(Change { what, path: path.to_owned() });
                return Ok(());
            }
        };
        planned.left = u64::from(more);
        planned.has_failed = true;
        Err(RefusedChange::Now(refusal))
    }
}

impl Disk for Faults {
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        let inner = self.inner.open_folder(path)?;
        Ok(Arc::new(FaultyFolder { inner, path: path.to_owned(), plan: self.plan.clone() }))
    }

    fn try_open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        let open = |warm| if warm { self.inner.open_folder(path) } else { self.inner.try_open_folder(path) };
        let inner = self.plan.attempt(open)?;
        Ok(Arc::new(FaultyFolder { inner, path: path.to_owned(), plan: self.plan.clone() }))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.canonical(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.read_link(path)
    }

    fn temporary(&self) -> io::Result<Box<dyn File>> {
        let path = PathBuf::new();
        self.plan.change(What::Make, &path)?;
        Ok(Box::new(FaultyFile { inner: self.inner.temporary()?, path, plan: self.plan.clone() }))
    }

    fn now(&self) -> SystemTime {
        self.inner.now()
    }

    fn pause(&self, time: Duration) {
        self.inner.pause(time);
    }
}
