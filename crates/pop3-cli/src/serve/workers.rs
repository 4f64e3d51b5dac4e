//! Threads for work that takes long and that strangers can ask for: checks of passwords and of tokens.
//!
//! Nobody waits in a thread for a place here, and nobody waits behind a crowd. An address that has no failure
//! and nothing else under way comes first, in the order of arrival. The other checks are taken in turn by
//! address, one of each. They are never kept waiting for ever: where both wait, each fourth is one of them.

use core::any::Any;
use core::fmt;
use core::panic::AssertUnwindSafe;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::sync::oneshot;

use crate::source::Source;

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

/// The threads. They end when this is dropped and their jobs are done.
pub(super) struct Workers(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    state: Mutex<State>,
    /// A job can be taken, or the end has come.
    work: Condvar,
    /// A job ends its waiting sooner than all before, or the end has come.
    sooner: Condvar,
}

#[derive(Default)]
struct State {
    /// Of addresses without failures, one job each.
    first: VecDeque<(Source, Job)>,
    /// The addresses of all others that wait, in turn.
    turns: VecDeque<Source>,
    others: HashMap<Source, VecDeque<Job>>,
    /// How many of the first were taken since one of the others was.
    firsts: u32,
    running: HashMap<Source, usize>,
    next_id: u64,
    /// When the keeper of time looks again; `None` if it sleeps.
    looks_at: Option<Instant>,
    closed: bool,
}

struct Job {
    id: u64,
    until: Instant,
    /// Does the work, or tells why it is not done.
    run: Box<dyn FnOnce(Result<(), Undone>) + Send>,
}

/// How many of the first are taken before one of the others is.
const FIRSTS: u32 = 3;

/// What became of the work: it may have panicked.
type Outcome<T> = Result<Result<T, Box<dyn Any + Send>>, Undone>;

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives none.
    pub(super) fn start(bounds: Bounds) -> io::Result<Self> {
        let workers = Self(Arc::new(Shared {
            bounds,
            state: Mutex::default(),
            work: Condvar::new(),
            sooner: Condvar::new(),
        }));
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

    /// What each of the threads does.
    fn work(&self) {
        if self.bounds.yielding {
            yield_to_others();
        }
        while let Some((source, job)) = self.take() {
            // It catches its panics itself.
            (job.run)(Ok(()));
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
            let now = Instant::now();
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

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs while the lock is held, so that the state is whole even then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.first.iter().map(|(_, job)| job).chain(self.others.values().flatten())
    }

    fn waiting(&self) -> usize {
        self.first.len() + self.others.values().map(VecDeque::len).sum::<usize>()
    }

    fn waiting_of(&self, source: Source) -> usize {
        let first = self.first.iter().filter(|(of, _)| *of == source).count();
        first + self.others.get(&source).map_or(0, VecDeque::len)
    }

    fn add(
        &mut self,
        client: Client,
        until: Instant,
        run: Box<dyn FnOnce(Result<(), Undone>) + Send>,
    ) -> u64 {
        let source = client.source;
        self.next_id += 1;
        let job = Job { id: self.next_id, until, run };
        let alone = self.waiting_of(source) == 0 && !self.running.contains_key(&source);
        if alone && !client.suspect {
            self.first.push_back((source, job));
        } else {
            // One of the first that gets company is none of them any more.
            let at = self.first.iter().position(|(of, _)| *of == source);
            let earlier = at.and_then(|at| self.first.remove(at));
            let jobs = self.others.entry(source).or_default();
            if jobs.is_empty() {
                self.turns.push_back(source);
            }
            jobs.extend(earlier.map(|(_, job)| job));
            jobs.push_back(job);
        }
        self.next_id
    }

    /// The job whose turn it is, of an address that has not all it may have. It counts as running.
    fn next(&mut self, running_of_one: usize) -> Option<(Source, Job)> {
        let running = &self.running;
        let free = |source: &Source| running.get(source).is_none_or(|running| *running < running_of_one);
        let first = self.first.iter().position(|(source, _)| free(source));
        let other = self.turns.iter().position(free);
        let first = first.filter(|_| other.is_none() || self.firsts < FIRSTS);
        self.firsts = if first.is_some() { self.firsts.saturating_add(1) } else { 0 };
        let (source, job) = match (first, other) {
            (Some(at), _) => self.first.remove(at)?,
            (None, Some(at)) => {
                let source = self.turns.remove(at)?;
                let jobs = self.others.get_mut(&source)?;
                let job = jobs.pop_front()?;
                if jobs.is_empty() {
                    self.others.remove(&source);
                } else {
                    self.turns.push_back(source);
                }
                (source, job)
            }
            (None, None) => return None,
        };
        *self.running.entry(source).or_default() += 1;
        Some((source, job))
    }

    fn ended(&mut self, source: Source) {
        if let Some(running) = self.running.get_mut(&source) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(&source);
            }
        }
    }

    /// Takes the last job of the address that has most of them, if that has more than one with so many.
    fn make_room(&mut self, own: usize) -> Result<Job, Undone> {
        let longest = self.others.iter_mut().max_by_key(|(_, jobs)| jobs.len());
        let (&source, jobs) = longest.filter(|(_, jobs)| jobs.len() > own + 1).ok_or(Undone::Full)?;
        let job = jobs.pop_back().ok_or(Undone::Full)?;
        if jobs.is_empty() {
            self.forget(source);
        }
        Ok(job)
    }

    /// The job of this number, if it still waits.
    fn take(&mut self, source: Source, id: u64) -> Option<Job> {
        if let Some(at) = self.first.iter().position(|(_, job)| job.id == id) {
            return self.first.remove(at).map(|(_, job)| job);
        }
        let jobs = self.others.get_mut(&source)?;
        let job = jobs.remove(jobs.iter().position(|job| job.id == id)?);
        if jobs.is_empty() {
            self.forget(source);
        }
        job
    }

    /// All jobs that are wanted.
    fn take_all(&mut self, wanted: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut taken = Vec::new();
        let mut kept = VecDeque::new();
        for (source, job) in self.first.drain(..) {
            if wanted(&job) {
                taken.push(job);
            } else {
                kept.push_back((source, job));
            }
        }
        self.first = kept;
        for jobs in self.others.values_mut() {
            let (gone, kept) = core::mem::take(jobs).into_iter().partition::<Vec<_>, _>(|job| wanted(job));
            taken.extend(gone);
            *jobs = kept.into();
        }
        let empty: Vec<_> =
            self.others.iter().filter(|(_, jobs)| jobs.is_empty()).map(|(&source, _)| source).collect();
        empty.into_iter().for_each(|source| self.forget(source));
        taken
    }

    /// The address has no job any more.
    fn forget(&mut self, source: Source) {
        self.others.remove(&source);
        self.turns.retain(|&other| other != source);
    }
}

