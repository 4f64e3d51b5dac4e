//! What holds however attempts of several clients take turns.

use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;

use core::panic::AssertUnwindSafe;

use pop3_concurrency::{explore, thread};

use super::*;
use crate::machine::ThisMachine;

const GUESSER: [u8; 4] = [192, 0, 2, 1];
const OTHER: [u8; 4] = [192, 0, 2, 2];

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Failed,
    Succeeded,
    Panicked,
    Dropped,
}

/// Makes an attempt, and returns the delay if it has failed.
fn attempt(brake: &Brake, address: [u8; 4], end: End) -> Option<Duration> {
    let attempt = brake.attempt(address.into()).unwrap();
    match end {
        End::Failed => return Some(attempt.failed()),
        End::Succeeded => attempt.succeeded(),
        End::Dropped => drop(attempt),
        End::Panicked => {
            let panics = AssertUnwindSafe(|| {
                let _attempt = attempt;
                resume_unwind(Box::new("within a check"));
            });
            assert!(catch_unwind(panics).is_err());
        }
    }
    None
}

/// Runs the attempts at the same time, and returns the delays in seconds, in ascending order.
fn at_once(brake: &Arc<Brake>, attempts: &[([u8; 4], End)]) -> Vec<u64> {
    let begin = |&(address, end): &([u8; 4], End)| {
        let brake = Arc::clone(brake);
        thread::spawn(move || attempt(&brake, address, end))
    };
    let threads: Vec<_> = attempts.iter().map(begin).collect();
    let mut delays: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
    delays.sort();
    delays.into_iter().map(|delay| delay.as_secs()).collect()
}

// SEC-02
#[test]
fn failures_at_the_same_time_all_count() {
    explore(|| {
        let brake = Arc::new(Brake::new(&ThisMachine::shared()));
        let delays = at_once(&brake, &[(GUESSER, End::Failed); 3]);
        assert_eq!(delays, [1, 2, 4]);
        assert_eq!(attempt(&brake, OTHER, End::Failed).unwrap().as_secs(), 1);
    });
}

// SEC-02
#[test]
fn neither_a_success_nor_another_address_takes_a_failure_back() {
    explore(|| {
        let brake = Arc::new(Brake::new(&ThisMachine::shared()));
        let attempts = [(GUESSER, End::Failed), (GUESSER, End::Succeeded), (OTHER, End::Succeeded)];
        assert_eq!(at_once(&brake, &attempts), [1]);
        assert_eq!(attempt(&brake, GUESSER, End::Failed).unwrap().as_secs(), 2);
        assert_eq!(attempt(&brake, OTHER, End::Failed).unwrap().as_secs(), 1);
    });
}

// SEC-02
#[test]
fn attempts_that_are_given_up_at_the_same_time_all_count() {
    explore(|| {
        let brake = Arc::new(Brake::new(&ThisMachine::shared()));
        at_once(&brake, &[(GUESSER, End::Panicked), (GUESSER, End::Dropped), (GUESSER, End::Failed)]);
        assert!(brake.resumed(GUESSER.into()).is_suspect());
        assert_eq!(attempt(&brake, GUESSER, End::Failed).unwrap().as_secs(), 8);
    });
}

/// The delays that one client sees never become shorter while others fail at the same address.
// SEC-02
#[test]
fn delays_only_grow() {
    explore(|| {
        let brake = Arc::new(Brake::new(&ThisMachine::shared()));
        let other = thread::spawn({
            let brake = Arc::clone(&brake);
            move || [(); 2].map(|()| attempt(&brake, GUESSER, End::Failed).unwrap())
        });
        let seen = [(); 2].map(|()| attempt(&brake, GUESSER, End::Failed).unwrap());
        let others = other.join().unwrap();
        assert!(seen.is_sorted() && others.is_sorted(), "{seen:?} {others:?}");
        let mut all: Vec<_> = [seen, others].concat().iter().map(Duration::as_secs).collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 4, 8]);
    });
}
