//! The time of a model, and the threads that wait for it.

use core::cell::RefCell;
use core::time::Duration;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::Instant;

use crate::checker::thread::{Thread, current, park, yield_now};

// All threads of a model run on one thread of the system, and models of other tests run on others.
std::thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
}

#[derive(Default)]
struct Clock {
    elapsed: Duration,
    alarms: Vec<Entry>,
    next: u64,
    /// The threads that have not ended, except the first and the one that keeps the time.
    alive: usize,
    /// The first thread has ended.
    finished: bool,
    keeper: Option<Thread>,
}

struct Entry {
    id: u64,
    at: Duration,
    ring: Rc<dyn Fn()>,
}

/// Returns the time of the model.
#[must_use]
pub fn now() -> Instant {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    *BEGIN.get_or_init(Instant::now) + elapsed()
}

/// The time since the model has begun.
pub(crate) fn elapsed() -> Duration {
    with(|clock| clock.elapsed)
}

/// Begins anew.
pub(crate) fn reset() {
    with(|clock| *clock = Clock::default());
}

/// No switch to another thread happens in `work`.
fn with<R>(work: impl FnOnce(&mut Clock) -> R) -> R {
    CLOCK.with(|clock| work(&mut clock.borrow_mut()))
}

/// Something that has to happen at a certain time. Dropping it cancels it.
pub(crate) struct Alarm {
    id: u64,
    at: Duration,
}

impl Alarm {
    /// Calls `ring` after this time, again and again until this is dropped: the first call may come before the thread
    /// waits.
    pub(crate) fn after(time: Duration, ring: impl Fn() + 'static) -> Self {
        rouse();
        with(|clock| {
            clock.next += 1;
            let (id, at) = (clock.next, clock.elapsed.saturating_add(time));
            clock.alarms.push(Entry { id, at, ring: Rc::new(ring) });
            Self { id, at }
        })
    }

    pub(crate) fn is_over(&self) -> bool {
        elapsed() >= self.at
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        with(|clock| clock.alarms.retain(|entry| entry.id != self.id));
    }
}

/// A thread that has not ended.
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        with(|clock| clock.alive += 1);
        Self(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        with(|clock| clock.alive -= 1);
        if !std::thread::panicking() {
            rouse();
        }
    }
}

/// The first thread has ended.
pub(crate) fn finish() {
    with(|clock| clock.finished = true);
    rouse();
}

/// Has the keeper of the time look again.
fn rouse() {
    if let Some(keeper) = with(|clock| clock.keeper.clone()) {
        keeper.unpark();
    }
}

/// What the keeper of the time does next.
enum Next {
    Ring(Vec<Rc<dyn Fn()>>),
    Sleep,
    End,
}

/// Lets the time pass, from one alarm to the next, until all threads have ended.
pub(crate) fn keep() {
    with(|clock| clock.keeper = Some(current()));
    loop {
        let next = with(|clock| {
            let Some(first) = clock.alarms.iter().map(|entry| entry.at).min() else {
                return if clock.finished && clock.alive == 0 { Next::End } else { Next::Sleep };
            };
            clock.elapsed = clock.elapsed.max(first);
            let due = clock.alarms.iter().filter(|entry| entry.at <= clock.elapsed);
            Next::Ring(due.map(|entry| Rc::clone(&entry.ring)).collect())
        });
        match next {
            Next::Ring(due) => {
                due.into_iter().for_each(|ring| ring());
                yield_now();
            }
            Next::Sleep => park(),
            Next::End => return,
        }
    }
}
