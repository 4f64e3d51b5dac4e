//! The folders of a Maildir as open directories, and the ways to look into them.
//!
//! Everything is done relative to an open directory, with one name and without following a link, so
//! that nobody can lead us elsewhere by moving directories about.

use core::time::Duration;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::name::Folder;

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// The directory of a Maildir, open: all that an idle session needs of it.
#[derive(Debug)]
pub(crate) struct Root {
    path: PathBuf,
    directory: OwnedFd,
}

/// An open Maildir with its folders, for as long as something is done in them.
#[derive(Debug)]
pub(crate) struct Folders<'r> {
    root: &'r Root,
    new: OwnedFd,
    cur: OwnedFd,
}

impl Root {
    /// Opens the directory of a Maildir. The path itself may be a link (it is the administrator's), what lies
    /// below may not (it is the user's).
    pub(crate) fn open(path: &Path, create: bool) -> io::Result<Self> {
        Ok(Self { path: path.to_path_buf(), directory: open_root(path, create)? })
    }

    /// Opens the folders beneath this directory, whatever its path leads to by now.
    ///
    /// A Maildir has `new` or `cur`; when one is missing it is made. Without both there is no
    /// Maildir, unless `create` asks for one.
    pub(crate) fn folders(&self, create: bool) -> io::Result<Folders<'_>> {
        let root = &self.directory;
        let (new, cur) = (subfolder(root, "new"), subfolder(root, "cur"));
        let neither = [&new, &cur].iter().all(|folder| is_missing(folder));
        if neither && !create {
            return Err(io::ErrorKind::NotFound.into());
        }
        let new = or_make(new, root, "new")?;
        let cur = or_make(cur, root, "cur")?;
        Ok(Folders { root: self, new, cur })
    }

    /// The path of a message, for people to read.
    pub(crate) fn path_of(&self, folder: Folder, name: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        self.path.join(folder.name()).join(std::ffi::OsStr::from_bytes(name))
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Folders<'_> {
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    pub(crate) fn folder(&self, folder: Folder) -> BorrowedFd<'_> {
        match folder {
            Folder::New => self.new.as_fd(),
            Folder::Cur => self.cur.as_fd(),
        }
    }

    /// Calls `each` for all names in both folders that do not begin with a dot.
    pub(crate) fn names(&self, mut each: impl FnMut(Folder, &[u8])) -> io::Result<()> {
        for folder in Folder::BOTH {
            for entry in Dir::read_from(self.folder(folder))? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if !name.starts_with(b".") {
                    each(folder, name);
                }
            }
        }
        Ok(())
    }

    /// When the folders changed last: while this stays, so do the names.
    pub(crate) fn changed(&self) -> io::Result<Changed> {
        Ok(Changed([Stamp::of_open(&self.new)?.modified, Stamp::of_open(&self.cur)?.modified]))
    }

    /// Waits, 20 ms at most, until the time of the folders tells again whether they kept still.
    pub(crate) fn wait_for_tick(&self) -> io::Result<()> {
        thread::sleep(self.changed()?.rest_of_tick());
        Ok(())
    }

    /// What a name stands for, `None` when there is no such name.
    pub(crate) fn stamp(&self, folder: Folder, name: &[u8]) -> io::Result<Option<Stamp>> {
        stamp_at(self.folder(folder), name)
    }

    /// Opens a message for reading: never waits, never follows a link.
    pub(crate) fn open_message(&self, folder: Folder, name: &[u8]) -> io::Result<(File, Stamp)> {
        open_file(self.folder(folder), name)
    }
}

/// When the folders changed last, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Changed([i64; 2]);

impl Changed {
    /// How long a change may still be followed by another at the same time of the file system's
    /// clock. Linux has ticks of at most 10 ms.
    const TICK: Duration = Duration::from_millis(20);

    /// What is left of the tick of the last change. Before that is over, an unchanged time proves
    /// nothing.
    pub(crate) fn rest_of_tick(self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let age = |&changed: &i64| now.checked_sub(u128::try_from(changed).ok()?);
        // A change in the future is another machine's clock, which waiting does not help.
        let ages = self.0.iter().filter_map(age).map(|age| u64::try_from(age).unwrap_or(u64::MAX));
        Self::TICK.saturating_sub(Duration::from_nanos(ages.min().unwrap_or(u64::MAX)))
    }
}

/// What the file system says about a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) kind: FileType,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) links: u64,
    /// In octets.
    pub(crate) len: u64,
    /// When the content changed, in nanoseconds since 1970.
    pub(crate) modified: i64,
    /// When the content, the name or the rights changed, in nanoseconds since 1970.
    pub(crate) changed: i64,
}

impl Stamp {
    pub(crate) fn of_open(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::from_stat(&rustix::fs::fstat(file)?))
    }

    fn from_stat(stat: &Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode),
            device: unsigned(stat.st_dev),
            inode: unsigned(stat.st_ino),
            links: unsigned(stat.st_nlink),
            len: unsigned(stat.st_size),
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// Whether both are the same file, whatever its name and content.
    pub(crate) const fn same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// Whether both are the same file with the same content. The name and the rights may differ.
    pub(crate) const fn same_message(&self, other: &Self) -> bool {
        self.same_file(other) && self.len == other.len && self.modified == other.modified
    }
}

pub(crate) fn stamp_at(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<Option<Stamp>> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(Stamp::from_stat(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens a regular file for reading: never waits, never follows a link.
pub(crate) fn open_file(folder: BorrowedFd<'_>, name: &[u8]) -> io::Result<(File, Stamp)> {
    let file = File::from(rustix::fs::openat(folder, name, FILE, Mode::empty())?);
    let stamp = Stamp::of_open(&file)?;
    if stamp.kind != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok((file, stamp))
}

/// Opens the directory of a Maildir, and makes it first if asked.
pub(crate) fn open_root(path: &Path, create: bool) -> io::Result<OwnedFd> {
    match rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty()) {
        Err(Errno::NOENT) if create => {}
        other => return Ok(other?),
    }
    match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let root = rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?;
    // So that the Maildir survives a loss of power as well as the mail in it does.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    rustix::fs::fsync(rustix::fs::openat(CWD, parent, DIRECTORY, Mode::empty())?)?;
    Ok(root)
}

pub(crate) fn subfolder(root: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(root, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?)
}

/// Makes a folder that was found missing.
pub(crate) fn or_make(found: io::Result<OwnedFd>, root: &OwnedFd, name: &str) -> io::Result<OwnedFd> {
    if !is_missing(&found) {
        return found;
    }
    match rustix::fs::mkdirat(root, name, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    rustix::fs::fsync(root)?;
    subfolder(root, name)
}

fn is_missing<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// The fields of a stat have other types on other systems.
fn unsigned(value: impl Into<i128>) -> u64 {
    u64::try_from(value.into()).unwrap_or(0)
}

fn nanoseconds(seconds: impl Into<i128>, nanos: impl Into<i128>) -> i64 {
    let time = seconds.into().saturating_mul(1_000_000_000).saturating_add(nanos.into());
    i64::try_from(time).unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}
