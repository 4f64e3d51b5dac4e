//! A run that panics at any call to the disk, and the runs after it: no message is lost, none is doubled.

use core::any::Any;
use core::panic::AssertUnwindSafe;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::panic::{catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use pop3_disk::{Disk, File, Folder, FolderEntry, Lock, Open, Stat};
use pop3_driver::Stop;

use super::found::{leftovers, stored};
use super::inbox::{Inbox, To};
use super::interrupted::{Quit, expected, folder, mail, session, system};
use crate::Target;

/// A disk that panics at one call, as a faulty implementation may.
#[derive(Debug)]
struct Panicking<D: ?Sized> {
    /// The calls until the panic, that one included; 0 when there is none ahead.
    left: Arc<AtomicU64>,
    inner: Arc<D>,
}

#[derive(Debug)]
struct PanickingFile {
    left: Arc<AtomicU64>,
    inner: Box<dyn File>,
}

fn call(left: &AtomicU64) {
    let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
    if before == Ok(1) {
        // Without a message.
        resume_unwind(Box::new(()));
    }
}

impl<D: ?Sized> Panicking<D> {
    fn call(&self) {
        call(&self.left);
    }

    fn folder(&self, inner: Arc<dyn Folder>) -> Arc<dyn Folder> {
        Arc::new(Panicking { left: Arc::clone(&self.left), inner })
    }

    fn file(&self, inner: Box<dyn File>) -> Box<dyn File> {
        Box::new(PanickingFile { left: Arc::clone(&self.left), inner })
    }
}

impl Disk for Panicking<dyn Disk> {
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        Ok(self.folder(self.inner.open_folder(path)?))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.canonical(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.read_link(path)
    }

    fn temporary(&self) -> io::Result<Box<dyn File>> {
        Ok(self.file(self.inner.temporary()?))
    }

    fn now(&self) -> SystemTime {
        self.inner.now()
    }

    fn pause(&self, time: Duration) {
        self.inner.pause(time);
    }
}

/// The folder behind one of ours.
fn inner(to: &dyn Folder) -> &dyn Folder {
    &*(to as &dyn Any).downcast_ref::<Panicking<dyn Folder>>().unwrap().inner
}

impl Folder for Panicking<dyn Folder> {
    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        self.call();
        Ok(self.file(self.inner.open(name, how)?))
    }

    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>> {
        Ok(self.folder(self.inner.open_folder(name)?))
    }

    fn make_folder(&self, name: &[u8], mode: u32) -> io::Result<()> {
        self.inner.make_folder(name, mode)
    }

    fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        self.inner.stat(name)
    }

    fn stat_self(&self) -> io::Result<Stat> {
        self.inner.stat_self()
    }

    fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()> {
        self.inner.list(each)
    }

    fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        self.call();
        self.inner.rename(old, inner(to), new)
    }

    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        self.call();
        self.inner.rename_new(old, inner(to), new)
    }

    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        self.call();
        self.inner.link(old, inner(to), new)
    }

    /// Lock files are removed by destructors. A panic in one of those may leak what is returned meanwhile.
    fn unlink(&self, name: &[u8]) -> io::Result<()> {
        if !name.windows(4).any(|part| part == b"lock") {
            self.call();
        }
        self.inner.unlink(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.call();
        self.inner.sync()
    }
}

impl Read for PanickingFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf)
    }
}

impl Write for PanickingFile {
    /// Half of the octets are written before the panic.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let half = self.inner.write(&octets[..octets.len().div_ceil(2)])?;
        call(&self.left);
        Ok(half)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Seek for PanickingFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl File for PanickingFile {
    fn stat(&self) -> io::Result<Stat> {
        self.inner.stat()
    }

    fn sync(&self) -> io::Result<()> {
        call(&self.left);
        self.inner.sync()
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        call(&self.left);
        self.inner.set_len(octets)
    }

    fn try_lock(&self, lock: Lock) -> io::Result<bool> {
        self.inner.try_lock(lock)
    }

    fn unlock(&self, lock: Lock) -> io::Result<()> {
        self.inner.unlock(lock)
    }

    fn has_separate_locks(&self) -> bool {
        self.inner.has_separate_locks()
    }
}

/// A run that panics at a call, and two that do not. Returns whether it came to this call.
fn panics_at(at: u64, target: fn(PathBuf) -> Target, delete: bool, anew: bool) -> bool {
    let folder = folder();
    let mail_folder = folder.path().join("mail");
    std::fs::create_dir(&mail_folder).unwrap();
    let (target, state) = (target(mail_folder.join("box")), folder.path().join("state"));
    let what = format!("{target:?} delete {delete} anew {anew}, call {at}");
    let left = Arc::new(AtomicU64::new(0));
    let disk: Arc<dyn Disk> =
        Arc::new(Panicking::<dyn Disk> { left: Arc::clone(&left), inner: system().shared() });
    let open = || Inbox::open(&disk, To::Target(&target), &state, "u@h:1", false, &Stop::new()).unwrap();
    let mut maildrop = mail(&["a", "large", "b", "c"]);
    let mut all = expected(&maildrop);
    let mut inbox = open();
    left.store(at, Ordering::Relaxed);
    let first = catch_unwind(AssertUnwindSafe(|| {
        session(&mut inbox, &mut maildrop, delete, || Quit::Answered, "").unwrap();
    }));
    left.store(0, Ordering::Relaxed);
    maildrop.push(("late", "late\r\n".to_owned()));
    all.insert("late\r\n".to_owned(), 1);
    for _ in 0..2 {
        if anew {
            drop(inbox);
            inbox = open();
        }
        session(&mut inbox, &mut maildrop, delete, || Quit::Answered, "")
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(stored(&target), all, "{what}");
    }
    assert_eq!(maildrop.is_empty(), delete, "{what}");
    drop(inbox);
    drop(open());
    assert_eq!(leftovers(&target), 0, "{what}");
    first.is_err()
}

#[test]
fn a_panic_at_any_call_to_the_disk_loses_and_repeats_nothing() {
    for target in [Target::Dir, Target::Maildir, Target::Mbox] {
        for (delete, anew) in [(true, true), (true, false), (false, false)] {
            let calls = (1..).find(|&at| !panics_at(at, target, delete, anew)).unwrap();
            assert!(calls > 20, "{calls}");
        }
    }
}
