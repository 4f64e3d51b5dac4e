//! The same random calls on the simulated disk and on the system have the same results.

use core::fmt::Write as _;
use core::time::Duration;
use std::io::{self, ErrorKind, Read as _, SeekFrom};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_disk::{Disk, File, FileKind, Folder, Lock, Open, Stat, System};
use pop3_simulation::Chance;
use pop3_simulation::disk::SimProcess;
use pop3_simulation::seeds::each_seed;
use tempfile::TempDir;

use crate::support::disk_with;

const CALLS: usize = 80;
const MOST_FILES: usize = 5;

/// One of the two disks.
struct Side {
    disk: Arc<dyn Disk>,
    place: PathBuf,
    /// `None` for the system.
    process: Option<SimProcess>,
    folders: Vec<Arc<dyn Folder>>,
    files: Vec<Box<dyn File>>,
    /// The times of all names when they were looked at last.
    times: Vec<(String, i64, i64)>,
}

impl Side {
    fn new(disk: Arc<dyn Disk>, place: &Path, process: Option<SimProcess>) -> Self {
        let folders = vec![disk.open_folder(place).unwrap()];
        Self { disk, place: place.to_owned(), process, folders, files: Vec::new(), times: Vec::new() }
    }

    fn make_link(&self, path: &str, target: &str) -> io::Result<()> {
        let path = self.place.join(path);
        match &self.process {
            Some(process) => process.make_link(&path, Path::new(target)),
            None => symlink(target, path),
        }
    }

    fn do_call(&mut self, call: &Call) -> String {
        told(self.try_call(call))
    }

    fn try_call(&mut self, call: &Call) -> io::Result<String> {
        let folder = |index: usize| &self.folders[index % self.folders.len()];
        match call {
            Call::Open { at, name, how } => {
                let file = folder(*at).open(name, *how)?;
                if self.files.len() == MOST_FILES {
                    self.files.remove(0);
                }
                self.files.push(file);
            }
            Call::Temporary => self.files.push(self.disk.temporary()?),
            Call::Close(file) if !self.files.is_empty() => drop(self.files.remove(file % self.files.len())),
            Call::OnFile { .. } if self.files.is_empty() => {}
            Call::Close(_) => {}
            Call::OnFile { file, call } => {
                let index = file % self.files.len();
                return on_file(&mut *self.files[index], call);
            }
            Call::OpenFolder(at, name) => {
                let opened = folder(*at).open_folder(name)?;
                self.folders.push(opened);
                if self.folders.len() > 4 {
                    self.folders.remove(1);
                }
            }
            Call::MakeFolder(at, name) => folder(*at).make_folder(name, 0o700)?,
            Call::Stat(at, name) => {
                return Ok(folder(*at).stat(name)?.map_or("nothing".to_owned(), |stat| shape(&stat)));
            }
            Call::StatSelf(at) => return Ok(shape(&folder(*at).stat_self()?)),
            Call::List(at) => return list(&**folder(*at)),
            Call::Rename { from, old, to, new, replaces } => {
                let (from, to) = (folder(*from), folder(*to));
                if *replaces { from.rename(old, &**to, new)? } else { from.rename_new(old, &**to, new)? }
            }
            Call::Link { from, old, to, new } => folder(*from).link(old, &**folder(*to), new)?,
            Call::Unlink(at, name) => folder(*at).unlink(name)?,
            Call::SyncFolder(at) => folder(*at).sync()?,
            Call::MakeLink(path, target) => self.make_link(path, target)?,
            Call::Canonical(path) => {
                let path = self.disk.canonical(&self.place.join(path))?;
                let place = self.disk.canonical(&self.place)?;
                return Ok(format!(
                    "{:?}",
                    path.strip_prefix(place.parent().unwrap()).unwrap_or(Path::new(""))
                ));
            }
            Call::ReadLink(path) => return Ok(format!("{:?}", self.disk.read_link(&self.place.join(path))?)),
            Call::MakeFolders(path) => drop(self.disk.make_folders(&self.place.join(path), 0o700)?),
            Call::OpenPath(path) => {
                let opened = self.disk.open_folder(&self.place.join(path))?;
                self.folders.push(opened);
            }
        }
        Ok(String::new())
    }

    /// The names of all directories that are open: what they are, what they contain, and which are the same file.
    fn state(&self) -> String {
        let (mut text, mut inodes) = (String::new(), Vec::<u64>::new());
        for folder in &self.folders {
            let Ok(listing) = list(&**folder) else { continue };
            for name in listing.lines().filter_map(|line| line.split(' ').next()) {
                let Ok(Some(stat)) = folder.stat(name.as_bytes()) else { continue };
                let known = inodes.iter().position(|&inode| inode == stat.inode);
                let same = known.unwrap_or_else(|| {
                    inodes.push(stat.inode);
                    inodes.len() - 1
                });
                write!(text, "{name} #{same} {}", shape(&stat)).unwrap();
                if stat.is_file() {
                    let mut octets = Vec::new();
                    folder.open(name.as_bytes(), Open::reading()).unwrap().read_to_end(&mut octets).unwrap();
                    write!(text, " {}", octets.escape_ascii()).unwrap();
                }
                text.push('\n');
            }
        }
        text
    }

