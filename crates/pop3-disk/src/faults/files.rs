//! The files and folders of a disk with faults.

use core::any::Any;
use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Memory, Plan, RefusedChange, What};
use crate::file::{File, Lock, Ownership};
use crate::folder::{Folder, FolderEntry};
use crate::open::Open;
use crate::stat::Stat;

#[derive(Debug)]
pub(super) struct FaultyFolder {
    pub(super) inner: Arc<dyn Folder>,
    pub(super) path: PathBuf,
    pub(super) plan: Plan,
}

impl FaultyFolder {
    /// The other directory of a move.
    fn of(folder: &dyn Folder) -> io::Result<&Self> {
        let folder: &dyn Any = folder;
        folder.downcast_ref().ok_or_else(|| io::ErrorKind::CrossesDevices.into())
    }

    fn path_of(&self, name: &[u8]) -> PathBuf {
        self.path.join(OsStr::from_bytes(name))
    }

    fn change(&self, what: What, name: &[u8]) -> io::Result<()> {
        self.plan.change(what, &self.path_of(name))
    }
}

impl Folder for FaultyFolder {
    fn ownership(&self) -> io::Result<Ownership> {
        self.inner.ownership()
    }

    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        if how.is_change() {
            self.change(What::Make, name)?;
        }
        let inner = self.inner.open(name, how)?;
        Ok(Box::new(FaultyFile { inner, path: self.path_of(name), plan: self.plan.clone() }))
    }

    fn can_try(&self) -> bool {
        let memory = self.plan.lock().memory;
        match memory {
            Memory::Asked => self.inner.can_try(),
            Memory::Unknown => false,
            Memory::Warm(_) => true,
        }
    }

    fn try_open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        let inner = self.plan.attempt(|warm| match warm {
            true if how.is_change() => Err(io::ErrorKind::WouldBlock.into()),
            true => self.inner.open(name, how),
            false => self.inner.try_open(name, how),
        })?;
        Ok(Box::new(FaultyFile { inner, path: self.path_of(name), plan: self.plan.clone() }))
    }

    fn try_stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        self.plan.attempt(|warm| if warm { self.inner.stat(name) } else { self.inner.try_stat(name) })
    }

    fn try_open_in(&self, folder: &[u8], name: &[u8]) -> io::Result<Box<dyn File>> {
        let inner = self.plan.attempt(|warm| match warm {
            true => self.inner.open_folder(folder)?.open(name, Open::reading()),
            false => self.inner.try_open_in(folder, name),
        })?;
        let path = self.path_of(folder).join(OsStr::from_bytes(name));
        Ok(Box::new(FaultyFile { inner, path, plan: self.plan.clone() }))
    }

    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>> {
        let inner = self.inner.open_folder(name)?;
        Ok(Arc::new(Self { inner, path: self.path_of(name), plan: self.plan.clone() }))
    }

    fn make_folder(&self, name: &[u8], mode: u32) -> io::Result<()> {
        self.change(What::MakeFolder, name)?;
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
        let to = Self::of(to)?;
        to.change(What::Rename, new)?;
        self.inner.rename(old, &*to.inner, new)
    }

    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        let to = Self::of(to)?;
        if self.plan.lock().without_rename_new {
            return Err(io::ErrorKind::Unsupported.into());
        }
        to.change(What::Rename, new)?;
        self.inner.rename_new(old, &*to.inner, new)
    }

    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        let to = Self::of(to)?;
        if self.plan.lock().without_links {
            return Err(io::ErrorKind::Unsupported.into());
        }
        to.change(What::Link, new)?;
        self.inner.link(old, &*to.inner, new)
    }

    fn unlink(&self, name: &[u8]) -> io::Result<()> {
        self.change(What::Unlink, name)?;
        self.inner.unlink(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.plan.change(What::Sync, &self.path)
    }

    fn can_sync_all(&self) -> bool {
        self.plan.lock().with_sync_all
    }

    fn sync_all(&self) -> io::Result<()> {
        if !self.can_sync_all() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.plan.change(What::SyncAll, &self.path)
    }
}

#[derive(Debug)]
pub(super) struct FaultyFile {
    pub(super) inner: Box<dyn File>,
    pub(super) path: PathBuf,
    pub(super) plan: Plan,
}

impl Read for FaultyFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf)
    }
}

impl Write for FaultyFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.plan.try_change(What::Write, &self.path) {
            Ok(()) => self.inner.write(buf),
            Err(refused) => {
                if matches!(refused, RefusedChange::Now(_)) {
                    self.inner.write_all(&buf[..buf.len() / 2])?;
                }
                Err(refused.into_error())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Seek for FaultyFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl File for FaultyFile {
    fn ownership(&self) -> io::Result<Ownership> {
        self.inner.ownership()
    }

    fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.inner.set_modified(time)
    }

    fn set_ownership(&self, ownership: Ownership) -> io::Result<()> {
        self.inner.set_ownership(ownership)
    }

    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self { inner, plan, .. } = self;
        plan.attempt(|warm| if warm { inner.read(buf) } else { inner.try_read(buf) })
    }

    fn stat(&self) -> io::Result<Stat> {
        self.inner.stat()
    }

    fn sync(&self) -> io::Result<()> {
        self.plan.change(What::Sync, &self.path)
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        self.plan.change(What::SetLen, &self.path)?;
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
