//! What holds however those who ask, the workers and the time take turns.

use core::future::Future;
use core::net::IpAddr;
use core::pin::pin;
use core::sync::atomic::Ordering;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::collections::HashMap;

use pop3_concurrency::atomic::AtomicUsize;
use pop3_concurrency::{block_on, explore, explore_with_time};

use super::*;

const BOUNDS: Bounds =
    Bounds { name: "model", threads: 2, running_of_one: 1, waiting_of_one: 2, waiting: 3, yielding: false };

fn client(last: u8, suspect: bool) -> Client {
    Client { source: IpAddr::from([192, 0, 2, last]).into(), suspect }
}

fn later() -> Instant {
    now() + Duration::from_secs(600)
}

/// The workers, and what runs.
struct Office {
    workers: Workers,
    ran: AtomicUsize,
    /// How many jobs of each address run.
    running: std::sync::Mutex<HashMap<u8, usize>>,
}

impl Office {
    fn open(bounds: Bounds) -> Arc<Self> {
        let workers = Workers::start(bounds, None).unwrap();
        Arc::new(Self { workers, ran: AtomicUsize::new(0), running: std::sync::Mutex::default() })
    }

    /// A job that takes a while, counts, and has no more of its address beside it than the bounds allow.
    fn job(self: &Arc<Self>, last: u8) -> impl FnOnce() + Send + 'static {
        let office = Arc::clone(self);
        move || {
            let of_one = |change: fn(&mut usize)| {
                let mut running = office.running.lock().unwrap();
                let of_one = running.entry(last).or_default();
                change(of_one);
                *of_one
            };
            assert!(of_one(|of_one| *of_one += 1) <= office.workers.0.bounds.running_of_one);
            assert!(office.workers.0.state().waiting() <= office.workers.0.bounds.waiting);
            office.ran.fetch_add(1, Ordering::Relaxed);
            of_one(|of_one| *of_one -= 1);
        }
    }

    /// Asks in a thread, and returns what came of it.
    fn ask(self: &Arc<Self>, last: u8, suspect: bool) -> thread::JoinHandle<Result<(), Undone>> {
        let office = Arc::clone(self);
        thread::spawn(move || {
            let job = office.job(last);
            block_on(office.workers.run(client(last, suspect), later(), job))
        })
    }

    fn ran(&self) -> usize {
        self.ran.load(Ordering::Relaxed)
    }
}

/// How many were done. All others were refused for one of these reasons.
fn done(asked: Vec<thread::JoinHandle<Result<(), Undone>>>, reasons: &[Undone]) -> usize {
    let outcomes: Vec<_> = asked.into_iter().map(|thread| thread.join().unwrap()).collect();
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.err()).collect();
    assert!(refused.iter().all(|why| reasons.contains(why)), "{outcomes:?}");
    outcomes.len() - refused.len()
}

#[test]
fn every_job_is_done_without_waiting_for_the_time() {
    explore(|| {
        let office = Office::open(BOUNDS);
        let asked = [(1, false), (1, true), (2, false)].map(|(last, suspect)| office.ask(last, suspect));
        assert_eq!(done(asked.into(), &[]), 3);
        assert_eq!(office.ran(), 3);
    });
}

#[test]
fn a_job_is_done_or_refused_and_the_bounds_hold() {
    explore(|| {
        let office = Office::open(Bounds { threads: 1, waiting_of_one: 1, waiting: 2, ..BOUNDS });
        let asked = [1, 1, 2, 3, 3].map(|last| office.ask(last, true));
        let done = done(asked.into(), &[Undone::Full]);
        assert!(done >= 2 && done == office.ran(), "{done}");
    });
}

#[test]
fn the_end_comes_to_all() {
    explore(|| {
        let office = Office::open(Bounds { threads: 1, ..BOUNDS });
        let asked = [1, 2, 2].map(|last| office.ask(last, false));
        office.workers.close();
        let done = done(asked.into(), &[Undone::Closed]);
        assert_eq!(done, office.ran());
        assert_eq!(office.workers.0.state().waiting(), 0);
    });
}

#[test]
fn nobody_waits_longer_than_the_time() {
    explore_with_time(|| {
        let office = Office::open(Bounds { threads: 1, ..BOUNDS });
        let asked = [1, 1, 2].map(|last| office.ask(last, false));
        let done = done(asked.into(), &[Undone::Late]);
        assert_eq!(done, office.ran());
        assert_eq!(office.workers.0.state().waiting(), 0);
    });
}

/// A worker that hangs keeps nobody beyond the time.
#[test]
fn those_behind_a_job_that_hangs_are_told_in_time() {
    explore_with_time(|| {
        let office = Office::open(Bounds { threads: 1, ..BOUNDS });
        let (go, gone) = pop3_concurrency::mpsc::channel::<()>();
        let hangs = thread::spawn({
            let office = Arc::clone(&office);
            move || {
                let until = now() + Duration::from_secs(3_600);
                block_on(office.workers.run(client(9, true), until, move || assert!(gone.recv().is_err())))
            }
        });
        let asked = [1, 2].map(|last| office.ask(last, false));
        done(asked.into(), &[Undone::Late]);
        drop(go);
        assert!(matches!(hangs.join().unwrap(), Ok(()) | Err(Undone::Late)));
    });
}

#[test]
fn whoever_gives_up_leaves_nothing_behind() {
    explore(|| {
        let office = Office::open(Bounds { threads: 1, ..BOUNDS });
        let gives_up = thread::spawn({
            let office = Arc::clone(&office);
            move || {
                let mut future = pin!(office.workers.run(client(1, false), later(), office.job(1)));
                match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(outcome) => outcome.is_ok(),
                    Poll::Pending => false,
                }
            }
        });
        let stays = [office.ask(1, false), office.ask(2, true)];
        assert_eq!(done(stays.into(), &[]), 2);
        gives_up.join().unwrap();
        assert!((2..=3).contains(&office.ran()));
        office.workers.close();
        assert_eq!(office.workers.0.state().waiting(), 0);
    });
}

#[test]
fn no_panic_takes_a_worker_along() {
    /// Panics when nobody wants it.
    struct Fragile;

    impl Drop for Fragile {
        fn drop(&mut self) {
            if !thread_panics() {
                resume_unwind(Box::new("nobody wants it"));
            }
        }
    }

    fn thread_panics() -> bool {
        std::thread::panicking()
    }

    explore(|| {
        let office = Office::open(Bounds { threads: 1, ..BOUNDS });
        let panics = thread::spawn({
            let office = Arc::clone(&office);
            move || {
                let job = || -> () { resume_unwind(Box::new("within a job")) };
                let run = AssertUnwindSafe(|| block_on(office.workers.run(client(1, false), later(), job)));
                assert!(catch_unwind(run).is_err());
            }
        });
        let gives_up = thread::spawn({
            let office = Arc::clone(&office);
            move || {
                let mut future = Box::pin(office.workers.run(client(2, false), later(), || Fragile));
                let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(Ok(fragile)) = polled {
                    core::mem::forget(fragile);
                }
                // What came meanwhile is dropped here.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
            }
        });
        assert_eq!(done(vec![office.ask(3, false)], &[]), 1);
        panics.join().unwrap();
        gives_up.join().unwrap();
        assert_eq!(done(vec![office.ask(4, false)], &[]), 1);
    });
}
