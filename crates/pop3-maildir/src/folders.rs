//! The directories of a Maildir as open directories, and the ways to look into them.
//!
//! Everything is done relative to an open directory, with one name and without following a link, so
//! that nobody can lead us elsewhere by moving directories about.

use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{Disk, File, FileKind, Folder as Directory, FolderEntry, Open, Spot, Stat};

use crate::name::MaildirFolder;

/// Where a message is written before it is delivered.
const TMP: &[u8] = b"tmp";

/// The directory of a Maildir, open: all that an idle session needs of it.
#[derive(Debug)]
pub(crate) struct Root {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    directory: Arc<dyn Directory>,
}

/// An open Maildir with its directories, for as long as something is done in them.
#[derive(Debug)]
pub(crate) struct Folders<'r> {
    root: &'r Root,
    new: Arc<dyn Directory>,
    cur: Arc<dyn Directory>,
}

impl Root {
    /// Opens the directory of a Maildir. The path itself may be a link (it is the administrator's), what lies
    /// below may not (it is the user's).
    pub(crate) fn open(disk: &Arc<dyn Disk>, path: &Path, create: bool) -> io::Result<Self> {
        let directory = open_root(&**disk, path, create)?;
        Ok(Self { disk: Arc::clone(disk), path: path.to_path_buf(), directory })
    }

    /// Opens the directory of a Maildir, if that is possible without waiting.
    pub(crate) fn try_to_open(disk: &Arc<dyn Disk>, path: &Path) -> io::Result<Self> {
        let directory = disk.try_open_folder(path)?;
        Ok(Self { disk: Arc::clone(disk), path: path.to_path_buf(), directory })
    }

    /// Opens the directories beneath this directory, whatever its path leads to by now.
    ///
    /// A Maildir has one of `new`, `cur` and `tmp`; when `new` or `cur` is missing it is made. Without all three there is
    /// no Maildir, unless `create` asks for one. An empty directory is none, either: it may be where a disk is not
    /// mounted, and a client that is told of an empty maildrop may forget what it has fetched.
    pub(crate) fn folders(&self, create: bool) -> io::Result<Folders<'_>> {
        let root = &*self.directory;
        let (new, cur) = (root.open_folder(b"new"), root.open_folder(b"cur"));
        let neither = [&new, &cur].iter().all(|folder| is_missing(folder));
        if neither && !create && !is_folder(root.stat(TMP)?) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let new = or_make(new, root, b"new")?;
        let cur = or_make(cur, root, b"cur")?;
        Ok(Folders { root: self, new, cur })
    }

    /// Makes `tmp` in a Maildir that lacks it: some programs that deliver mail need it. Nothing here does, so that it
    /// cannot be made is not told.
    pub(crate) fn complete(&self) {
        if matches!(self.directory.stat(TMP), Ok(None)) {
            let _ = make(&*self.directory, TMP);
        }
    }

    /// The state of both folders, without opening them. `None` if one is missing or is no directory.
    pub(crate) fn state(&self) -> io::Result<Option<State>> {
        let [new, cur] = MaildirFolder::BOTH.map(|folder| self.directory.stat(folder.name().as_bytes()));
        Ok(new?.zip(cur?).and_then(|(new, cur)| State::of([new, cur])))
    }

    /// The state of both folders, if that can be told without waiting.
    pub(crate) fn try_state(&self) -> io::Result<Option<State>> {
        let [new, cur] = MaildirFolder::BOTH.map(|folder| self.directory.try_stat(folder.name().as_bytes()));
        Ok(new?.zip(cur?).and_then(|(new, cur)| State::of([new, cur])))
    }

    /// Opens a file for reading, if that is possible without waiting. Never follows a link.
    pub(crate) fn try_open(&self, folder: MaildirFolder, name: &[u8]) -> io::Result<Box<dyn File>> {
        self.directory.try_open_in(folder.name().as_bytes(), name)
    }

    /// Opens a file for reading, whatever it is: never waits for another process, never follows a link.
    pub(crate) fn open_file(&self, folder: MaildirFolder, name: &[u8]) -> io::Result<Box<dyn File>> {
        self.directory.open_folder(folder.name().as_bytes())?.open(name, Open::reading())
    }

    /// The path of a message, for people to read.
    pub(crate) fn path_of(&self, folder: MaildirFolder, name: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        self.path.join(folder.name()).join(std::ffi::OsStr::from_bytes(name))
    }

    pub(crate) fn directory(&self) -> &dyn Directory {
        &*self.directory
    }

    /// A name in the directory.
    pub(crate) fn spot(&self, name: &Path) -> Spot {
        Spot::of(&self.directory, &self.path.join(name))
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    pub(crate) fn shared_disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }
}