    /// Which of the names that were there before have another time of modification, and of change.
    fn changed(&mut self) -> Vec<(String, bool, bool)> {
        let mut now = Vec::new();
        for (index, folder) in self.folders.iter().enumerate() {
            let mut all = vec![".".to_owned()];
            all.extend(
                list(&**folder).unwrap().lines().map(|line| line.split(' ').next().unwrap().to_owned()),
            );
            for name in all {
                let stat = folder.stat(name.as_bytes()).unwrap().unwrap();
                now.push((format!("{index}/{name}"), stat.modified, stat.changed));
            }
        }
        let before = core::mem::replace(&mut self.times, now);
        let told = self.times.iter().filter_map(|(name, modified, changed)| {
            let old = before.iter().find(|old| old.0 == *name)?;
            Some((name.clone(), old.1 != *modified, old.2 != *changed))
        });
        told.collect()
    }
}

fn told(result: io::Result<String>) -> String {
    match result {
        Ok(text) => text,
        Err(error) => match error.raw_os_error() {
            Some(number) => format!("error {number} ({error})"),
            None => format!("error {:?}", error.kind()),
        },
    }
}

/// What must be the same on both disks.
fn shape(stat: &Stat) -> String {
    // The length and links of directories are up to the file system.
    if stat.kind == FileKind::Folder {
        return "Folder".to_owned();
    }
    format!("{:?} links {} len {}", stat.kind, stat.links, stat.len)
}

fn list(folder: &dyn Folder) -> io::Result<String> {
    let mut lines = Vec::new();
    folder.list(&mut |entry| {
        let kind = entry.kind.expect("both tell the type");
        lines.push(format!("{} {kind:?}\n", entry.name.escape_ascii()));
        assert_ne!(entry.inode, 0);
    })?;
    lines.sort();
    Ok(lines.concat())
}

fn on_file(file: &mut dyn File, call: &FileCall) -> io::Result<String> {
    match call {
        FileCall::Read(octets) => {
            let mut buf = vec![0; *octets];
            let count = file.read(&mut buf)?;
            return Ok(buf[..count].escape_ascii().to_string());
        }
        FileCall::Write(octets) => return Ok(file.write(octets)?.to_string()),
        FileCall::Seek(to) => return Ok(file.seek(*to)?.to_string()),
        FileCall::SetLen(octets) => file.set_len(*octets)?,
        FileCall::Stat => return Ok(shape(&file.stat()?)),
        FileCall::Sync => file.sync()?,
        FileCall::TryLock(lock) => return Ok(file.try_lock(*lock)?.to_string()),
        FileCall::Unlock(lock) => file.unlock(*lock)?,
    }
    Ok(String::new())
}

#[derive(Debug)]
enum Call {
    Open { at: usize, name: Vec<u8>, how: Open },
    Temporary,
    Close(usize),
    OnFile { file: usize, call: FileCall },
    OpenFolder(usize, Vec<u8>),
    MakeFolder(usize, Vec<u8>),
    Stat(usize, Vec<u8>),
    StatSelf(usize),
    List(usize),
    Rename { from: usize, old: Vec<u8>, to: usize, new: Vec<u8>, replaces: bool },
    Link { from: usize, old: Vec<u8>, to: usize, new: Vec<u8> },
    Unlink(usize, Vec<u8>),
    SyncFolder(usize),
    MakeLink(String, String),
    Canonical(String),
    ReadLink(String),
    MakeFolders(String),
    OpenPath(String),
}

#[derive(Debug)]
enum FileCall {
    Read(usize),
    Write(Vec<u8>),
    Seek(SeekFrom),
    SetLen(u64),
    Stat,
    Sync,
    TryLock(Lock),
    Unlock(Lock),
}

fn name(chance: &Chance) -> Vec<u8> {
    match chance.below(40) {
        0 => b".".to_vec(),
        1 => vec![b'x'; 256],
        2 => vec![b'y'; 255],
        3 => Vec::new(),
        _ => chance.pick(&[&b"a"[..], b"b", b"c", b"sub", b"sub2", b"link"]).to_vec(),
    }
}

fn path(chance: &Chance) -> String {
    let parts = ["a", "b", "sub", "sub2", "link", ".", "sub/..", "sub/a", "sub/sub2", "link/b", "sub/link/a"];
    let mut path = (*chance.pick(&parts)).to_owned();
    if chance.per_mille(100) {
        path.push('/');
    }
    path
}

fn how(chance: &Chance) -> Open {
    let access = [Open::reading, Open::writing, Open::reading_and_writing, Open::appending];
    let how = chance.pick(&access)();
    let how = match chance.below(4) {
        0 | 1 => how.make(0o600),
        2 => how.make_new(0o600),
        _ => how,
    };
    // To truncate a file that is only read is undefined.
    if how.writes() && chance.per_mille(150) { how.emptied() } else { how }
}

