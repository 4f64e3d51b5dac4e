//! The files of the operating system.

#[cfg(target_os = "linux")]
mod cached;
mod metadata;

use core::any::Any;
use core::time::Duration;
use std::fs::{self, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::SystemTime;

#[cfg(target_os = "linux")]
use rustix::fs::RawDir;
use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RawMode};
use rustix::io::{Errno, retry_on_intr};

use crate::disk::Disk;
use crate::file::{File, Lock, Ownership};
use crate::folder::{Folder, FolderEntry};
use crate::open::{Access, Make, Open};
use crate::stat::Stat;
use crate::sync_all;
use metadata::{kind, stat};

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What keeps the opening of a file from waiting, and from leading elsewhere.
const GUARDED: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Octets of a listing that are read at once, at first and where there are many names.
#[cfg(target_os = "linux")]
const FEW: usize = 8 * 1024;
#[cfg(target_os = "linux")]
const LISTING: usize = 64 * 1024;

/// A directory with more names than this is read with the larger room. Long names take 128 octets each in a listing.
#[cfg(target_os = "linux")]
const FEW_NAMES: usize = FEW / 128;

/// The file system and the clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct System;

impl System {
    /// Returns the operating system as a shared trait object.
    #[must_use]
    pub fn shared() -> Arc<dyn Disk> {
        static SHARED: OnceLock<Arc<dyn Disk>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(|| Arc::new(Self)))
    }
}

impl Disk for System {
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        let fd = retry_on_intr(|| rustix::fs::openat(CWD, path, FOLDER, Mode::empty()))?;
        Ok(Arc::new(SystemFolder { fd, is_path: false }))
    }

    #[cfg(target_os = "linux")]
    fn try_open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        Ok(Arc::new(SystemFolder { fd: cached::open_folder(path)?, is_path: true }))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        fs::read_link(path)
    }

    fn temporary(&self) -> io::Result<Box<dyn File>> {
        Ok(Box::new(SystemFile { file: tempfile::tempfile()? }))
    }

    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }
}

#[derive(Debug)]
struct SystemFolder {
    fd: OwnedFd,
    /// Whether the descriptor stands for the place of the directory only, and can be neither read nor synced.
    is_path: bool,
}

impl SystemFolder {
    /// The other directory of a move.
    fn of(folder: &dyn Folder) -> io::Result<&Self> {
        let folder: &dyn Any = folder;
        folder.downcast_ref().ok_or_else(|| io::ErrorKind::CrossesDevices.into())
    }

    /// Opens the directory again, for reading and with a position of its own.
    fn again(&self) -> io::Result<OwnedFd> {
        Ok(retry_on_intr(|| rustix::fs::openat(&self.fd, ".", FOLDER, Mode::empty()))?)
    }

    /// Makes a call with a descriptor that can be synced.
    fn with_open<T>(&self, call: impl FnOnce(BorrowedFd<'_>) -> io::Result<T>) -> io::Result<T> {
        if self.is_path { call(self.again()?.as_fd()) } else { call(self.fd.as_fd()) }
    }
}

/// The flags for an access to a file.
fn access(access: Access) -> OFlags {
    match access {
        Access::Read => OFlags::RDONLY,
        Access::Write => OFlags::WRONLY,
        Access::ReadAndWrite => OFlags::RDWR,
        Access::Append => OFlags::WRONLY | OFlags::APPEND,
    }
}

impl Folder for SystemFolder {
    fn ownership(&self) -> io::Result<Ownership> {
        metadata::ownership(&self.fd)
    }

    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        let mut flags = GUARDED | access(how.access);
        let mode = match how.make {
            Make::Never => Mode::empty(),
            Make::IfMissing(mode) => {
                flags |= OFlags::CREATE;
                self::mode(mode)
            }
            Make::New(mode) => {
                flags |= OFlags::CREATE | OFlags::EXCL;
                self::mode(mode)
            }
        };
        flags.set(OFlags::TRUNC, how.truncate);
        let fd = retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, mode))?;
        Ok(Box::new(SystemFile { file: fd.into() }))
    }

    #[cfg(target_os = "linux")]
    fn can_try(&self) -> bool {
        self.is_path || cached::is_local(&self.fd)
    }

    #[cfg(target_os = "linux")]
    fn try_open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        if how.is_change() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let fd = cached::open(&self.fd, name, access(how.access))?;
        Ok(Box::new(SystemFile { file: fd.into() }))
    }

    #[cfg(target_os = "linux")]
    fn try_open_in(&self, folder: &[u8], name: &[u8]) -> io::Result<Box<dyn File>> {
        let fd = cached::open_in(&self.fd, folder, name)?;
        Ok(Box::new(SystemFile { file: fd.into() }))
    }

    #[cfg(target_os = "linux")]
    fn try_stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        Ok(cached::stat(&self.fd, name)?.map(|stat| self::stat(&stat)))
    }

    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>> {
        let flags = FOLDER | OFlags::NOFOLLOW;
        let fd = retry_on_intr(|| rustix::fs::openat(&self.fd, name, flags, Mode::empty()))?;
        Ok(Arc::new(Self { fd, is_path: false }))
    }

    fn make_folder(&self, name: &[u8], mode: u32) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.fd, name, self::mode(mode))?)
    }

    fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(self::stat(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn stat_self(&self) -> io::Result<Stat> {
        Ok(stat(&rustix::fs::fstat(&self.fd)?))
    }

    #[cfg(target_os = "linux")]
    fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()> {
        // Opened anew, because the place in a listing belongs to the open directory.
        let fd = self.again()?;
        // A small directory does not pay for the room that a large one needs.
        if !list_through(&fd, FEW, FEW_NAMES, each)? {
            list_through(&fd, LISTING, usize::MAX, each)?;
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()> {
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            tell(entry.file_name().to_bytes(), entry.ino(), entry.file_type(), each);
        }
        Ok(())
    }

    fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.fd, old, &Self::of(to)?.fd, new)?)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&self.fd, old, &Self::of(to)?.fd, new, flags) {
            // Some file systems and old kernels have no such call.
            Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::Unsupported.into()),
            other => Ok(other?),
        }
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_new(&self, _old: &[u8], _to: &dyn Folder, _new: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::linkat(&self.fd, old, &Self::of(to)?.fd, new, AtFlags::empty())?)
    }

    fn unlink(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        self.with_open(|fd| Ok(retry_on_intr(|| rustix::fs::fsync(fd))?))
    }

    fn can_sync_all(&self) -> bool {
        sync_all::is_safe(self.fd.as_fd()) && sync_all::is_cheap()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.with_open(sync_all::sync_all)
    }
}