impl Folders<'_> {
    pub(crate) fn disk(&self) -> &dyn Disk {
        self.root.disk()
    }

    pub(crate) fn folder(&self, folder: MaildirFolder) -> &dyn Directory {
        match folder {
            MaildirFolder::New => &*self.new,
            MaildirFolder::Cur => &*self.cur,
        }
    }

    /// Calls `each` for all names in both folders that do not begin with a dot.
    pub(crate) fn names(&self, mut each: impl FnMut(MaildirFolder, FolderEntry<'_>)) -> io::Result<()> {
        for folder in MaildirFolder::BOTH {
            self.folder(folder).list(&mut |entry| {
                if !entry.name.starts_with(b".") {
                    each(folder, entry);
                }
            })?;
        }
        Ok(())
    }

    /// The state of the folders: while this stays, so do the names.
    pub(crate) fn state(&self) -> io::Result<State> {
        State::of([self.new.stat_self()?, self.cur.stat_self()?])
            .ok_or_else(|| io::ErrorKind::NotADirectory.into())
    }

    /// Whether the folders kept still since `before` was asked, so that nothing was missed.
    pub(crate) fn kept_still(&self, before: &State) -> io::Result<bool> {
        Ok(self.state()? == *before && before.rest_of_tick(self.disk().now()).is_zero())
    }

    /// Waits, 20 ms at most, until the time of the directories tells again whether they kept still.
    pub(crate) fn wait_for_tick(&self) -> io::Result<()> {
        let state = self.state()?;
        self.disk().pause(state.rest_of_tick(self.disk().now()));
        Ok(())
    }

    /// What a name stands for, `None` when there is no such name.
    pub(crate) fn stat(&self, folder: MaildirFolder, name: &[u8]) -> io::Result<Option<Stat>> {
        self.folder(folder).stat(name)
    }

    /// Opens a message for reading: never waits, never follows a link.
    pub(crate) fn open_message(
        &self,
        folder: MaildirFolder,
        name: &[u8],
    ) -> io::Result<(Box<dyn File>, Stat)> {
        open_file(self.folder(folder), name)
    }
}

/// What the file system says about the two folders that changes whenever a name in them does.
///
/// Nobody can set the change time of a directory, as he can the time of modification. So a directory that was put back
/// from a backup is in another state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State([Stat; 2]);

impl State {
    /// How long a change may still be followed by another at the same time of the file system's
    /// clock. Linux has ticks of at most 10 ms.
    const TICK: Duration = Duration::from_millis(20);

    fn of(stats: [Stat; 2]) -> Option<Self> {
        stats.iter().all(|stat| stat.kind == FileKind::Folder).then_some(Self(stats))
    }

    /// Inode, modification time and change time of both, which tell one state from another.
    pub(crate) fn numbers(&self) -> [u64; 6] {
        let [new, cur] = &self.0;
        let times = |stat: &Stat| [stat.modified.cast_unsigned(), stat.changed.cast_unsigned()];
        let ([a, b], [c, d]) = (times(new), times(cur));
        [new.inode, a, b, cur.inode, c, d]
    }

    /// The state with these [`numbers`](Self::numbers).
    pub(crate) fn from_numbers(&[new, a, b, cur, c, d]: &[u64; 6]) -> Self {
        let stat = |inode, modified: u64, changed: u64| {
            let mut stat = Stat::of_file(0);
            (stat.kind, stat.inode) = (FileKind::Folder, inode);
            (stat.modified, stat.changed) = (modified.cast_signed(), changed.cast_signed());
            stat
        };
        Self([stat(new, a, b), stat(cur, c, d)])
    }

    /// The devices of the folders.
    pub(crate) fn devices(&self) -> [u64; 2] {
        self.0.map(|stat| stat.device)
    }

    /// Octets of the directories, which are more with more names.
    pub(crate) fn octets(&self) -> u64 {
        self.0.iter().fold(0, |octets, stat| stat.len.saturating_add(octets))
    }

    /// Whether both changed last before this time, in nanoseconds since 1970.
    pub(crate) fn is_older_than(&self, time: i64) -> bool {
        self.0.iter().all(|stat| stat.changed.max(stat.modified) < time)
    }

    /// What is left of the tick of the last change. Before that is over, an unchanged time proves
    /// nothing.
    pub(crate) fn rest_of_tick(&self, now: SystemTime) -> Duration {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let age = |stat: &Stat| now.checked_sub(u128::try_from(stat.changed.max(stat.modified)).ok()?);
        // A change in the future is due to another machine's clock. Waiting does not help.
        let ages = self.0.iter().filter_map(age).map(|age| u64::try_from(age).unwrap_or(u64::MAX));
        Self::TICK.saturating_sub(Duration::from_nanos(ages.min().unwrap_or(u64::MAX)))
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.numbers() == other.numbers()
    }
}

impl Eq for State {}

/// Opens a regular file for reading: never waits, never follows a link.
pub(crate) fn open_file(folder: &dyn Directory, name: &[u8]) -> io::Result<(Box<dyn File>, Stat)> {
    regular(folder.open(name, Open::reading())?)
}

/// Opens a regular file for reading, if that is possible without waiting.
pub(crate) fn try_open_file(folder: &dyn Directory, name: &[u8]) -> io::Result<(Box<dyn File>, Stat)> {
    regular(folder.try_open(name, Open::reading())?)
}

fn regular(file: Box<dyn File>) -> io::Result<(Box<dyn File>, Stat)> {
    let stat = file.stat()?;
    if !stat.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok((file, stat))
}

/// Opens the directory of a Maildir, and makes it first if asked, but not the directory above it.
pub(crate) fn open_root(disk: &dyn Disk, path: &Path, create: bool) -> io::Result<Arc<dyn Directory>> {
    match disk.open_folder(path) {
        Err(error) if create && error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let (parent, name) = disk.open_parent(path)?;
    make(&*parent, name)?;
    disk.open_folder(path)
}

/// Makes a directory that was found missing.
pub(crate) fn or_make(
    found: io::Result<Arc<dyn Directory>>,
    root: &dyn Directory,
    name: &[u8],
) -> io::Result<Arc<dyn Directory>> {
    if !is_missing(&found) {
        return found;
    }
    make(root, name)?;
    root.open_folder(name)
}

/// Makes a directory for its owner only, so that it survives a loss of power as well as the mail in it does.
fn make(above: &dyn Directory, name: &[u8]) -> io::Result<()> {
    match above.make_folder(name, 0o700) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    above.sync()
}

const fn is_folder(stat: Option<Stat>) -> bool {
    matches!(stat, Some(Stat { kind: FileKind::Folder, .. }))
}

fn is_missing<T>(result: &io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::NotFound)
}
