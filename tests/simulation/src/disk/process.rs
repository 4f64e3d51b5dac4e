//! The disk as a process sees it.

use core::time::Duration;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use pop3_disk::{Disk, File, Folder, Open};
use rustix::io::Errno;

use super::caller::{About, Caller};
use super::faults::Call;
use super::file::SimFile;
use super::folder::SimFolder;
use super::machine::Machine;
use super::node::Kind;
use super::tree::Done;

/// A process on a machine. Clones are the same process.
#[derive(Clone, Debug)]
pub struct SimProcess {
    caller: Caller,
}

impl SimProcess {
    pub(super) const fn new(caller: Caller) -> Self {
        Self { caller }
    }

    /// Returns the disk of the machine, for calls of this process.
    #[must_use]
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(SimDisks { caller: self.caller.clone() })
    }

    /// Ends the process at once: its files are closed, and its locks are released. All later calls fail.
    pub fn kill(&self) {
        self.caller.shared.lock().kill(self.caller.process);
    }

    /// Returns whether the process was neither killed nor ended by a crash.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.caller.shared.lock().processes.contains_key(&self.caller.process)
    }

    /// Returns the number of files and directories that the process has open.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        self.caller.shared.lock().descriptors(self.caller.process)
    }

    /// Returns the number of locks that the process holds.
    #[must_use]
    pub fn locks(&self) -> usize {
        self.caller.shared.lock().locks.held_by(self.caller.process)
    }

    /// Creates a symbolic link.
    ///
    /// # Errors
    /// Returns an error as [`Folder::make_folder`] does.
    pub fn make_link(&self, path: &Path, target: &Path) -> io::Result<()> {
        self.make(path, Kind::Link(target.as_os_str().as_bytes().to_vec()))
    }

    /// Creates a FIFO.
    ///
    /// # Errors
    /// Returns an error as [`Folder::make_folder`] does.
    pub fn make_fifo(&self, path: &Path) -> io::Result<()> {
        self.make(path, Kind::Fifo)
    }

    /// Allows or forbids to read a file.
    ///
    /// # Errors
    /// Returns an error if the file does not exist.
    pub fn set_readable(&self, path: &Path, is_readable: bool) -> io::Result<()> {
        self.caller.call(About::new(Call::Stat, path.as_os_str().as_bytes()), |machine| {
            let (node, _) = machine.tree.resolve(path, true)?;
            let now = machine.tree.now;
            let node = machine.tree.node_mut(node)?;
            (node.is_readable, node.changed) = (is_readable, now);
            Ok(())
        })
    }

    /// Changes the content of a file, and puts the time of its last change back, as anybody can do with files of his own.
    /// The change time tells.
    ///
    /// # Errors
    /// Returns an error if there is no such file.
    pub fn forge(&self, path: &Path, octets: &[u8]) -> io::Result<()> {
        self.caller.call(About::new(Call::Write, path.as_os_str().as_bytes()), |machine| {
            let (node, _) = machine.tree.resolve(path, true)?;
            let modified = machine.tree.node(node)?.modified;
            machine.tree.set_len(node, 0)?;
            machine.tree.write(node, 0, octets)?;
            machine.tree.node_mut(node)?.modified = modified;
            Ok(())
        })
    }

    fn make(&self, path: &Path, kind: Kind) -> io::Result<()> {
        let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::AlreadyExists.into());
        };
        self.caller.call(About::new(Call::Make, path.as_os_str().as_bytes()), |machine| {
            let (folder, _) = machine.tree.resolve(above, true)?;
            machine.tree.create(folder, name.as_bytes(), kind).map(|_| ())
        })
    }
}

#[derive(Clone, Debug)]
struct SimDisks {
    caller: Caller,
}

impl SimDisks {
    fn call<T>(&self, call: Call, path: &Path, act: impl FnOnce(&mut Machine) -> Done<T>) -> io::Result<T> {
        self.caller.call(About::new(call, path.as_os_str().as_bytes()), act)
    }

    fn open(&self, path: &Path, may: impl FnOnce(&Machine) -> Done<()>) -> io::Result<Arc<dyn Folder>> {
        let (node, descriptor) = self.call(Call::OpenFolder, path, |machine| {
            may(machine)?;
            let (node, _) = machine.tree.resolve(path, true)?;
            machine.tree.folder(node)?;
            Ok((node, machine.open(self.caller.process, node)?))
        })?;
        let path = path.as_os_str().as_bytes().into();
        Ok(Arc::new(SimFolder { caller: self.caller.clone(), descriptor, node, path }))
    }
}

impl Disk for SimDisks {
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        self.open(path, |_| Ok(()))
    }

    fn try_open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        self.open(path, Machine::must_be_cached)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.call(Call::Stat, path, |machine| Ok(machine.tree.resolve(path, true)?.1))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.call(Call::Stat, path, |machine| {
            let (node, _) = machine.tree.resolve(path, false)?;
            match &machine.tree.node(node)?.kind {
                Kind::Link(target) => Ok(PathBuf::from(std::ffi::OsString::from_vec(target.clone()))),
                Kind::File(_) | Kind::Folder(_) | Kind::Fifo => Err(Errno::INVAL),
            }
        })
    }

    fn temporary(&self) -> io::Result<Box<dyn File>> {
        let (node, descriptor) = self.call(Call::Make, Path::new("temporary"), |machine| {
            machine.must_have_descriptors(self.caller.process)?;
            let node = machine.tree.create_unnamed()?;
            Ok((node, machine.open(self.caller.process, node)?))
        })?;
        let name = b"temporary"[..].into();
        let how = Open::reading_and_writing();
        Ok(Box::new(SimFile { caller: self.caller.clone(), descriptor, node, how, position: 0, name }))
    }

    fn now(&self) -> SystemTime {
        self.caller.shared.lock().clock.wall()
    }

    fn pause(&self, time: Duration) {
        self.caller.shared.lock().clock.advance(time);
    }
}
