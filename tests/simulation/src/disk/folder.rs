//! An open directory.

use core::any::Any;
use core::hash::Hasher as _;
use std::collections::hash_map::DefaultHasher;
use std::io;
use std::sync::Arc;

use pop3_disk::{File, Folder, FolderEntry, Open, Stat};
use rustix::io::Errno;

use super::caller::{About, Caller, Failure};
use super::content::Content;
use super::faults::Call;
use super::file::SimFile;
use super::journal::NodeId;
use super::machine::Machine;
use super::node::{Directory, Kind};
use super::tree::Done;

/// Names that one call of a listing returns, at most.
const LISTED_AT_ONCE: usize = 32;

#[derive(Debug)]
pub(super) struct SimFolder {
    pub(super) caller: Caller,
    pub(super) descriptor: u64,
    pub(super) node: NodeId,
    /// The path with which it was opened, for the trace.
    pub(super) path: Box<[u8]>,
}

impl SimFolder {
    /// The other directory of a move.
    fn of<'f>(&self, folder: &'f dyn Folder) -> io::Result<&'f Self> {
        let folder: &dyn Any = folder;
        let other: Option<&Self> = folder.downcast_ref();
        other
            .filter(|other| Arc::ptr_eq(&other.caller.shared, &self.caller.shared))
            .ok_or_else(|| io::ErrorKind::CrossesDevices.into())
    }

    fn path_of(&self, name: &[u8]) -> Box<[u8]> {
        [&self.path, &b"/"[..], name].concat().into()
    }

    /// Makes a call about a name.
    fn call<T>(&self, call: Call, name: &[u8], act: impl FnOnce(&mut Machine) -> Done<T>) -> io::Result<T> {
        self.caller.call(About::new(call, &self.path_of(name)), act)
    }

    /// Makes a call about two names.
    fn move_to<T>(
        &self,
        call: Call,
        old: &[u8],
        to: &Self,
        new: &[u8],
        act: impl FnOnce(&mut Machine) -> Done<T>,
    ) -> io::Result<T> {
        let name = [&self.path_of(old), &b" -> "[..], &to.path_of(new)].concat();
        self.caller.call(About::new(call, &name), act)
    }

    fn file(&self, (node, descriptor): (NodeId, u64), name: Box<[u8]>, how: Open) -> Box<dyn File> {
        Box::new(SimFile { caller: self.caller.clone(), descriptor, node, how, position: 0, name })
    }

    fn open_existing(&self, machine: &mut Machine, node: NodeId, how: Open) -> Done<(NodeId, u64)> {
        let found = machine.tree.node(node)?;
        match found.kind {
            Kind::Link(_) => return Err(Errno::LOOP),
            Kind::Folder(_) if how.writes() || how.creates().is_some() => return Err(Errno::ISDIR),
            Kind::Fifo if how.writes() && !how.reads() => return Err(Errno::NXIO),
            Kind::File(_) if how.reads() && !found.is_readable => return Err(Errno::ACCESS),
            Kind::File(_) | Kind::Folder(_) | Kind::Fifo => {}
        }
        let is_file = matches!(found.kind, Kind::File(_));
        let descriptor = machine.open(self.caller.process, node)?;
        if how.truncates() && is_file {
            machine.tree.set_len(node, 0)?;
        }
        Ok((node, descriptor))
    }
}

