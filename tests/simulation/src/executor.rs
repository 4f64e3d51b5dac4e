//! Runs the tasks and jobs of a run on one thread, in an order that the seed decides.

use core::any::Any;
use core::fmt;
use core::panic::AssertUnwindSafe;
use core::task::{Context, Waker};
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::task::Wake;

use crate::Sim;
use crate::job::{JobThread, JobThreads, Signal, Work};
use crate::sim::{Group, Id, Task};

/// Why a run has failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure(pub String);

/// The executor of a run.
pub struct Executor {
    sim: Sim,
    tasks: BTreeMap<Id, (Group, String, Task)>,
    jobs: BTreeMap<Id, (Group, Job)>,
    threads: JobThreads,
    steps: u64,
    most_jobs: usize,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("steps", &self.steps).finish_non_exhaustive()
    }
}

enum Job {
    New(Work),
    Paused(JobThread),
}

struct TaskWaker {
    sim: Sim,
    id: Id,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.sim.state().wake(self.id);
    }
}

/// The most steps of a run.
const MOST_STEPS: u64 = 3_000_000;

impl Executor {
    /// The executor of this run.
    #[must_use]
    pub fn new(sim: &Sim) -> Self {
        Self {
            sim: sim.clone(),
            tasks: BTreeMap::new(),
            jobs: BTreeMap::new(),
            threads: JobThreads::new(),
            steps: 0,
            most_jobs: 0,
        }
    }

    /// Runs until the task is done that has this name. Returns the names of the tasks that are left.
    ///
    /// # Errors
    /// When something failed or panicked, when nothing can ever go on, or when there are too many steps.
    pub fn run_until_done(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let result = self.run(name);
        // They come to their end, so that nothing of the run is left.
        self.tasks.clear();
        let jobs: Vec<Id> = self.jobs.keys().copied().collect();
        jobs.into_iter().for_each(|id| self.finish_job(id));
        result
    }

    /// How many steps were made.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The most jobs that were under way at a time.
    #[must_use]
    pub const fn most_jobs(&self) -> usize {
        self.most_jobs
    }

