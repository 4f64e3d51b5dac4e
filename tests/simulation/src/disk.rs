//! A simulated disk: the file system of a machine, in memory, with crashes and faults.
//!
//! A [`SimDisk`] behaves as Linux does with ext4 or, if the seed says so, as badly as POSIX allows. Each program runs as
//! a [`SimProcess`] with a [`Disk`](pop3_disk::Disk) of its own. All that happens depends on the seed and on the calls.
//!
//! ```
//! use std::path::Path;
//! use pop3_simulation::{Chance, SimClock, SimDisk};
//! use pop3_disk::Open;
//!
//! let disk = SimDisk::new(Chance::new(7), SimClock::default());
//! let process = disk.process();
//! let folder = process.disk().open_folder(Path::new("/"))?;
//! let mut file = folder.open(b"note", Open::writing().make_new(0o600))?;
//! file.write_all(b"hello")?;
//! file.sync()?;
//! folder.sync()?;
//! disk.crash();
//! assert!(folder.stat(b"note").is_err()); // The process is gone.
//! assert_eq!(disk.read("/note"), Some(b"hello".to_vec()));
//! # Ok::<(), std::io::Error>(())
//! ```

mod caller;
mod content;
mod crash;
mod faults;
mod file;
mod folder;
mod journal;
mod locks;
mod machine;
mod nature;
mod node;
mod path;
mod process;
mod trace;
mod tree;

use core::time::Duration;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use caller::Caller;
pub use faults::{Call, DiskFaults, End};
use machine::{Machine, Shared};
pub use nature::Nature;
use node::Kind;
pub use process::SimProcess;
pub use rustix::io::Errno;
use tree::Tree;

use crate::chance::Chance;
use crate::clock::SimClock;

/// The disk of one machine. Clones share it.
#[derive(Clone, Debug)]
pub struct SimDisk {
    shared: Arc<Shared>,
}

/// What is under a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// A file with this content.
    File(Vec<u8>),
    /// A directory.
    Folder,
    /// A symbolic link to this path.
    Link(PathBuf),
    /// A FIFO.
    Fifo,
}

impl SimDisk {
    /// Creates an empty disk of a random nature.
    #[must_use]
    pub fn new(chance: Chance, clock: SimClock) -> Self {
        let nature = Nature::random(&chance);
        Self::with_nature(chance, clock, nature)
    }

    /// Creates an empty disk of this nature.
    #[must_use]
    pub fn with_nature(chance: Chance, clock: SimClock, nature: Nature) -> Self {
        let now = machine::now(&clock, &nature);
        let tree = Tree::new(nature.is_ordered, nature.reuses_numbers, now);
        Self { shared: Shared::new(Machine::new(tree, nature, chance, clock)) }
    }

    /// Starts a process.
    #[must_use]
    pub fn process(&self) -> SimProcess {
        self.start(false)
    }

    /// Starts a process whose calls never fail, to set up a test, or to act as another program.
    #[must_use]
    pub fn actor(&self) -> SimProcess {
        self.start(true)
    }

    fn start(&self, is_actor: bool) -> SimProcess {
        let process = self.shared.lock().start(is_actor);
        SimProcess::new(Caller { shared: Arc::clone(&self.shared), process })
    }

    /// Loses power: all processes end, and what was not synced is lost in whole, in part or not at all.
    pub fn crash(&self) {
        self.shared.lock().crash();
    }

    /// Returns what may be left if the power is lost now, as another disk with a clock of its own. This one is not
    /// changed.
    #[must_use]
    pub fn after_crash(&self, chance: Chance) -> Self {
        let twin = self.copy(chance);
        twin.crash();
        twin
    }

    /// Returns the same files as another disk with a clock of its own. No process runs there.
    #[must_use]
    pub fn copy(&self, chance: Chance) -> Self {
        let machine = self.shared.lock().twin(chance);
        Self { shared: Shared::new(machine) }
    }

