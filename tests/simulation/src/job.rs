//! Work that blocks. Each job has a thread of its own, but only one thread of a run goes on at any time: the one that the
//! executor has told to.

use core::cell::RefCell;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::panic::catch_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use tracing::dispatcher;

use crate::sim::Id;

pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// Why the thread of a job has stopped.
pub(crate) enum Signal {
    /// The job wants to go on after this time.
    Paused(Duration),
    /// The job is done. `true` if it panicked.
    Done(bool),
}

/// The panic of a log. It is not a fault of whoever logs.
pub(crate) struct Accident;

/// A thread that does one job after another.
pub(crate) struct JobThread {
    orders: Sender<Work>,
    go_on: Sender<()>,
    handle: JoinHandle<()>,
}

/// The job of this thread, if it has one.
struct Current {
    signals: Sender<Signal>,
    go_on: Receiver<()>,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Lets others go on, for this time at least. Returns whether this is a job.
pub(crate) fn pause(time: Duration) -> bool {
    CURRENT.with_borrow(|current| {
        let Some(current) = current else { return false };
        // Without an executor, the job is only to come to its end.
        if current.signals.send(Signal::Paused(time)).is_ok() {
            let _ = current.go_on.recv();
        }
        true
    })
}

/// Whether this is a job.
pub(crate) fn is_here() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// The threads of a run.
pub(crate) struct JobThreads {
    signals: Receiver<Signal>,
    tell: Sender<Signal>,
    idle: Vec<JobThread>,
}

impl JobThreads {
    pub(crate) fn new() -> Self {
        let (tell, signals) = channel();
        Self { signals, tell, idle: Vec::new() }
    }

    /// Begins a job and waits until it pauses or is done.
    pub(crate) fn begin(&mut self, work: Work) -> (JobThread, Signal) {
        let thread = self.idle.pop().unwrap_or_else(|| spawn(self.tell.clone()));
        assert!(thread.orders.send(work).is_ok(), "the thread of a job has ended");
        (thread, self.wait())
    }

    /// Lets a job go on until it pauses again or is done.
    pub(crate) fn go_on(&self, thread: &JobThread) -> Signal {
        assert!(thread.go_on.send(()).is_ok(), "the thread of a job has ended");
        self.wait()
    }

    /// Keeps the thread of a job that is done.
    pub(crate) fn keep(&mut self, _: Id, thread: JobThread) {
        self.idle.push(thread);
    }

    fn wait(&self) -> Signal {
        self.signals.recv().unwrap_or(Signal::Done(true))
    }
}

impl Drop for JobThreads {
    fn drop(&mut self) {
        for JobThread { orders, go_on, handle } in self.idle.drain(..) {
            drop((orders, go_on));
            let _ = handle.join();
        }
    }
}

fn spawn(signals: Sender<Signal>) -> JobThread {
    let (orders, inbox) = channel::<Work>();
    let (go_on, told) = channel();
    // Jobs log where their run does.
    let dispatch = dispatcher::get_default(Clone::clone);
    let run = move || {
        let _logs = dispatcher::set_default(&dispatch);
        CURRENT.set(Some(Current { signals: signals.clone(), go_on: told }));
        for work in inbox {
            let panicked = catch_unwind(AssertUnwindSafe(work)).is_err_and(|panic| !panic.is::<Accident>());
            let _ = signals.send(Signal::Done(panicked));
        }
    };
    let handle = thread::Builder::new().name("simulated job".to_owned()).spawn(run);
    #[expect(clippy::expect_used, reason = "without threads there is no simulation")]
    let handle = handle.expect("the system gives no thread");
    JobThread { orders, go_on, handle }
}
