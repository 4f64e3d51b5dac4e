//! A machine: its file system, and the processes that use it.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use rustix::io::Errno;

use super::faults::{Call, DiskFaults};
use super::journal::NodeId;
use super::locks::{Locks, Owner};
use super::nature::Nature;
use super::node::Kind;
use super::trace::{Trace, Traced, What};
use super::tree::{Done, Tree};
use crate::chance::Chance;
use crate::clock::SimClock;

/// What is called before each call of a process that is not an actor.
pub(super) type Hook = Arc<dyn Fn(Call) + Send + Sync>;

pub(super) struct Shared {
    machine: Mutex<Machine>,
    pub(super) hook: Mutex<Option<Hook>>,
    is_in_hook: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) tree: Tree,
    pub(super) locks: Locks,
    pub(super) processes: BTreeMap<u64, Process>,
    pub(super) faults: DiskFaults,
    pub(super) nature: Nature,
    pub(super) chance: Chance,
    pub(super) clock: SimClock,
    pub(super) trace: Trace,
    /// The most open files and directories of a process.
    pub(super) most_descriptors: Option<usize>,
    pub(super) calls: u64,
    opens: BTreeMap<u64, Opened>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Process {
    /// Whether its calls never fail.
    pub(super) is_actor: bool,
}

#[derive(Clone, Copy, Debug)]
struct Opened {
    process: u64,
    node: NodeId,
}

impl Shared {
    pub(super) fn new(machine: Machine) -> Arc<Self> {
        Arc::new(Self {
            machine: Mutex::new(machine),
            hook: Mutex::new(None),
            is_in_hook: AtomicBool::new(false),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets others act before a call. Their calls do not lead here again.
    pub(super) fn run_hook(&self, call: Call) {
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(hook) = hook else { return };
        if !self.is_in_hook.swap(true, Ordering::Relaxed) {
            hook(call);
            self.is_in_hook.store(false, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Machine {
    pub(super) fn new(tree: Tree, nature: Nature, chance: Chance, clock: SimClock) -> Self {
        Self {
            tree,
            locks: Locks::default(),
            processes: BTreeMap::new(),
            faults: DiskFaults::none(),
            nature,
            chance,
            clock,
            trace: Trace::default(),
            most_descriptors: None,
            calls: 0,
            opens: BTreeMap::new(),
            next: 1,
        }
    }

    pub(super) fn start(&mut self, is_actor: bool) -> u64 {
        self.next += 1;
        self.processes.insert(self.next, Process { is_actor });
        self.next
    }

    /// Sets the clock of the file system, which has ticks.
    pub(super) fn tick(&mut self) {
        self.tree.now = now(&self.clock, &self.nature);
    }

    pub(super) fn open(&mut self, process: u64, node: NodeId) -> Done<u64> {
        self.must_have_descriptors(process)?;
        self.tree.open(node)?;
        self.next += 1;
        self.opens.insert(self.next, Opened { process, node });
        Ok(self.next)
    }

    /// A call needs a descriptor for a moment.
    pub(super) fn must_have_descriptors(&self, process: u64) -> Done<()> {
        let is_full = self.most_descriptors.is_some_and(|most| self.descriptors(process) >= most);
        if is_full { Err(Errno::MFILE) } else { Ok(()) }
    }

    /// A call must not wait.
    pub(super) fn must_be_cached(&self) -> Done<()> {
        if !self.nature.can_try {
            return Err(Errno::NOSYS);
        }
        if self.chance.per_mille(self.nature.cached) { Ok(()) } else { Err(Errno::AGAIN) }
    }

    pub(super) fn descriptors(&self, process: u64) -> usize {
        self.opens.values().filter(|opened| opened.process == process).count()
    }

    pub(super) fn close(&mut self, descriptor: u64) {
        if let Some(Opened { process, node }) = self.opens.remove(&descriptor) {
            self.locks.closed(node, Owner { process, descriptor });
            self.tree.close(node);
        }
    }

    pub(super) fn kill(&mut self, process: u64) {
        self.processes.remove(&process);
        let left = self.opens.iter().filter(|(_, opened)| opened.process == process);
        for descriptor in left.map(|(&descriptor, _)| descriptor).collect::<Vec<_>>() {
            self.close(descriptor);
        }
        self.note(format!("p{process} is killed"));
    }

    pub(super) fn crash(&mut self) {
        self.processes.clear();
        self.opens.clear();
        self.locks.clear();
        self.tick();
        let chance = self.chance.fork();
        self.tree.crash(&chance, self.nature.is_ordered);
        self.note("the machine loses power".to_owned());
    }

    /// What a failed sync of all files may do: some of what waits is not written, and forgotten.
    pub(super) fn fail_to_sync_all(&mut self) {
        for node in self.tree.nodes.values_mut() {
            if let Kind::File(content) = &mut node.kind
                && content.is_dirty()
                && self.chance.per_mille(500)
            {
                content.fail_to_sync(&self.chance, self.nature.is_ordered);
            }
        }
    }

    /// The same file system on another machine, without processes.
    pub(super) fn twin(&self, chance: Chance) -> Self {
        let mut tree = self.tree.clone();
        for opened in self.opens.values() {
            tree.close(opened.node);
        }
        Self::new(tree, self.nature.clone(), chance, self.clock.twin())
    }

    pub(super) fn note(&mut self, text: String) {
        self.trace.push(Traced { time: self.clock.elapsed(), process: 0, what: What::Note(text) });
    }
}

/// The time of a file system's clock.
pub(super) fn now(clock: &SimClock, nature: &Nature) -> i64 {
    let since = clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let tick = nature.tick.as_nanos().max(1);
    i64::try_from(since / tick * tick).unwrap_or(i64::MAX)
}