/// Tells those who have asked that nothing will be done.
fn refuse(jobs: impl IntoIterator<Item = Job>, why: Undone) {
    for job in jobs {
        (job.run)(Err(why));
    }
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

#[cfg(test)]
mod tests {
    use core::future::Future;
    use core::net::IpAddr;
    use core::time::Duration;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use pop3_driver::wait;

    use super::*;

    const BOUNDS: Bounds =
        Bounds { name: "test", threads: 1, running_of_one: 1, waiting_of_one: 3, waiting: 8, yielding: true };

    fn client(last: u8, suspect: bool) -> Client {
        Client { source: IpAddr::from([192, 0, 2, last]).into(), suspect }
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(600)
    }

    /// Keeps a thread busy for this client until the sender is dropped, and returns when it is.
    fn occupy(
        workers: &Arc<Workers>,
        client: Client,
    ) -> (Sender<()>, thread::JoinHandle<Result<(), Undone>>) {
        let (release, released) = channel::<()>();
        let (begun, begins) = channel();
        let workers = Arc::clone(workers);
        let waiting = thread::spawn(move || {
            wait(workers.run(client, later(), move || {
                begun.send(()).unwrap();
                let _ = released.recv();
            }))
        });
        begins.recv_timeout(Duration::from_secs(60)).unwrap();
        (release, waiting)
    }

    /// Jobs that wait, in the order in which they were asked for, and tell their names when they are done.
    struct Crowd {
        workers: Arc<Workers>,
        tell: Sender<u8>,
        told: Receiver<u8>,
        threads: Vec<thread::JoinHandle<Result<(), Undone>>>,
    }

    impl Crowd {
        fn new(workers: &Arc<Workers>) -> Self {
            let (tell, told) = channel();
            Self { workers: Arc::clone(workers), tell, told, threads: Vec::new() }
        }

        fn add(&mut self, client: Client, name: u8) {
            let waiting = self.workers.0.state().waiting();
            let (workers, tell) = (Arc::clone(&self.workers), self.tell.clone());
            let work = move || wait(workers.run(client, later(), move || tell.send(name).unwrap()));
            self.threads.push(thread::spawn(work));
            while self.workers.0.state().waiting() == waiting {
                thread::yield_now();
            }
        }

        /// The names in the order in which the work was done.
        fn order(self) -> Vec<u8> {
            let results: Vec<_> = self.threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert!(results.iter().all(Result::is_ok), "{results:?}");
            drop(self.tell);
            self.told.try_iter().collect()
        }
    }

    fn start(bounds: Bounds) -> Arc<Workers> {
        Workers::start(bounds).unwrap().into()
    }

    /// Whether nothing is left of anybody.
    fn is_empty(workers: &Workers) -> bool {
        let state = workers.0.state();
        state.waiting() == 0 && state.turns.is_empty() && state.others.is_empty() && state.running.is_empty()
    }

    #[test]
    fn addresses_take_turns_and_a_new_one_comes_first() {
        let workers = start(Bounds { waiting: 10, ..BOUNDS });
        let (release, busy) = occupy(&workers, client(9, true));
        let mut crowd = Crowd::new(&workers);
        for (last, suspect, name) in [
            (1, true, 10),
            (1, true, 11),
            (1, true, 12),
            (2, true, 20),
            // Two jobs of an address without failures are of the crowd.
            (3, false, 30),
            (3, false, 31),
            (4, false, 40),
            (5, false, 50),
            (6, false, 60),
            (7, false, 70),
        ] {
            crowd.add(client(last, suspect), name);
        }
        drop(release);
        assert_eq!(busy.join().unwrap(), Ok(()));
        assert_eq!(crowd.order(), [40, 50, 60, 10, 70, 20, 30, 11, 31, 12]);
        assert!(is_empty(&workers));
    }

    // SEC-02
    #[test]
    fn one_address_does_not_take_all_places() {
        let workers = start(Bounds { threads: 2, running_of_one: 1, ..BOUNDS });
        let (release, busy) = occupy(&workers, client(1, true));
        let mut crowd = Crowd::new(&workers);
        crowd.add(client(1, true), 1);
        // There is a thread for others, who may be as suspect.
        assert_eq!(wait(workers.run(client(2, true), later(), || 2)), Ok(2));
        assert!(crowd.told.try_recv().is_err());
        drop(release);
        assert_eq!(busy.join().unwrap(), Ok(()));
        assert_eq!(crowd.order(), [1]);
    }

    #[test]
    fn the_queue_is_bounded_and_who_has_most_in_it_gives_way() {
        let workers = start(BOUNDS);
        let (release, busy) = occupy(&workers, client(9, true));
        let run = |last, suspect| workers.run(client(last, suspect), later(), || ());
        let poll = |future: &mut core::pin::Pin<Box<dyn Future<Output = Result<(), Undone>> + '_>>| {
            let mut context = core::task::Context::from_waker(core::task::Waker::noop());
            match future.as_mut().poll(&mut context) {
                core::task::Poll::Ready(result) => Some(result),
                core::task::Poll::Pending => None,
            }
        };
        let mut waiting = Vec::new();
        for last in [1, 1, 1, 2, 2, 2, 3] {
            waiting.push(Box::pin(run(last, true)) as core::pin::Pin<Box<dyn Future<Output = _> + '_>>);
            assert_eq!(poll(waiting.last_mut().unwrap()), None);
        }
        assert_eq!(wait(run(1, true)), Err(Undone::Full), "it has all it may have");
        let mut new: core::pin::Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(run(4, false));
        assert_eq!(poll(&mut new), None);
        // The queue is full. Each that comes takes the place of one who has more.
        let mut next: core::pin::Pin<Box<dyn Future<Output = _> + '_>> = Box::pin(run(5, true));
        assert_eq!(poll(&mut next), None);
        let refused: Vec<_> = waiting.iter_mut().filter_map(poll).collect();
        assert_eq!(refused, [Err(Undone::Full)]);
        assert_eq!(workers.0.state().waiting(), BOUNDS.waiting);
        // Who goes away leaves the queue.
        drop((waiting, new, next));
        assert_eq!(workers.0.state().waiting(), 0);
        drop(release);
        assert_eq!(busy.join().unwrap(), Ok(()));
        assert_eq!(wait(run(1, true)), Ok(()));
        while !is_empty(&workers) {
            thread::yield_now();
        }
    }

    #[test]
    fn nobody_waits_beyond_his_time_or_the_end() {
        let workers = start(BOUNDS);
        let (release, busy) = occupy(&workers, client(9, true));
        let soon = Instant::now() + Duration::from_millis(10);
        let late = workers.run(client(1, false), soon, || ());
        assert_eq!(wait(late), Err(Undone::Late));
        let mut crowd = Crowd::new(&workers);
        crowd.add(client(1, true), 1);
        workers.close();
        assert_eq!(crowd.threads.pop().unwrap().join().unwrap(), Err(Undone::Closed));
        assert_eq!(wait(workers.run(client(1, true), later(), || ())), Err(Undone::Closed));
        drop(release);
        assert_eq!(busy.join().unwrap(), Ok(()), "what runs goes on");
    }

    #[test]
    fn a_panic_goes_to_who_has_asked_and_the_thread_lives() {
        let workers = start(BOUNDS);
        let panics = || wait(workers.run(client(1, true), later(), || panic!("within a check")));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!(wait(workers.run(client(1, true), later(), || 7)), Ok(7));
    }
}
