//! What the parts of a run share: its tasks, jobs, timers, clock and trace.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Poll, Waker};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::job::{self, Work};
use crate::{Chance, Failure, SimClock, Trace};

/// A run, as its parts see it. Clones are the same run.
#[derive(Clone)]
pub struct Sim {
    state: Arc<Mutex<State>>,
    clock: SimClock,
    chance: Chance,
    trace: Trace,
}

/// A group of tasks and jobs that end together: a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(u64);

impl Group {
    /// The group of what belongs to no process.
    pub const NONE: Self = Self(0);
}

/// The number of a task or a job.
pub(crate) type Id = u64;

pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What the executor and the handles share.
#[derive(Default)]
pub(crate) struct State {
    last_id: Id,
    last_group: u64,
    /// What can go on, in the order in which it was woken.
    pub(crate) ready: Vec<Id>,
    queued: BTreeSet<Id>,
    pub(crate) timers: BTreeMap<(Duration, Id), Waker>,
    /// What was started and not taken over by the executor yet.
    pub(crate) tasks: Vec<(Id, Group, String, Task)>,
    pub(crate) jobs: Vec<(Id, Group, Work)>,
    /// Groups that end before anything else goes on.
    pub(crate) dying: Vec<Group>,
    /// What tells whether a group is alive that may end by itself.
    pub(crate) watched: Vec<(Group, IsAlive)>,
    pub(crate) failure: Option<String>,
}

pub(crate) type IsAlive = Arc<dyn Fn() -> bool + Send + Sync>;

impl State {
    pub(crate) fn wake(&mut self, id: Id) {
        if self.queued.insert(id) {
            self.ready.push(id);
        }
    }

    pub(crate) fn taken(&mut self, id: Id) {
        self.queued.remove(&id);
    }

    fn next_id(&mut self) -> Id {
        self.last_id += 1;
        self.last_id
    }
}

impl Sim {
    /// A run with these decisions.
    #[must_use]
    pub fn new(chance: Chance) -> Self {
        let clock = SimClock::default();
        let trace = Trace::new(clock.clone());
        Self { state: Arc::default(), clock, chance, trace }
    }

    /// The decisions of the run.
    #[must_use]
    pub fn chance(&self) -> &Chance {
        &self.chance
    }

    /// The clock of the run.
    #[must_use]
    pub fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// What has happened.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Adds a line to the trace.
    pub fn say(&self, line: fmt::Arguments<'_>) {
        self.trace.say(line);
    }

    /// Ends the run as failed. The first failure counts.
    pub fn fail(&self, why: impl Into<String>) {
        let why = why.into();
        self.say(format_args!("FAILED: {why}"));
        self.state().failure.get_or_insert(why);
    }

    /// Why the run has failed, if it has.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state().failure.clone().map(Failure)
    }

    /// A new group.
    #[must_use]
    pub fn group(&self) -> Group {
        let mut state = self.state();
        state.last_group += 1;
        Group(state.last_group)
    }

    /// Starts a task.
    pub fn spawn(
        &self,
        group: Group,
        name: impl Into<String>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut state = self.state();
        let id = state.next_id();
        state.tasks.push((id, group, name.into(), Box::pin(task)));
        state.wake(id);
    }

    /// Has work done that blocks, beside everything else. Its waits take simulated time.
    pub fn start_job(&self, group: Group, work: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        let id = state.next_id();
        state.jobs.push((id, group, Box::new(work)));
        state.wake(id);
    }

    /// Does the same and waits for the result. Returns `None` if the work panicked. If the future is dropped, the work
    /// is done all the same.
    pub async fn job<R: Send + 'static>(
        &self,
        group: Group,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let end = End::new();
        let desk = Arc::clone(&end.0);
        self.start_job(group, move || {
            let result = work();
            end.put(result);
        });
        wait_for(desk).await
    }

    /// Starts a task and waits for its result. Returns `None` if its group ended before.
    pub async fn run<R: Send + 'static>(
        &self,
        group: Group,
        name: impl Into<String> + Send,
        task: impl Future<Output = R> + Send + 'static,
    ) -> Option<R> {
        self.start(group, name, task).await
    }

    /// Starts a task, and returns a future for its result. The task goes on if that is dropped.
    pub fn start<R: Send + 'static>(
        &self,
        group: Group,
        name: impl Into<String>,
        task: impl Future<Output = R> + Send + 'static,
    ) -> Pin<Box<dyn Future<Output = Option<R>> + Send>> {
        let end = End::new();
        let desk = Arc::clone(&end.0);
        self.spawn(group, name, async move {
            let result = task.await;
            end.put(result);
        });
        Box::pin(wait_for(desk))
    }

    /// Ends the group as soon as this returns false.
    pub(crate) fn watch(&self, group: Group, is_alive: impl Fn() -> bool + Send + Sync + 'static) {
        self.state().watched.push((group, Arc::new(is_alive)));
    }

    /// Sleeps for this time.
    pub async fn sleep(&self, time: Duration) {
        self.sleep_until(self.clock.elapsed() + time).await;
    }

    /// Sleeps until so much time has passed since the start of the run.
    pub async fn sleep_until(&self, until: Duration) {
        let mut timer = Timer::new(self, until);
        poll_fn(move |context| timer.poll(context.waker())).await;
    }

    /// In a job, lets others go on, for this time at least. Elsewhere nobody can go on, but the time passes.
    pub fn pause(&self, time: Duration) {
        if !job::pause(time) {
            self.clock.advance(time);
        }
    }

    /// In a job, lets others go on at random moments.
    pub fn may_step_aside(&self, per_mille: usize) {
        if job::is_here() && self.chance.per_mille(per_mille) {
            job::pause(Duration::from_micros(self.chance.below(2_000) as u64));
        }
    }

    /// Ends all tasks and jobs of the group before anything else goes on.
    pub fn end(&self, group: Group) {
        self.state().dying.push(group);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("at", &self.clock.elapsed()).finish_non_exhaustive()
    }
}

struct Desk<R> {
    result: Option<R>,
    waker: Option<Waker>,
    over: bool,
}

/// Tells at its end that the work is over, even if it panicked.
struct End<R>(Arc<Mutex<Desk<R>>>);

impl<R> End<R> {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Desk { result: None, waker: None, over: false })))
    }

    fn put(self, result: R) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).result = Some(result);
    }
}

async fn wait_for<R>(desk: Arc<Mutex<Desk<R>>>) -> Option<R> {
    poll_fn(move |context| {
        let mut desk = desk.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.over {
            return Poll::Ready(desk.result.take());
        }
        desk.waker = Some(context.waker().clone());
        Poll::Pending
    })
    .await
}

impl<R> Drop for End<R> {
    fn drop(&mut self) {
        let waker = {
            let mut desk = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            desk.over = true;
            desk.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Wakes its task at a time. Dropped, it wakes nobody.
pub(crate) struct Timer {
    sim: Sim,
    until: Duration,
    key: Option<(Duration, Id)>,
}

impl Timer {
    pub(crate) fn new(sim: &Sim, until: Duration) -> Self {
        Self { sim: sim.clone(), until, key: None }
    }

    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<()> {
        if self.sim.clock.elapsed() >= self.until {
            return Poll::Ready(());
        }
        let mut state = self.sim.state();
        let key = self.key.unwrap_or_else(|| (self.until, state.next_id()));
        self.key = Some(key);
        state.timers.insert(key, waker.clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // Not in the statement: dropping a waker may drop a task, which drops timers.
            let waker = self.sim.state().timers.remove(&key);
            drop(waker);
        }
    }
}
