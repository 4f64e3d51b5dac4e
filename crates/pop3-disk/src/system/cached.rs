//! What Linux can do without waiting for a disk: opening with the names that it has in memory, and reading from the
//! page cache.

use std::io::{self, IoSliceMut};
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::{Errno, ReadWriteFlags};

use super::GUARDED;

/// The file systems of a local disk that keep what they promise here, by their numbers in statfs(2): ext2 to ext4,
/// XFS, Btrfs, F2FS, bcachefs. Others either refuse [`read`], or ask a server in `open` and `fstat`, whatever the
/// flags say.
const LOCAL: [u32; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0xca45_1a4e];

/// Only names in memory, and nowhere else than beneath the directory.
const CACHED: ResolveFlags = ResolveFlags::CACHED
    .union(ResolveFlags::BENEATH)
    .union(ResolveFlags::NO_XDEV)
    .union(ResolveFlags::NO_SYMLINKS);

/// Writing the time of the access would start a transaction of the file system, which may wait for the disk.
const FLAGS: OFlags = GUARDED.union(OFlags::RDONLY).union(OFlags::NOATIME);

/// The position of the file.
const AT_POSITION: u64 = u64::MAX;

/// A folder, a slash, and a name of the longest length that the system takes.
const PATH: usize = 300;

/// Whether this is on the file system of a local disk. May block.
pub(super) fn is_local(fd: impl AsFd) -> bool {
    // The numbers have 32 bits; the field has the width of the machine.
    rustix::fs::fstatfs(fd).is_ok_and(|found| LOCAL.contains(&(found.f_type as u32)))
}

/// Opens `folder/name` for reading, if all that is needed is in memory.
pub(super) fn open(fd: impl AsFd, folder: &[u8], name: &[u8]) -> io::Result<OwnedFd> {
    let mut path = [0; PATH];
    let length = folder.len() + 1 + name.len();
    let path = path.get_mut(..length).ok_or(io::ErrorKind::InvalidFilename)?;
    path[..folder.len()].copy_from_slice(folder);
    path[folder.len()] = b'/';
    path[folder.len() + 1..].copy_from_slice(name);
    rustix::fs::openat2(fd, &*path, FLAGS, Mode::empty(), CACHED).map_err(named)
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
