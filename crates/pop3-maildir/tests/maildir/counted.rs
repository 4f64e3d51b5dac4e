//! A disk that counts what is asked of it, a day from now, so that every file and directory has been left alone for long.

use core::any::Any;
use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use pop3_disk::{Disk, File, Folder, FolderEntry, Lock, Open, Stat, System};

/// How often each call was made, and under `written` how many octets.
pub(crate) type Counts = BTreeMap<&'static str, u64>;

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Debug)]
pub(crate) struct Counted {
    inner: Arc<dyn Disk>,
    counts: Arc<Mutex<Counts>>,
    without_locks: bool,
    /// What the clock shows.
    time: Option<SystemTime>,
    /// How far the clock is ahead otherwise.
    ahead: Duration,
    /// Files that can't be opened.
    refused: Arc<Mutex<BTreeMap<Vec<u8>, io::ErrorKind>>>,
    /// What is removed behind the next listing.
    leaving: Arc<Mutex<Option<PathBuf>>>,
    meanwhile: Arc<Mutex<Meanwhile>>,
}

/// What is done before each call, which is named.
pub(crate) struct Meanwhile(Box<dyn FnMut(&'static str) + Send>);

impl Default for Meanwhile {
    fn default() -> Self {
        Self(Box::new(|_| ()))
    }
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Counted {
    pub(crate) fn new() -> Self {
        Self::over(System::shared())
    }

    pub(crate) fn over(inner: Arc<dyn Disk>) -> Self {
        let (counts, refused, leaving, meanwhile) = Default::default();
        Self { inner, counts, without_locks: false, time: None, ahead: DAY, refused, leaving, meanwhile }
    }

    /// Grants every lock, whoever has it.
    pub(crate) fn without_locks(self) -> Self {
        Self { without_locks: true, ..self }
    }

    /// Stops the clock at this time.
    pub(crate) fn stopped_at(self, time: SystemTime) -> Self {
        Self { time: Some(time), ..self }
    }

    /// Shows the time of now.
    pub(crate) fn on_time(self) -> Self {
        Self { ahead: Duration::ZERO, ..self }
    }

    /// Refuses to open the files with this name.
    pub(crate) fn refuse(&self, name: &str, kind: io::ErrorKind) {
        self.refused.lock().unwrap().insert(name.into(), kind);
    }

    /// Removes this file as soon as a folder was listed.
    pub(crate) fn remove_when_listed(&self, path: &Path) {
        *self.leaving.lock().unwrap() = Some(path.into());
    }

    /// Does this before each call from now on.
    pub(crate) fn meanwhile(&self, act: impl FnMut(&'static str) + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Meanwhile(Box::new(act));
    }

    /// Refuses nothing any more.
    pub(crate) fn refuse_nothing(&self) {
        self.refused.lock().unwrap().clear();
    }

    pub(crate) fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// What was asked since the last time.
    pub(crate) fn take(&self) -> Counts {
        core::mem::take(&mut self.counts.lock().unwrap())
    }

    fn count(&self, what: &'static str, times: u64) {
        self.meanwhile.lock().unwrap().0(what);
        *self.counts.lock().unwrap().entry(what).or_default() += times;
    }

    fn folder(&self, inner: Arc<dyn Folder>) -> Arc<dyn Folder> {
        self.count("open folder", 1);
        Arc::new(CountedFolder { inner, disk: self.clone() })
    }
}

impl Disk for Counted {
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
        self.inner.temporary()
    }

    fn now(&self) -> SystemTime {
        self.time.unwrap_or_else(|| self.inner.now() + self.ahead)
    }

    fn pause(&self, time: Duration) {
        self.inner.pause(time);
    }
}

#[derive(Debug)]
struct CountedFolder {
    inner: Arc<dyn Folder>,
    disk: Counted,
}

impl CountedFolder {
    fn inner_of(folder: &dyn Folder) -> &dyn Folder {
        let folder: &dyn Any = folder;
        &*folder.downcast_ref::<Self>().unwrap().inner
    }
}

impl Folder for CountedFolder {
    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        self.disk.count("open", 1);
        if let Some(&kind) = self.disk.refused.lock().unwrap().get(name) {
            return Err(kind.into());
        }
        Ok(Box::new(CountedFile { inner: self.inner.open(name, how)?, disk: self.disk.clone() }))
    }

    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>> {
        Ok(self.disk.folder(self.inner.open_folder(name)?))
    }

    fn make_folder(&self, name: &[u8], mode: u32) -> io::Result<()> {
        self.inner.make_folder(name, mode)
    }

    fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        self.disk.count("stat", 1);
        self.inner.stat(name)
    }

    fn stat_self(&self) -> io::Result<Stat> {
        self.disk.count("stat of an open folder", 1);
        self.inner.stat_self()
    }

    fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()> {
        self.disk.count("list", 1);
        self.inner.list(each)?;
        self.disk.leaving.lock().unwrap().take().map_or(Ok(()), fs::remove_file)
    }

    fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        self.disk.count("rename", 1);
        self.inner.rename(old, Self::inner_of(to), new)
    }

    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        self.disk.count("rename", 1);
        self.inner.rename_new(old, Self::inner_of(to), new)
    }

    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        self.inner.link(old, Self::inner_of(to), new)
    }

    fn unlink(&self, name: &[u8]) -> io::Result<()> {
        self.disk.count("unlink", 1);
        self.inner.unlink(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.count("sync", 1);
        Ok(())
    }
}

#[derive(Debug)]
struct CountedFile {
    inner: Box<dyn File>,
    disk: Counted,
}

impl Read for CountedFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.disk.count("read", 1);
        self.inner.read(buf)
    }
}

impl Write for CountedFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buf)?;
        self.disk.count("write", 1);
        self.disk.count("octets written", written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Seek for CountedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl File for CountedFile {
    fn stat(&self) -> io::Result<Stat> {
        self.disk.count("stat of an open file", 1);
        self.inner.stat()
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.count("sync", 1);
        Ok(())
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        self.inner.set_len(octets)
    }

    fn try_lock(&self, lock: Lock) -> io::Result<bool> {
        Ok(self.disk.without_locks || self.inner.try_lock(lock)?)
    }

    fn unlock(&self, lock: Lock) -> io::Result<()> {
        self.inner.unlock(lock)
    }

    fn has_separate_locks(&self) -> bool {
        self.inner.has_separate_locks()
    }
}
