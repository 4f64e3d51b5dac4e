//! What a server takes from the machine that it runs on.

use core::fmt;
use std::sync::Arc;
use std::time::Instant;

use pop3_disk::{Disk, System};

/// The machine that a [`HostedServer`](crate::HostedServer) runs on: its time, its disk, and where it checks credentials.
///
/// A [`Server`](crate::Server) runs on the machine of its process. Another one can, for example, be simulated.
pub trait Machine: fmt::Debug + Send + Sync + 'static {
    /// Returns the time. It never goes back.
    fn now(&self) -> Instant;

    /// Returns the disk with the Maildirs.
    fn disk(&self) -> Arc<dyn Disk>;

    /// Returns where credentials are checked. Default: `None`; the server starts threads of its own.
    fn checkers(&self) -> Option<Arc<dyn Checkers>> {
        None
    }
}

/// Where a [`Machine`] has credentials checked: threads, or something like them.
pub trait Checkers: fmt::Debug + Send + Sync + 'static {
    /// Returns how many checks may go on at the same time. At least 1.
    fn count(&self) -> usize;

    /// Does work that may block, beside everything else. Must not wait for it.
    fn start(&self, work: Box<dyn FnOnce() + Send>);

    /// Does work at this time or a little later. The work does not block. Must not wait for it.
    fn start_at(&self, time: Instant, work: Box<dyn FnOnce() + Send>);
}

/// The machine of this process.
#[derive(Debug)]
pub(crate) struct ThisMachine;

impl ThisMachine {
    pub(crate) fn shared() -> Arc<dyn Machine> {
        Arc::new(Self)
    }
}

impl Machine for ThisMachine {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn disk(&self) -> Arc<dyn Disk> {
        System::shared()
    }
}

/// The time that has passed on a machine since this was made.
#[derive(Clone, Debug)]
pub(crate) struct Stopwatch {
    machine: Arc<dyn Machine>,
    begun: Instant,
}

impl Stopwatch {
    pub(crate) fn start(machine: &Arc<dyn Machine>) -> Self {
        Self { machine: Arc::clone(machine), begun: machine.now() }
    }

    /// The time, counted from the start.
    pub(crate) fn now(&self) -> pop3_proto::Instant {
        pop3_proto::Instant::new(self.machine.now().saturating_duration_since(self.begun))
    }
}