fn file_call(chance: &Chance) -> FileCall {
    let by = |most: usize| i64::try_from(chance.below(most)).unwrap() - 3;
    let lock = *chance.pick(&[Lock::Whole, Lock::Records]);
    match chance.below(14) {
        0..4 => FileCall::Read(chance.below(20)),
        4..8 => FileCall::Write((0..chance.below(12)).map(|_| b'a' + chance.below(26) as u8).collect()),
        8 => FileCall::Seek(match chance.below(3) {
            0 => SeekFrom::Start(chance.below(20) as u64),
            1 => SeekFrom::End(by(10)),
            _ => SeekFrom::Current(by(10)),
        }),
        9 => FileCall::SetLen(chance.below(30) as u64),
        10 => FileCall::Stat,
        11 => FileCall::Sync,
        12 => FileCall::TryLock(lock),
        _ => FileCall::Unlock(lock),
    }
}

fn call(chance: &Chance) -> Call {
    let at = || chance.below(16);
    match chance.below(31) {
        0..6 => Call::Open { at: at(), name: name(chance), how: how(chance) },
        6 => Call::Temporary,
        7 => Call::Close(at()),
        8..15 => Call::OnFile { file: at(), call: file_call(chance) },
        15 => Call::OpenFolder(at(), name(chance)),
        16 => Call::MakeFolder(at(), name(chance)),
        17 => Call::Stat(at(), name(chance)),
        18 => Call::StatSelf(at()),
        19 => Call::List(at()),
        20..23 => Call::Rename {
            from: at(),
            old: name(chance),
            to: at(),
            new: name(chance),
            replaces: chance.per_mille(600),
        },
        23 => Call::Link { from: at(), old: name(chance), to: at(), new: name(chance) },
        24 => Call::Unlink(at(), name(chance)),
        25 => Call::SyncFolder(at()),
        26 => Call::MakeLink(
            chance.pick(&["a", "link", "sub/a", "sub/link", "none/a"]).to_string(),
            chance.pick(&["a", "sub", ".", "sub/a", "none", "link"]).to_string(),
        ),
        27 => Call::Canonical(path(chance)),
        28 => Call::ReadLink(path(chance)),
        29 => Call::MakeFolders(path(chance)),
        _ => Call::OpenPath(path(chance)),
    }
}

/// Whether the system has a call that some file systems lack.
fn has_rename_new(disk: &dyn Disk, place: &Path) -> bool {
    let folder = disk.open_folder(place).unwrap();
    let result = folder.rename_new(b"none", &*folder, b"none2");
    result.unwrap_err().kind() != ErrorKind::Unsupported
}

/// Waits until the file system's clock shows another time, so that a change has another time as well.
fn wait_for_tick(spare: &Path) {
    let folder = System::shared().open_folder(spare).unwrap();
    let touch = || {
        let file = folder.open(b"touched", Open::writing().make(0o600)).unwrap();
        file.set_len(0).unwrap();
        file.stat().unwrap().modified
    };
    let before = touch();
    while touch() == before {}
}

/// A directory on the disk, or mostly in memory, where syncs take no time.
fn folder(seed: u64) -> TempDir {
    let in_memory = (!seed.is_multiple_of(10)).then(|| tempfile::tempdir_in("/dev/shm").ok());
    in_memory.flatten().unwrap_or_else(|| tempfile::tempdir().unwrap())
}

fn compare(seeds: core::ops::Range<u64>, with_times: bool) {
    each_seed(seeds, |run| {
        let chance = &run.chance;
        // A path may lead out of the place, but by one directory only.
        let (outside, spare) = (folder(run.seed), folder(run.seed));
        let place = outside.path().join("place");
        System::shared().make_folders(&place, 0o700).unwrap();
        let has_rename_new = has_rename_new(&*System::shared(), &place);
        let sim = disk_with(chance, |nature| {
            nature.has_rename_new = has_rename_new;
            nature.tick = Duration::from_nanos(1);
            nature.call_time = Duration::from_nanos(1);
        });
        run.watch(&sim);
        let process = sim.process();
        process.disk().make_folders(Path::new("/outside/place"), 0o700).unwrap();
        let mut real = Side::new(System::shared(), &place, None);
        let mut simulated = Side::new(process.disk(), Path::new("/outside/place"), Some(process.clone()));
        for number in 0..CALLS {
            if with_times {
                wait_for_tick(spare.path());
                real.changed();
                simulated.changed();
            }
            let call = call(chance);
            sim.note(format!("{number}: {call:?}"));
            let (expected, found) = (real.do_call(&call), simulated.do_call(&call));
            assert_eq!(found, expected, "{call:?}");
            assert_eq!(simulated.state(), real.state(), "after {call:?}");
            if with_times {
                assert_eq!(simulated.changed(), real.changed(), "after {call:?}");
            }
        }
        drop(simulated);
        assert_eq!((process.descriptors(), process.locks()), (0, 0));
    });
}

#[test]
fn every_call_has_the_result_that_the_system_has() {
    compare(0..300, false);
}

#[test]
fn times_change_when_those_of_the_system_do() {
    compare(1000..1010, true);
}
