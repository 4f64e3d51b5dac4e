//! A process on a simulated machine.

use core::fmt;
use core::future::Future;
use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use pop3_disk::{Disk, File, Folder};
use pop3_driver::store::BlockingPool;

use crate::disk::SimProcess;
use crate::{Group, Sim, SimDisk};

/// A process: tasks and jobs that use the disk of one machine, and end together.
#[derive(Clone)]
pub struct Process {
    sim: Sim,
    group: Group,
    on_disk: SimProcess,
}

/// Whether a process is alive, for those who act for it.
#[derive(Clone)]
pub struct Alive(Option<SimProcess>);

impl Alive {
    /// For what belongs to no process.
    #[must_use]
    pub const fn always() -> Self {
        Self(None)
    }

    /// Whether it is alive.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.as_ref().is_none_or(SimProcess::is_alive)
    }
}

impl fmt::Debug for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alive").field(&self.is_alive()).finish()
    }
}

impl Process {
    /// Starts a process on the machine with this disk.
    #[must_use]
    pub fn start(sim: &Sim, disk: &SimDisk) -> Self {
        let (group, on_disk) = (sim.group(), disk.process());
        let watched = on_disk.clone();
        // A fault of the disk may end it in the middle of a call.
        sim.watch(group, move || watched.is_alive());
        Self { sim: sim.clone(), group, on_disk }
    }

    /// The run that it is a part of.
    #[must_use]
    pub const fn sim(&self) -> &Sim {
        &self.sim
    }

    /// What tells whether it is alive.
    #[must_use]
    pub fn alive(&self) -> Alive {
        Alive(Some(self.on_disk.clone()))
    }

    /// Whether it is alive.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.on_disk.is_alive()
    }

    /// The disk of its machine. What blocks on it lets others go on.
    #[must_use]
    pub fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(ProcessDisk { process: self.clone(), inner: self.on_disk.disk() })
    }

    /// Files, directories and locks that it has open.
    #[must_use]
    pub fn holds(&self) -> (usize, usize) {
        (self.on_disk.descriptors(), self.on_disk.locks())
    }

    /// Starts a task of the process.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        self.sim.spawn(self.group, name, task);
    }

    /// Runs a task of the process to its end. Returns `None` if the process ends before.
    pub async fn run<R: Send + 'static>(
        &self,
        name: impl Into<String> + Send,
        task: impl Future<Output = R> + Send + 'static,
    ) -> Option<R> {
        self.sim.run(self.group, name, task).await
    }

    /// Has work done that blocks. Returns `None` if the process ends before.
    pub async fn job<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
        self.sim.job(self.group, work).await.filter(|_| self.is_alive())
    }

    /// Starts work that blocks.
    pub fn start_job(&self, work: impl FnOnce() + Send + 'static) {
        self.sim.start_job(self.group, work);
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&self) {
        self.on_disk.kill();
        self.sim.end(self.group);
    }

    /// Where its calls that block run.
    #[must_use]
    pub fn pool(&self) -> Pool {
        Pool { process: self.clone(), epoch: Instant::now() }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("group", &self.group).finish_non_exhaustive()
    }
}

/// Runs each call as a job of the process.
#[derive(Clone, Debug)]
pub struct Pool {
    process: Process,
    epoch: Instant,
}

impl BlockingPool for Pool {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let done = self.process.sim.job(self.process.group, call).await;
        done.ok_or_else(|| io::Error::other("the pool is gone"))
    }

    fn now(&self) -> Instant {
        self.epoch + self.process.sim.clock().elapsed()
    }
}

/// The disk of the machine, as a process waits for it.
#[derive(Debug)]
struct ProcessDisk {
    process: Process,
    inner: Arc<dyn Disk>,
}

impl Disk for ProcessDisk {
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        self.inner.open_folder(path)
    }

    fn try_open_folder(&self, path: &Path) -> io::Result<Arc<dyn Folder>> {
        self.inner.try_open_folder(path)
    }

    fn canonical(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.canonical(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.inner.read_link(path)
    }

    fn temporary(&self) -> io::Result<Box<dyn File>> {
        self.inner.temporary()
    }

    fn now(&self) -> SystemTime {
        // No two moments are the same, so that names with the time in them have an order.
        self.process.sim.clock().advance(Duration::from_micros(1));
        self.inner.now()
    }

    fn pause(&self, time: Duration) {
        self.process.sim.pause(time);
    }

    fn beside(&self, work: Box<dyn FnOnce() + Send>) -> Option<Box<dyn FnOnce() + Send>> {
        self.process.sim.start_job(self.process.group, work);
        None
    }
}
