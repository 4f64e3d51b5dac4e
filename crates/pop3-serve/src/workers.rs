//! Threads for work that takes long and that strangers can ask for: checks of passwords and of tokens.
//!
//! Nobody waits in a thread for a place here, and nobody waits behind a crowd. An address that has no failure
//! and nothing else under way comes first, in the order of arrival. The other checks are taken in turn by
//! address, one of each. They are never kept waiting for ever: where both wait, each fourth is one of them.

#[cfg(all(test, pop3_shuttle))]
mod models;
mod queue;
#[cfg(test)]
mod tests;

use core::any::Any;
use core::fmt;
use core::panic::AssertUnwindSafe;
use std::io;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::machine::Checkers;
use crate::source::Source;
use crate::sync::{Condvar, Mutex, MutexGuard, now, thread};
use queue::{Job, Queue};

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// What the threads are called.
    pub(super) name: &'static str,
    /// The threads, and so how many jobs run at one time.
    pub(super) threads: usize,
    /// How many of them run for one address.
    pub(super) running_of_one: usize,
    /// How many jobs of one address wait.
    pub(super) waiting_of_one: usize,
    /// How many jobs wait in all.
    pub(super) waiting: usize,
    /// Whether the threads take the processor only when others leave it.
    pub(super) yielding: bool,
}

/// For whom a job is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) source: Source,
    /// Whether a login from there has failed lately.
    pub(super) suspect: bool,
}

/// Why a job was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undone {
    /// Too many wait.
    Full,
    /// Its time was over before its turn came.
    Late,
    /// The server ends.
    Closed,
}

/// The threads, or what a machine has in their place. They end when this is dropped and their jobs are done.
pub(super) struct Workers(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    /// Who does the work where there are no threads for it.
    checkers: Option<Arc<dyn Checkers>>,
    state: Mutex<Queue>,
    /// A job can be taken, or the end has come.
    work: Condvar,
    /// A job ends its waiting sooner than all before, or the end has come.
    sooner: Condvar,
}

/// What became of the work: it may have panicked.
type Outcome<T> = Result<Result<T, Box<dyn Any + Send>>, Undone>;

impl Workers {
    /// Starts the threads, unless there are checkers in their place.
    ///
    /// # Errors
    /// When the system gives none.
    pub(super) fn start(bounds: Bounds, checkers: Option<Arc<dyn Checkers>>) -> io::Result<Self> {
        let workers = Self(Arc::new(Shared {
            bounds,
            checkers,
            state: Mutex::default(),
            work: Condvar::new(),
            sooner: Condvar::new(),
        }));
        if workers.0.checkers.is_some() {
            return Ok(workers);
        }
        for _ in 0..bounds.threads {
            let shared = Arc::clone(&workers.0);
            thread::Builder::new().name(bounds.name.into()).spawn(move || shared.work())?;
        }
        let shared = Arc::clone(&workers.0);
        thread::Builder::new().name(format!("{}-time", bounds.name)).spawn(move || shared.keep_time())?;
        Ok(workers)
    }

    /// Has the work done in one of the threads, and waits for its turn until then. Dropping the future gives
    /// the place in the queue back. A panic of the work goes on here.
    ///
    /// # Errors
    /// When it was not done.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        client: Client,
        until: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Undone> {
        let (sender, outcome) = oneshot::channel::<Outcome<T>>();
        let run = move |go: Result<(), Undone>| {
            // Whoever has asked may be gone.
            let _ = sender.send(go.map(|()| catch_unwind(AssertUnwindSafe(work))));
        };
        let _place = self.0.push(client, until, Box::new(run))?;
        self.0.hand_out();
        match outcome.await.unwrap_or(Err(Undone::Closed))? {
            Ok(done) => Ok(done),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Does no more than what runs already.
    pub(super) fn close(&self) {
        let left = {
            let mut state = self.0.state();
            state.closed = true;
            state.take_all(|_| true)
        };
        self.0.work.notify_all();
        self.0.sooner.notify_all();
        refuse(left, Undone::Closed);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("bounds", &self.0.bounds).finish_non_exhaustive()
    }
}

/// A place in the queue, given back when this is dropped.
struct Place<'a> {
    shared: &'a Shared,
    source: Source,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let job = self.shared.state().take(self.source, self.id);
        drop(job);
    }
}