    fn run(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let mut main = None;
        loop {
            self.take_over();
            if let Some(why) = self.sim.state().failure.clone() {
                return Err(Failure(why));
            }
            main = main
                .or_else(|| self.tasks.iter().find(|(_, (_, other, _))| other == name).map(|(&id, _)| id));
            if main.is_some_and(|id| !self.tasks.contains_key(&id)) {
                let jobs = (!self.jobs.is_empty()).then(|| format!("{} jobs", self.jobs.len()));
                return Ok(self.tasks.values().map(|(_, name, _)| name.clone()).chain(jobs).collect());
            }
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Err(Failure(format!("too many steps; {}", self.left())));
            }
            self.fire();
            match self.pick() {
                Some(id) => self.step(id),
                None if self.jump() => {}
                None => return Err(Failure(format!("nothing can go on; {}", self.left()))),
            }
        }
    }

    fn left(&self) -> String {
        let names = self.tasks.values().map(|(_, name, _)| &**name).collect::<Vec<_>>();
        format!("{} jobs and these tasks are left: {}", self.jobs.len(), names.join(", "))
    }

    /// Takes what was started, and ends the groups that are to end.
    fn take_over(&mut self) {
        self.find_dead();
        loop {
            let (tasks, jobs, dying) = {
                let mut state = self.sim.state();
                (
                    core::mem::take(&mut state.tasks),
                    core::mem::take(&mut state.jobs),
                    core::mem::take(&mut state.dying),
                )
            };
            if tasks.is_empty() && jobs.is_empty() && dying.is_empty() {
                return;
            }
            self.tasks.extend(tasks.into_iter().map(|(id, group, name, task)| (id, (group, name, task))));
            self.jobs.extend(jobs.into_iter().map(|(id, group, work)| (id, (group, Job::New(work)))));
            self.most_jobs = self.most_jobs.max(self.jobs.len());
            for group in dying {
                let tasks = self.tasks.iter().filter(|(_, (of, ..))| *of == group).map(|(&id, _)| id);
                for id in tasks.collect::<Vec<_>>() {
                    drop(self.tasks.remove(&id));
                }
                let jobs = self.jobs.iter().filter(|(_, (of, _))| *of == group).map(|(&id, _)| id);
                // What a killed process still does has no effect.
                jobs.collect::<Vec<_>>().into_iter().for_each(|id| self.finish_job(id));
            }
        }
    }

    /// Finds the groups that have ended by themselves.
    fn find_dead(&self) {
        let mut state = self.sim.state();
        let mut watched = core::mem::take(&mut state.watched);
        drop(state);
        let mut dead = Vec::new();
        watched.retain(|(group, is_alive)| {
            let is_alive = is_alive();
            if !is_alive {
                dead.push(*group);
            }
            is_alive
        });
        let mut state = self.sim.state();
        state.watched.append(&mut watched);
        state.dying.append(&mut dead);
    }

    /// Wakes those whose time has come.
    fn fire(&self) {
        let now = self.sim.clock().elapsed();
        loop {
            let mut state = self.sim.state();
            let Some(entry) = state.timers.first_entry().filter(|entry| entry.key().0 <= now) else { return };
            let waker = entry.remove();
            drop(state);
            waker.wake();
        }
    }

    fn pick(&self) -> Option<Id> {
        let mut state = self.sim.state();
        if state.ready.is_empty() {
            return None;
        }
        let place = self.sim.chance().below(state.ready.len());
        let id = state.ready.swap_remove(place);
        state.taken(id);
        Some(id)
    }

    /// Lets the time jump to the next timer.
    fn jump(&self) -> bool {
        let next = self.sim.state().timers.first_key_value().map(|(&(at, _), _)| at);
        let Some(next) = next else { return false };
        self.sim.clock().advance(next.saturating_sub(self.sim.clock().elapsed()));
        true
    }

    fn step(&mut self, id: Id) {
        // Everything takes some time.
        self.sim.clock().advance(Duration::from_micros(1 + self.sim.chance().below(20) as u64));
        if let Some((group, name, mut task)) = self.tasks.remove(&id) {
            let waker = Waker::from(Arc::new(TaskWaker { sim: self.sim.clone(), id }));
            let mut context = Context::from_waker(&waker);
            match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut context))) {
                Ok(poll) if poll.is_ready() => drop(task),
                Ok(_) => drop(self.tasks.insert(id, (group, name, task))),
                Err(panic) => self.sim.fail(format!("{name} panicked: {}", text_of(&*panic))),
            }
        } else if let Some((group, job)) = self.jobs.remove(&id) {
            match self.advance(job) {
                (thread, Signal::Paused(time)) => {
                    self.jobs.insert(id, (group, Job::Paused(thread)));
                    self.wake_after(id, time);
                }
                (thread, Signal::Done(panicked)) => self.done(id, thread, panicked),
            }
        }
    }

    fn advance(&mut self, job: Job) -> (JobThread, Signal) {
        match job {
            Job::New(work) => self.threads.begin(work),
            Job::Paused(thread) => {
                let signal = self.threads.go_on(&thread);
                (thread, signal)
            }
        }
    }

    fn done(&mut self, id: Id, thread: JobThread, panicked: bool) {
        self.threads.keep(id, thread);
        if panicked {
            self.sim.fail("a job panicked");
        }
    }

    fn wake_after(&self, id: Id, time: Duration) {
        if time.is_zero() {
            self.sim.state().wake(id);
            return;
        }
        let waker = Waker::from(Arc::new(TaskWaker { sim: self.sim.clone(), id }));
        let at = self.sim.clock().elapsed() + time;
        self.sim.state().timers.insert((at, id), waker);
    }

    /// Lets a job come to its end at once.
    fn finish_job(&mut self, id: Id) {
        let Some((_, mut job)) = self.jobs.remove(&id) else { return };
        loop {
            match self.advance(job) {
                (thread, Signal::Paused(time)) => {
                    // Whoever waits for something must see the time pass.
                    self.sim.clock().advance(time);
                    job = Job::Paused(thread);
                }
                (thread, Signal::Done(panicked)) => return self.done(id, thread, panicked),
            }
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::Chance;

    fn run(seed: u64, make: impl Fn(&Sim)) -> (Result<Vec<String>, Failure>, Sim) {
        let sim = Sim::new(Chance::new(seed));
        make(&sim);
        let result = Executor::new(&sim).run_until_done("main");
        (result, sim)
    }

    #[test]
    fn time_jumps_when_nothing_is_ready() {
        let (result, sim) = run(1, |sim| {
            let own = sim.clone();
            sim.spawn(Group::NONE, "main", async move { own.sleep(Duration::from_secs(86_400)).await });
        });
        assert_eq!(result, Ok(Vec::new()));
        assert_eq!(sim.clock().elapsed().as_secs(), 86_400);
    }

    #[test]
    fn who_waits_for_nothing_is_a_failure_that_names_who_waits() {
        let (result, _) = run(1, |sim| {
            sim.spawn(Group::NONE, "main", core::future::pending());
        });
        let Err(Failure(why)) = result else { panic!("it waits for ever") };
        assert!(why.contains("nothing can go on") && why.contains("main"), "{why}");
    }

    #[test]
    fn a_task_that_never_lets_go_is_a_failure() {
        let sim = Sim::new(Chance::new(1));
        sim.spawn(
            Group::NONE,
            "main",
            core::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                core::task::Poll::Pending
            }),
        );
        let mut executor = Executor::new(&sim);
        executor.steps = MOST_STEPS - 1000;
        let Err(Failure(why)) = executor.run_until_done("main") else { panic!("it goes on for ever") };
        assert!(why.contains("too many steps"), "{why}");
    }

    /// The order in which three tasks and two jobs do three steps each.
    fn order(seed: u64) -> Vec<usize> {
        let done = Arc::new(Mutex::new(Vec::new()));
        let (result, _) = run(seed, |sim| {
            for who in 0..3 {
                let (own, done) = (sim.clone(), Arc::clone(&done));
                sim.spawn(Group::NONE, if who == 0 { "main" } else { "other" }, async move {
                    for _ in 0..3 {
                        done.lock().unwrap().push(who);
                        own.sleep(Duration::from_millis(1)).await;
                    }
                    own.sleep(Duration::from_secs(1)).await;
                });
            }
            for who in 3..5 {
                let (own, done) = (sim.clone(), Arc::clone(&done));
                sim.start_job(Group::NONE, move || {
                    for _ in 0..3 {
                        done.lock().unwrap().push(who);
                        own.pause(Duration::from_millis(1));
                    }
                });
            }
        });
        assert!(result.is_ok());
        let done = done.lock().unwrap().clone();
        assert_eq!(done.len(), 15);
        done
    }

    #[test]
    fn the_seed_decides_the_order_of_tasks_and_jobs() {
        assert!((0..20).all(|seed| order(seed) == order(seed)));
        assert!((1..20).any(|seed| order(seed) != order(0)));
    }

    #[test]
    fn a_group_ends_with_its_tasks_and_jobs() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let (result, _) = run(3, |sim| {
            let group = sim.group();
            let (own, told) = (sim.clone(), Arc::clone(&done));
            sim.spawn(group, "killed", async move {
                own.sleep(Duration::from_secs(5)).await;
                told.lock().unwrap().push("task");
            });
            let (own, told) = (sim.clone(), Arc::clone(&done));
            sim.start_job(group, move || {
                own.pause(Duration::from_secs(5));
                // Work that blocks can't be taken out of its thread; the disk of a killed process does nothing.
                told.lock().unwrap().push("job");
            });
            let own = sim.clone();
            sim.spawn(Group::NONE, "main", async move {
                own.sleep(Duration::from_secs(1)).await;
                own.end(group);
                own.sleep(Duration::from_secs(20)).await;
            });
        });
        assert_eq!(result, Ok(Vec::new()));
        assert_eq!(*done.lock().unwrap(), ["job"]);
    }

    #[test]
    fn a_panic_is_a_failure() {
        let (result, _) = run(1, |sim| {
            sim.spawn(Group::NONE, "main", async { panic!("by accident") });
        });
        assert_eq!(result, Err(Failure("main panicked: by accident".to_owned())));
    }
}
