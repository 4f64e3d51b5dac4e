//! Runs models.

use std::sync::Arc;

use crate::clock;

/// Runs a model with many, or all, interleavings of its threads. The time stands still until the model returns, so
/// whoever needs it to go on is reported as a deadlock. Then it passes until all threads have ended.
///
/// # Panics
/// Panics if a thread panics, or if all threads wait for each other.
pub fn explore(model: impl Fn() + Send + Sync + 'static) {
    check(false, model);
}

/// Like [`explore`], but whenever a thread waits for the time, that time may pass at any moment.
///
/// # Panics
/// Panics if a thread panics, or if all threads wait for each other.
pub fn explore_with_time(model: impl Fn() + Send + Sync + 'static) {
    check(true, model);
}

fn check(passes: bool, model: impl Fn() + Send + Sync + 'static) {
    let model = Arc::new(model);
    run(move || {
        clock::reset();
        let keep = || crate::checker::thread::spawn(clock::keep);
        let keeper = passes.then(keep);
        model();
        clock::finish();
        // It ends when all other threads have.
        let ended = keeper.unwrap_or_else(keep).join();
        assert!(ended.is_ok());
    });
}

/// Every interleaving with at most so many switches away from a thread that could go on. More of them take hours, and
/// almost all errors need no more than two.
#[cfg(pop3_loom)]
fn run(model: impl Fn() + Send + Sync + 'static) {
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = checker.preemption_bound.or(Some(2));
    checker.max_branches = 10_000;
    checker.check(model);
}

/// Interleavings at random: half of them choose among all threads at each step, and half give the threads priorities,
/// which finds errors for which one thread has to be slow.
///
/// The same seed gives the same interleavings. `POP3_SCHEDULES` and `POP3_SEED` are the number of each half and the
/// seed.
#[cfg(all(pop3_shuttle, not(pop3_loom)))]
fn run(model: impl Fn() + Send + Sync + 'static) {
    use shuttle::scheduler::{PctScheduler, RandomScheduler};
    use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

    let number = |name, default| match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")),
        Err(_) => default,
    };
    let (schedules, seed) = (number("POP3_SCHEDULES", 300), number("POP3_SEED", 1));
    let mut config = Config::new();
    // Loops that wait for others end the model instead of the patience of the reader.
    config.max_steps = MaxSteps::FailAfter(50_000);
    config.silence_warnings = true;
    // The seed that is printed says the same in a line: with it as POP3_SEED, the first interleaving fails.
    config.failure_persistence = FailurePersistence::None;
    let schedules = usize::try_from(schedules).unwrap_or(usize::MAX);
    let model = Arc::new(model);
    let random = RandomScheduler::new_from_seed(seed, schedules);
    Runner::new(random, config.clone()).run({
        let model = Arc::clone(&model);
        move || model()
    });
    Runner::new(PctScheduler::new_from_seed(seed, 3, schedules), config).run(move || model());
}
