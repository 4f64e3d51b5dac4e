//! What Linux can do without waiting for a disk: opening with the names that it has in memory, and reading from the
//! page cache.

use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dev, Mode, OFlags, ResolveFlags, Stat, StatxFlags};
use rustix::io::{Errno, ReadWriteFlags};

use super::GUARDED;
use super::metadata::unsigned;

/// The file systems of a local disk that keep what they promise here, by their numbers in statfs(2): ext2 to ext4,
/// XFS, Btrfs, F2FS, bcachefs. Others either refuse [`read`], or ask a server in `open` and `fstat`, whatever the
/// flags say.
const LOCAL: [u32; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0xca45_1a4e];

/// Only names in memory, and nowhere else than beneath the directory.
const CACHED: ResolveFlags = ResolveFlags::CACHED
    .union(ResolveFlags::BENEATH)
    .union(ResolveFlags::NO_XDEV)
    .union(ResolveFlags::NO_SYMLINKS);

/// Anywhere, as long as the names are in memory.
const ANYWHERE: ResolveFlags = ResolveFlags::CACHED;

/// Only the place of a file: nothing is opened, and no file system is asked.
const PLACE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

/// The position of the file.
const AT_POSITION: u64 = u64::MAX;

/// A folder, a slash, and a name of the longest length that the system takes.
const PATH: usize = 300;

/// The devices of file systems that were found to be local. Zero is none.
///
/// Only real devices are remembered: the numbers of others are given to another file system as soon as one is unmounted.
static LOCAL_DEVICES: Devices = Devices([const { AtomicU64::new(0) }; 8]);

struct Devices([AtomicU64; 8]);

/// Whether this is on the file system of a local disk, which is remembered. May block.
pub(super) fn is_local(fd: impl AsFd) -> bool {
    let fd = fd.as_fd();
    // The numbers have 32 bits; the field has the width of the machine.
    let is_local = rustix::fs::fstatfs(fd).is_ok_and(|found| LOCAL.contains(&(found.f_type as u32)));
    if is_local && let Ok(stat) = rustix::fs::fstat(fd) {
        LOCAL_DEVICES.remember(unsigned(stat.st_dev));
    }
    is_local
}

impl Devices {
    fn remember(&self, device: Dev) {
        if rustix::fs::major(device) == 0 || self.has(device) {
            return;
        }
        for place in &self.0 {
            // Two threads may remember the same device twice, which does no harm.
            if place.compare_exchange(0, device, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    fn has(&self, device: Dev) -> bool {
        device != 0 && self.0.iter().any(|place| place.load(Ordering::Relaxed) == device)
    }
}

/// The place of a directory, if its path is in memory and it is on a file system that is known to be local. Nothing is
/// asked of other file systems.
pub(super) fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = PLACE.union(OFlags::DIRECTORY);
    let fd = rustix::fs::openat2(CWD, path, flags, Mode::empty(), ANYWHERE).map_err(named)?;
    let flags = AtFlags::EMPTY_PATH.union(AtFlags::STATX_DONT_SYNC);
    let found = rustix::fs::statx(&fd, c"", flags, StatxFlags::TYPE).map_err(named)?;
    let device = rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor);
    if LOCAL_DEVICES.has(device) { Ok(fd) } else { Err(io::ErrorKind::WouldBlock.into()) }
}

/// Opens a file that exists, if all that is needed is in memory.
pub(super) fn open(fd: impl AsFd, name: &[u8], access: OFlags) -> io::Result<OwnedFd> {
    let mut flags = GUARDED.union(access);
    if !access.intersects(OFlags::WRONLY.union(OFlags::RDWR)) {
        // Writing the time of the access would start a transaction of the file system, which may wait for the disk.
        flags |= OFlags::NOATIME;
    }
    rustix::fs::openat2(fd, name, flags, Mode::empty(), CACHED).map_err(named)
}

/// Opens `folder/name` for reading, if all that is needed is in memory.
pub(super) fn open_in(fd: impl AsFd, folder: &[u8], name: &[u8]) -> io::Result<OwnedFd> {
    let mut path = [0; PATH];
    let length = folder.len() + 1 + name.len();
    let path = path.get_mut(..length).ok_or(io::ErrorKind::InvalidFilename)?;
    path[..folder.len()].copy_from_slice(folder);
    path[folder.len()] = b'/';
    path[folder.len() + 1..].copy_from_slice(name);
    open(fd, path, OFlags::RDONLY)
}

/// What a name stands for, if all that is needed is in memory.
pub(super) fn stat(fd: impl AsFd, name: &[u8]) -> io::Result<Option<Stat>> {
    let flags = PLACE.union(OFlags::NOFOLLOW);
    match rustix::fs::openat2(fd, name, flags, Mode::empty(), CACHED) {
        Ok(fd) => Ok(Some(rustix::fs::fstat(fd)?)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(named(error)),
    }
}

/// Reads at the position of the file, if the octets are in memory.
pub(super) fn read(fd: impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    rustix::io::preadv2(fd, &mut [IoSliceMut::new(buf)], AT_POSITION, ReadWriteFlags::NOWAIT).map_err(named)
}

/// The error of a call that the system has not, or does not allow here.
fn named(error: Errno) -> io::Error {
    match error {
        // Old kernels; filters of system calls, and files of others, whose time of access counts; other file systems.
        Errno::NOSYS | Errno::INVAL | Errno::PERM | Errno::OPNOTSUPP | Errno::XDEV => {
            io::ErrorKind::Unsupported.into()
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::makedev;

    use super::*;

    #[test]
    fn eight_real_devices_are_remembered() {
        let devices = Devices(Default::default());
        devices.remember(makedev(0, 5));
        assert!(!devices.has(makedev(0, 5)) && !devices.has(0));
        for minor in [0, 0, 1, 2, 3, 4, 5, 6, 7, 8] {
            devices.remember(makedev(8, minor));
        }
        let remembered: Vec<_> = (0..10).filter(|&minor| devices.has(makedev(8, minor))).collect();
        assert_eq!(remembered, [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}