    /// Lets time pass.
    pub fn wait(&self, time: Duration) {
        self.shared.lock().clock.advance(time);
    }

    /// Syncs everything, as a system does that is shut down.
    pub fn sync_all(&self) {
        self.shared.lock().tree.sync_all();
    }

    /// Sets what fails from now on.
    pub fn set_faults(&self, faults: DiskFaults) {
        self.shared.lock().faults = faults;
    }

    /// Sets the most octets that fit into all files.
    pub fn set_capacity(&self, octets: Option<u64>) {
        self.shared.lock().tree.capacity = octets;
    }

    /// Sets how many files and directories a process can have open.
    pub fn set_most_descriptors(&self, most: Option<usize>) {
        self.shared.lock().most_descriptors = most;
    }

    /// Sets a function that is called before each call of a process that is not an actor. What it does itself on the
    /// disk does not call it. `None` removes it, and what it holds.
    pub fn set_hook(&self, hook: Option<Arc<dyn Fn(Call) + Send + Sync>>) {
        *self.shared.hook.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = hook;
    }

    /// Returns what kind of file system it is.
    #[must_use]
    pub fn nature(&self) -> Nature {
        self.shared.lock().nature.clone()
    }

    /// Returns the number of calls that were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.lock().calls
    }

    /// Returns the octets in all files.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shared.lock().tree.used
    }

    /// Returns the number of files and directories that are open in all processes.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        let machine = self.shared.lock();
        machine.processes.keys().map(|&process| machine.descriptors(process)).sum()
    }

    /// Returns the number of locks that all processes hold.
    #[must_use]
    pub fn locks(&self) -> usize {
        let machine = self.shared.lock();
        machine.processes.keys().map(|&process| machine.locks.held_by(process)).sum()
    }

    /// Returns the last calls, one on a line.
    #[must_use]
    pub fn trace(&self) -> String {
        self.shared.lock().trace.to_string()
    }

    /// Adds a line to the trace.
    pub fn note(&self, text: impl Into<String>) {
        self.shared.lock().note(text.into());
    }

    /// Returns everything beneath a path, by the paths relative to it, without a fault. Empty if there is no such path.
    #[must_use]
    pub fn peek(&self, path: impl AsRef<Path>) -> BTreeMap<PathBuf, Found> {
        let machine = self.shared.lock();
        let (tree, mut found) = (&machine.tree, BTreeMap::new());
        let Ok((top, _)) = tree.resolve(path.as_ref(), true) else { return found };
        let mut ahead = vec![(PathBuf::new(), top)];
        while let Some((path, node)) = ahead.pop() {
            let Ok(node) = tree.node(node) else { continue };
            let what = match &node.kind {
                Kind::File(content) => Found::File(content.octets().to_vec()),
                Kind::Link(target) => Found::Link(OsString::from_vec(target.clone()).into()),
                Kind::Fifo => Found::Fifo,
                Kind::Folder(folder) => {
                    let beneath = folder.names.iter();
                    ahead.extend(beneath.map(|(name, &node)| (path.join(OsStr::from_bytes(name)), node)));
                    Found::Folder
                }
            };
            if !path.as_os_str().is_empty() {
                found.insert(path, what);
            }
        }
        found
    }

    /// Returns the inode number of a file or directory, without a fault. `None` if there is none.
    #[must_use]
    pub fn inode(&self, path: impl AsRef<Path>) -> Option<u64> {
        let machine = self.shared.lock();
        let (node, _) = machine.tree.resolve(path.as_ref(), false).ok()?;
        machine.tree.node(node).ok().map(|node| node.number)
    }

    /// Returns the content of a file, without a fault. `None` if the path does not lead to a file.
    #[must_use]
    pub fn read(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let machine = self.shared.lock();
        let (node, _) = machine.tree.resolve(path.as_ref(), true).ok()?;
        machine.tree.content(node).ok().map(|content| content.octets().to_vec())
    }
}
