//! A disk in memory: small, and the same in each run.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_disk::{Disk, File, FileKind, Folder, FolderEntry, Lock, Open, Stat};

/// The time when a disk is created, in nanoseconds since 1970.
const START: i64 = 1_764_000_000_000_000_000;

/// A disk in memory. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct MemoryDisk(Arc<Mutex<Tree>>);

#[derive(Debug)]
struct Tree {
    /// By inode, the root first. What has no name any more stays.
    nodes: Vec<Node>,
    now: i64,
}

#[derive(Debug)]
struct Node {
    what: What,
    links: u64,
    modified: i64,
    changed: i64,
}

#[derive(Debug)]
enum What {
    File(Vec<u8>),
    Folder(BTreeMap<Vec<u8>, usize>),
}

#[derive(Debug)]
struct MemoryFolder {
    disk: MemoryDisk,
    inode: usize,
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    inode: usize,
    position: usize,
    appends: bool,
}

impl MemoryDisk {
    pub(crate) fn new() -> Self {
        let root = Node::new(What::Folder(BTreeMap::new()), START);
        Self(Arc::new(Mutex::new(Tree { nodes: vec![root], now: START })))
    }

    pub(crate) fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// Creates a directory under the root, if it is not there.
    pub(crate) fn folder(&self, name: &str) -> Arc<dyn Folder> {
        self.make_folders(&Path::new("/").join(name), 0o700).expect("a directory")
    }

    /// Creates a file, or replaces what it contains.
    pub(crate) fn put(&self, folder: &dyn Folder, name: &[u8], octets: &[u8]) {
        let mut file = folder.open(name, Open::writing().make(0o600).emptied()).expect("a file");
        file.write_all(octets).expect("room");
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().expect("no panic meanwhile")
    }

    fn open(&self, inode: usize) -> Arc<dyn Folder> {
        Arc::new(MemoryFolder { disk: self.clone(), inode })
    }
}

impl Node {
    const fn new(what: What, now: i64) -> Self {
        Self { what, links: 1, modified: now, changed: now }
    }