impl Shared {
    fn push(
        &self,
        client: Client,
        until: Instant,
        run: Box<dyn FnOnce(Result<(), Undone>) + Send>,
    ) -> Result<Place<'_>, Undone> {
        let (id, made_room) = {
            let mut state = self.state();
            if state.closed {
                return Err(Undone::Closed);
            }
            let own = state.waiting_of(client.source);
            if own >= self.bounds.waiting_of_one {
                return Err(Undone::Full);
            }
            let made_room =
                if state.waiting() < self.bounds.waiting { None } else { Some(state.make_room(own)?) };
            let id = state.add(client, until, run);
            if state.looks_at.is_none_or(|looks_at| until < looks_at) {
                self.sooner.notify_one();
            }
            (id, made_room)
        };
        self.work.notify_one();
        refuse(made_room, Undone::Full);
        Ok(Place { shared: self, source: client.source, id })
    }

    /// Tells the checkers, if there are any, that something waits.
    fn hand_out(self: &Arc<Self>) {
        let Some(checkers) = &self.checkers else { return };
        let (starts, looks_at) = {
            let mut state = self.state();
            let starts = state.waiting() > 0 && state.lent < self.bounds.threads;
            state.lent += usize::from(starts);
            let soonest = state.jobs().map(|job| job.until).min();
            let sooner = soonest.filter(|until| state.looks_at.is_none_or(|looks_at| *until < looks_at));
            state.looks_at = sooner.or(state.looks_at);
            (starts, sooner)
        };
        if starts {
            let shared = Arc::clone(self);
            checkers.start(Box::new(move || shared.work_off()));
        }
        if let Some(time) = looks_at {
            let shared = Arc::clone(self);
            checkers.start_at(time, Box::new(move || shared.look_at(time)));
        }
    }

    /// Does what waits, until nothing is left that may be done now.
    fn work_off(&self) {
        loop {
            let next = {
                let mut state = self.state();
                let next = if state.closed { None } else { state.next(self.bounds.running_of_one) };
                state.lent -= usize::from(next.is_none());
                next
            };
            let Some((source, job)) = next else { return };
            end(job, Ok(()));
            self.state().ended(source);
        }
    }

    /// Sends those away who have waited for too long, and looks again when the next one will have.
    fn look_at(self: &Arc<Self>, time: Instant) {
        let late = {
            let mut state = self.state();
            state.looks_at = None;
            state.take_all(|job| job.until <= time)
        };
        refuse(late, Undone::Late);
        self.hand_out();
    }

    /// What each of the threads does.
    fn work(&self) {
        if self.bounds.yielding {
            yield_to_others();
        }
        while let Some((source, job)) = self.take() {
            end(job, Ok(()));
            self.state().ended(source);
        }
    }

    fn take(&self) -> Option<(Source, Job)> {
        let mut state = self.state();
        loop {
            if state.closed {
                return None;
            }
            if let Some(next) = state.next(self.bounds.running_of_one) {
                return Some(next);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Sends those away who have waited for too long.
    fn keep_time(&self) {
        let mut state = self.state();
        while !state.closed {
            let now = now();
            let late = state.take_all(|job| job.until <= now);
            if !late.is_empty() {
                drop(state);
                refuse(late, Undone::Late);
                state = self.state();
                continue;
            }
            state.looks_at = state.jobs().map(|job| job.until).min();
            state = match state.looks_at {
                None => self.sooner.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let waited = self.sooner.wait_timeout(state, at.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn state(&self) -> MutexGuard<'_, Queue> {
        // No foreign code runs while the lock is held, so the state is valid even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who have asked that nothing will be done.
fn refuse(jobs: impl IntoIterator<Item = Job>, why: Undone) {
    for job in jobs {
        end(job, Err(why));
    }
}

/// Does the job, or tells why it is not done. The panic of a job goes to who has asked. This thread goes on even if
/// something else panics: the waker of who has asked, or what the job has made, if nobody waits for it any more.
fn end(job: Job, go: Result<(), Undone>) {
    let _ = catch_unwind(AssertUnwindSafe(|| (job.run)(go)));
}

/// Lets all other threads go first: who is logged in must not feel that passwords are checked.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        // A thread has a priority of its own here. Without it things are a little slower.
        let nice = rustix::process::getpriority_process(None).unwrap_or_default();
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), nice + NICE);
    }
}

/// How much more than others the threads yield.
#[cfg(target_os = "linux")]
const NICE: i32 = 3;