#[derive(Debug)]
struct SystemFile {
    file: fs::File,
}

impl Read for SystemFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read(buf)
    }
}

impl Write for SystemFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.file.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for SystemFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl File for SystemFile {
    fn ownership(&self) -> io::Result<Ownership> {
        metadata::ownership(&self.file)
    }

    fn set_ownership(&self, ownership: Ownership) -> io::Result<()> {
        metadata::set_ownership(&self.file, ownership)
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(stat(&rustix::fs::fstat(&self.file)?))
    }

    #[cfg(target_os = "linux")]
    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        cached::read(&self.file, buf)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        self.file.set_len(octets)
    }

    fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.file.set_modified(time)
    }

    fn try_lock(&self, lock: Lock) -> io::Result<bool> {
        match lock {
            Lock::Whole => match self.file.try_lock() {
                Ok(()) => Ok(true),
                Err(TryLockError::WouldBlock) => Ok(false),
                Err(TryLockError::Error(error)) => Err(error),
            },
            Lock::Records => {
                match rustix::fs::fcntl_lock(&self.file, FlockOperation::NonBlockingLockExclusive) {
                    Ok(()) => Ok(true),
                    Err(Errno::ACCESS | Errno::AGAIN) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    fn unlock(&self, lock: Lock) -> io::Result<()> {
        match lock {
            Lock::Whole => self.file.unlock(),
            Lock::Records => Ok(rustix::fs::fcntl_lock(&self.file, FlockOperation::Unlock)?),
        }
    }

    #[cfg(target_os = "linux")]
    fn has_separate_locks(&self) -> bool {
        /// Network file systems of Linux, by their numbers in statfs(2): NFS, SMB, CIFS, SMB2, 9p, Ceph.
        const NETWORK: [u32; 6] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400];
        // The numbers have 32 bits; the field has the width of the machine.
        rustix::fs::fstatfs(&self.file).is_ok_and(|found| !NETWORK.contains(&(found.f_type as u32)))
    }

    #[cfg(not(target_os = "linux"))]
    fn has_separate_locks(&self) -> bool {
        false
    }
}

/// Goes on with the listing of an open directory, with room for this many octets of it. Returns `true` at its end, or
/// `false` if the room has to be filled again after more than `most` names.
#[cfg(target_os = "linux")]
fn list_through(
    fd: &OwnedFd,
    room: usize,
    most: usize,
    each: &mut dyn FnMut(FolderEntry<'_>),
) -> io::Result<bool> {
    let mut octets = Vec::with_capacity(room);
    let mut pieces = RawDir::new(fd, octets.spare_capacity_mut());
    let mut seen = 0;
    loop {
        if pieces.is_buffer_empty() && seen > most {
            return Ok(false);
        }
        let Some(entry) = pieces.next() else { return Ok(true) };
        let entry = entry?;
        seen += 1;
        tell(entry.file_name().to_bytes(), entry.ino(), entry.file_type(), each);
    }
}

/// Passes on what a listing has, except the directory itself and the one above it.
fn tell(name: &[u8], inode: u64, found: FileType, each: &mut dyn FnMut(FolderEntry<'_>)) {
    if !matches!(name, b"." | b"..") {
        let kind = (found != FileType::Unknown).then(|| kind(found));
        each(FolderEntry::new(name, inode, kind));
    }
}

fn mode(mode: u32) -> Mode {
    Mode::from_raw_mode(mode as RawMode)
}