impl Folder for SimFolder {
    fn open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        let is_change = how.creates().is_some() || how.truncates();
        let call = if is_change { Call::Make } else { Call::Open };
        let opened = self.call(call, name, |machine| match machine.tree.look(self.node, name) {
            Err(Errno::NOENT) if how.creates().is_some() => {
                machine.must_have_descriptors(self.caller.process)?;
                let node = machine.tree.create(self.node, name, Kind::File(Content::default()))?;
                Ok((node, machine.open(self.caller.process, node)?))
            }
            Ok(_) if how.needs_new() => Err(Errno::EXIST),
            Ok(node) => self.open_existing(machine, node, how),
            Err(error) => Err(error),
        })?;
        Ok(self.file(opened, self.path_of(name), how))
    }

    fn can_try(&self) -> bool {
        self.caller.shared.lock().nature.can_try
    }

    fn try_open(&self, name: &[u8], how: Open) -> io::Result<Box<dyn File>> {
        if how.creates().is_some() || how.truncates() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let opened = self.call(Call::Open, name, |machine| {
            machine.must_be_cached()?;
            let node = machine.tree.look(self.node, name)?;
            self.open_existing(machine, node, how)
        })?;
        Ok(self.file(opened, self.path_of(name), how))
    }

    fn try_open_in(&self, folder: &[u8], name: &[u8]) -> io::Result<Box<dyn File>> {
        let (path, how) = ([folder, b"/", name].concat(), Open::reading());
        let opened = self.call(Call::Open, &path, |machine| {
            machine.must_be_cached()?;
            if folder == b".." {
                return Err(Errno::NOSYS);
            }
            let folder = machine.tree.look(self.node, folder)?;
            if matches!(machine.tree.node(folder)?.kind, Kind::Link(_)) {
                return Err(Errno::LOOP);
            }
            let node = machine.tree.look(folder, name)?;
            self.open_existing(machine, node, how)
        })?;
        Ok(self.file(opened, self.path_of(&path), how))
    }

    fn try_stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        self.call(Call::Stat, name, |machine| {
            machine.must_be_cached()?;
            stat(machine, self.node, name)
        })
    }

    fn open_folder(&self, name: &[u8]) -> io::Result<Arc<dyn Folder>> {
        let (node, descriptor) = self.call(Call::OpenFolder, name, |machine| {
            let node = machine.tree.look(self.node, name)?;
            machine.tree.folder(node)?;
            Ok((node, machine.open(self.caller.process, node)?))
        })?;
        let path = self.path_of(name);
        Ok(Arc::new(Self { caller: self.caller.clone(), descriptor, node, path }))
    }

    fn make_folder(&self, name: &[u8], _mode: u32) -> io::Result<()> {
        self.call(Call::MakeFolder, name, |machine| {
            machine.tree.create(self.node, name, Kind::Folder(Directory::new(self.node))).map(|_| ())
        })
    }

    fn stat(&self, name: &[u8]) -> io::Result<Option<Stat>> {
        self.call(Call::Stat, name, |machine| stat(machine, self.node, name))
    }

    fn stat_self(&self) -> io::Result<Stat> {
        self.call(Call::Stat, b".", |machine| Ok(machine.tree.node(self.node)?.stat()))
    }

    fn list(&self, each: &mut dyn FnMut(FolderEntry<'_>)) -> io::Result<()> {
        let mut last = None;
        loop {
            // A name that is changed between two calls may be met twice or not at all.
            let names = self.call(Call::List, b"", |machine| {
                machine.must_have_descriptors(self.caller.process)?;
                listed(machine, self.node, last)
            })?;
            for listed in &names {
                each(FolderEntry::new(&listed.name, listed.number, listed.kind));
            }
            last = names.last().map(|listed| listed.place);
            if names.len() < LISTED_AT_ONCE {
                return Ok(());
            }
        }
    }

    fn rename(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        let to = self.of(to)?;
        self.move_to(Call::Rename, old, to, new, |machine| {
            machine.tree.rename((self.node, old), (to.node, new), true)
        })
    }

    fn rename_new(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        let to = self.of(to)?;
        self.move_to(Call::Rename, old, to, new, |machine| {
            if !machine.nature.has_rename_new {
                return Err(Errno::NOSYS);
            }
            let renamed = machine.tree.rename((self.node, old), (to.node, new), false);
            // The system says the same of a call that it does not have.
            renamed.map_err(|error| if error == Errno::INVAL { Errno::NOSYS } else { error })
        })
    }

    fn link(&self, old: &[u8], to: &dyn Folder, new: &[u8]) -> io::Result<()> {
        let to = self.of(to)?;
        self.move_to(Call::Link, old, to, new, |machine| {
            if !machine.nature.has_links {
                return Err(Errno::PERM);
            }
            machine.tree.link((self.node, old), (to.node, new))
        })
    }

    fn unlink(&self, name: &[u8]) -> io::Result<()> {
        self.call(Call::Unlink, name, |machine| machine.tree.unlink(self.node, name))
    }

    fn sync(&self) -> io::Result<()> {
        self.call(Call::SyncFolder, b"", |machine| machine.tree.sync_file(self.node))
    }

    fn can_sync_all(&self) -> bool {
        self.caller.shared.lock().nature.has_sync_all
    }

    fn sync_all(&self) -> io::Result<()> {
        let fail = |machine: &mut Machine, failure| {
            if failure == Failure::Error {
                machine.fail_to_sync_all();
            }
        };
        self.caller.call_or(About::new(Call::SyncAll, &self.path), fail, |machine| {
            if !machine.nature.has_sync_all {
                return Err(Errno::NOSYS);
            }
            machine.tree.sync_all();
            Ok(())
        })
    }
}

impl Drop for SimFolder {
    fn drop(&mut self) {
        self.caller.shared.lock().close(self.descriptor);
    }
}

fn stat(machine: &Machine, folder: NodeId, name: &[u8]) -> Done<Option<Stat>> {
    match machine.tree.look(folder, name) {
        Ok(node) => Ok(Some(machine.tree.node(node)?.stat())),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells the names of one file apart.
fn hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

/// A name of a listing.
struct Listed {
    /// Its place in the order of the directory.
    place: (u64, u64),
    name: Box<[u8]>,
    number: u64,
    kind: Option<pop3_disk::FileKind>,
}

/// The next names of a listing. Their order has nothing to do with the names themselves, as these may be random.
fn listed(machine: &Machine, folder: NodeId, last: Option<(u64, u64)>) -> Done<Vec<Listed>> {
    let places = machine
        .tree
        .folder(folder)?
        .names
        .iter()
        .map(|(name, &node)| ((machine.nature.place_of(node), hash(name)), name, node));
    let mut ahead: Vec<_> = places.filter(|(place, ..)| last.is_none_or(|last| *place > last)).collect();
    ahead.sort_unstable();
    ahead.truncate(LISTED_AT_ONCE);
    let told = ahead.into_iter().map(|(place, name, node)| {
        let found = machine.tree.node(node)?;
        let kind = machine.nature.tells_kinds.then(|| found.file_kind());
        Ok(Listed { place, name: name.clone(), number: found.number, kind })
    });
    told.collect()
}