    fn names(&self) -> io::Result<&BTreeMap<Vec<u8>, usize>> {
        match &self.what {
            What::Folder(names) => Ok(names),
            What::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn octets(&mut self) -> &mut Vec<u8> {
        match &mut self.what {
            What::File(octets) => octets,
            What::Folder(_) => panic!("a directory has no octets"),
        }
    }
}

impl Tree {
    fn add(&mut self, what: What) -> usize {
        self.nodes.push(Node::new(what, self.now));
        self.nodes.len() - 1
    }

    fn find(&self, folder: usize, name: &[u8]) -> io::Result<usize> {
        self.nodes[folder].names()?.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Gives a node a name, or removes the name.
    fn set(&mut self, folder: usize, name: &[u8], inode: Option<usize>) {
        let now = self.now;
        let above = &mut self.nodes[folder];
        (above.modified, above.changed) = (now, now);
        let What::Folder(names) = &mut above.what else { panic!("only a directory has names") };
        let old = match inode {
            Some(inode) => names.insert(name.to_vec(), inode),
            None => names.remove(name),
        };
        for (inode, links) in [(old, u64::MAX), (inode, 1)] {
            if let Some(inode) = inode {
                let node = &mut self.nodes[inode];
                (node.links, node.changed) = (node.links.wrapping_add(links), now);
            }
        }
    }

    fn stat(&self, inode: usize) -> Stat {
        let node = &self.nodes[inode];
        let (kind, len) = match &node.what {
            What::File(octets) => (FileKind::File, octets.len()),
            What::Folder(names) => (FileKind::Folder, 32 * names.len()),
        };
        let mut stat = Stat::of_file(len as u64);
        (stat.kind, stat.device, stat.inode, stat.links) = (kind, 1, inode as u64 + 1, node.links);
        (stat.modified, stat.changed) = (node.modified, node.changed);
        stat
    }
}

impl Disk for MemoryDisk {
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        let tree = self.tree();
        let mut inode = 0;
        for part in path.components() {
            if let Component::Normal(name) = part {
                inode = tree.find(inode, name.as_encoded_bytes())?;
            }
        }
        tree.nodes[inode].names()?;
        drop(tree);
        Ok(self.open(inode))
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        let (folder, name) = self.open_parent(path)?;
        folder.stat(name)?.map(|_| path.to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.canonical(path)?;
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn temporary(&self) -> io::Result<Box<dyn File>> {
        let inode = self.tree().add(What::File(Vec::new()));
        Ok(Box::new(MemoryFile { disk: self.clone(), inode, position: 0, appends: false }))
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.tree().now.unsigned_abs())
    }

    fn pause(&self, time: Duration) {
        self.tree().now += i64::try_from(time.as_nanos()).expect("a short pause");
    }
}

impl Folder for MemoryFolder {
    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        /// The permissions of the files that are created here.
        const MODES: [u32; 2] = [0o600, 0o644];
        // All that can be asked of `Open` is whether two are equal.
        let bases = [Open::reading(), Open::writing(), Open::reading_and_writing(), Open::appending()];
        let made = |how: Open| MODES.map(|mode| how.make(mode));
        let made_new = |how: Open| MODES.map(|mode| how.make_new(mode));
        let is = |ways: &[Open]| ways.iter().any(|&way| way == how || way.emptied() == how);
        let makes = bases.iter().any(|&base| is(&made(base)));
        let makes_new = bases.iter().any(|&base| is(&made_new(base)));
        assert!(makes || makes_new || is(&bases), "{how:?}: nobody has opened a file in this way before");
        let append = Open::appending();
        let appends = is(&[append]) || is(&made(append)) || is(&made_new(append));

        let mut tree = self.disk.tree();
        let inode = match tree.find(self.inode, name) {
            Ok(_) if makes_new => return Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && (makes || makes_new) => {
                let inode = tree.add(What::File(Vec::new()));
                tree.nodes[inode].links = 0;
                tree.set(self.inode, name, Some(inode));
                inode
            }
            found => found?,
        };
        if matches!(tree.nodes[inode].what, What::Folder(_)) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if how == how.emptied() {
            tree.nodes[inode].octets().clear();
        }
        drop(tree);
        Ok(Box::new(MemoryFile { disk: self.disk.clone(), inode, position: 0, appends }))
    }

    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>> {
        let tree = self.disk.tree();
        let inode = tree.find(self.inode, name)?;
        tree.nodes[inode].names()?;
        drop(tree);
        Ok(self.disk.open(inode))
    }

    fn make_folder(&self, name: &[u8], _mode: u32) -> io::Result<()> {
        let mut tree = self.disk.tree();
        if tree.find(self.inode, name).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = tree.add(What::Folder(BTreeMap::new()));
        tree.set(self.inode, name, Some(inode));
        Ok(())
    }

    fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        let tree = self.disk.tree();
        match tree.find(self.inode, name) {
            Ok(inode) => Ok(Some(tree.stat(inode))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn stat_self(&self) -> io::Result<Stat> {
        Ok(self.disk.tree().stat(self.inode))
    }

    fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()> {
        let tree = self.disk.tree();
        for (name, &inode) in tree.nodes[self.inode].names()? {
            let stat = tree.stat(inode);
            each(FolderEntry::new(name, stat.inode, Some(stat.kind)));
        }
        Ok(())
    }

    fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        let to = inode_of(to);
        let mut tree = self.disk.tree();
        let inode = tree.find(self.inode, old)?;
        tree.set(to, new, Some(inode));
        tree.set(self.inode, old, None);
        Ok(())
    }

    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        if to.stat(new)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.rename(old, to, new)
    }

    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        if to.stat(new)?.is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let to = inode_of(to);
        let mut tree = self.disk.tree();
        let inode = tree.find(self.inode, old)?;
        tree.set(to, new, Some(inode));
        Ok(())
    }

    fn unlink(&self, name: &[u8]) -> io::Result<()> {
        let mut tree = self.disk.tree();
        tree.find(self.inode, name)?;
        tree.set(self.inode, name, None);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn inode_of(folder: &dyn Folder) -> usize {
    let folder: &dyn core::any::Any = folder;
    folder.downcast_ref::<MemoryFolder>().expect("a directory of this disk").inode
}

impl File for MemoryFile {
    fn stat(&self) -> io::Result<Stat> {
        Ok(self.disk.tree().stat(self.inode))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        let octets = usize::try_from(octets).expect("a short file");
        self.disk.tree().nodes[self.inode].octets().resize(octets, 0);
        Ok(())
    }

    /// Nobody else has a lock.
    fn try_lock(&self, _lock: Lock) -> io::Result<bool> {
        Ok(true)
    }

    fn unlock(&self, _lock: Lock) -> io::Result<()> {
        Ok(())
    }

    fn has_separate_locks(&self) -> bool {
        true
    }
}

impl Read for MemoryFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut tree = self.disk.tree();
        let octets = tree.nodes[self.inode].octets();
        let count = (&octets[self.position.min(octets.len())..]).read(buffer)?;
        self.position += count;
        Ok(count)
    }
}

impl Write for MemoryFile {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut tree = self.disk.tree();
        let now = tree.now;
        let node = &mut tree.nodes[self.inode];
        (node.modified, node.changed) = (now, now);
        let content = node.octets();
        if self.appends {
            self.position = content.len();
        }
        let end = self.position + octets.len();
        content.resize(content.len().max(end), 0);
        content[self.position..end].copy_from_slice(octets);
        self.position = end;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for MemoryFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let len = self.disk.tree().nodes[self.inode].octets().len();
        let at = |start: usize, distance: i64| i64::try_from(start).ok()?.checked_add(distance);
        let position = match to {
            SeekFrom::Start(position) => i64::try_from(position).ok(),
            SeekFrom::Current(distance) => at(self.position, distance),
            SeekFrom::End(distance) => at(len, distance),
        };
        let position = position.and_then(|position| usize::try_from(position).ok());
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position as u64)
    }
}
