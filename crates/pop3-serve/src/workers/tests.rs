//! Who comes when, and who is turned away.

use core::future::Future;
use core::net::IpAddr;
use core::time::Duration;
use std::sync::Mutex as Plain;
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
fn occupy(workers: &Arc<Workers>, client: Client) -> (Sender<()>, thread::JoinHandle<Result<(), Undone>>) {
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
    Workers::start(bounds, None).unwrap().into()
}

/// Whether nothing is left of anybody. A thread puts its job away just behind telling the outcome.
fn is_empty(workers: &Workers) -> bool {
    let until = Instant::now() + Duration::from_secs(60);
    while !workers.0.state().is_empty() && Instant::now() < until {
        thread::yield_now();
    }
    workers.0.state().is_empty()
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
fn one_address_does_not_occupy_all_places() {
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
fn the_queue_is_bounded_and_the_address_with_most_entries_gives_way() {
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

/// Checkers that work when they are told to.
#[derive(Debug, Default)]
struct Told {
    starts: Plain<Vec<Work>>,
    alarms: Plain<Vec<Work>>,
}

struct Work(Box<dyn FnOnce() + Send>);

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}

impl Told {
    fn take(works: &Plain<Vec<Work>>) -> Vec<Work> {
        core::mem::take(&mut *works.lock().unwrap())
    }
}

impl Checkers for Told {
    fn count(&self) -> usize {
        2
    }

    fn start(&self, work: Box<dyn FnOnce() + Send>) {
        self.starts.lock().unwrap().push(Work(work));
    }

    fn start_at(&self, _: Instant, work: Box<dyn FnOnce() + Send>) {
        self.alarms.lock().unwrap().push(Work(work));
    }
}

#[test]
fn checkers_take_the_place_of_threads() {
    let told = Arc::new(Told::default());
    let workers = Workers::start(Bounds { threads: 2, ..BOUNDS }, Some(told.clone())).unwrap();
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    let soon = Instant::now();
    let mut waiting: Vec<_> =
        (0..4).map(|last| Box::pin(workers.run(client(last, false), soon, move || last))).collect();
    for work in &mut waiting {
        assert!(work.as_mut().poll(&mut context).is_pending());
    }
    // No more of them than there may be, and one alarm for all. Each takes what waits when it comes to it.
    let (starts, alarms) = (Told::take(&told.starts), Told::take(&told.alarms));
    assert_eq!((starts.len(), alarms.len()), (2, 1));
    starts.into_iter().for_each(|work| work.0());
    for (number, work) in waiting.iter_mut().enumerate() {
        assert_eq!(work.as_mut().poll(&mut context), core::task::Poll::Ready(Ok(number as u8)));
    }
    assert!(workers.0.state().is_empty());
    // The next one waits for too long.
    let mut late = Box::pin(workers.run(client(1, false), soon, || ()));
    assert!(late.as_mut().poll(&mut context).is_pending());
    for alarm in alarms.into_iter().chain(Told::take(&told.alarms)) {
        (alarm.0)();
    }
    assert_eq!(late.as_mut().poll(&mut context), core::task::Poll::Ready(Err(Undone::Late)));
    Told::take(&told.starts).into_iter().for_each(|work| work.0());
    assert!(workers.0.state().is_empty() && workers.0.state().lent == 0);
}
