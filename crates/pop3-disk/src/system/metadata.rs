//! What the system says of files, in our terms.

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{FileType, Gid, Mode, RawMode, Uid};

use crate::file::Ownership;
use crate::stat::{FileKind, Stat};

pub(super) fn ownership(fd: impl AsFd) -> io::Result<Ownership> {
    let stat = rustix::fs::fstat(fd)?;
    let mode = Mode::from_raw_mode(stat.st_mode as RawMode).bits();
    Ok(Ownership { owner: stat.st_uid, group: stat.st_gid, mode: mode as u32 })
}

pub(super) fn set_ownership(fd: impl AsFd, ownership: Ownership) -> io::Result<()> {
    let Ownership { owner, group, mode } = ownership;
    rustix::fs::fchown(&fd, Some(Uid::from_raw(owner)), Some(Gid::from_raw(group)))?;
    Ok(rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode as RawMode))?)
}

/// What the system says of a file, in our terms.
pub(super) fn stat(stat: &rustix::fs::Stat) -> Stat {
    Stat {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        device: unsigned(stat.st_dev),
        inode: unsigned(stat.st_ino),
        links: unsigned(stat.st_nlink),
        len: unsigned(stat.st_size),
        modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
    }
}

pub(super) fn kind(found: FileType) -> FileKind {
    let known = [
        (FileType::RegularFile, FileKind::File),
        (FileType::Directory, FileKind::Folder),
        (FileType::Symlink, FileKind::Link),
    ];
    known.into_iter().find(|&(kind, _)| kind == found).map_or(FileKind::Other, |(_, kind)| kind)
}

/// The fields of a stat have other types on other systems.
pub(super) fn unsigned(value: impl Into<i128>) -> u64 {
    u64::try_from(value.into()).unwrap_or(0)
}

fn nanoseconds(seconds: impl Into<i128>, nanos: impl Into<i128>) -> i64 {
    let time = seconds.into().saturating_mul(1_000_000_000).saturating_add(nanos.into());
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}
