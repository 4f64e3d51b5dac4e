//! Telling sessions to end.

use core::future::{Future, poll_fn};
use core::task::{Poll, Waker};
use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

/// A switch that is thrown once: from then on no session waits for its client any more.
///
/// Sessions that are busy go on: a message is sent to its end, a commit is answered. All clones are
/// the same switch.
#[derive(Clone, Default)]
pub struct Stop {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    thrown: bool,
    next: u64,
    waiting: HashMap<u64, Waker>,
    actions: HashMap<u64, Box<dyn FnOnce() + Send>>,
}

/// Keeps what was given to [`Stop::on_stop`]; dropped, it is forgotten.
#[derive(Debug)]
#[must_use]
pub struct OnStop {
    stop: Stop,
    id: u64,
}

impl Stop {
    /// A switch that is not thrown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws the switch.
    pub fn stop(&self) {
        let (waiting, actions) = {
            let mut state = self.lock();
            state.thrown = true;
            (core::mem::take(&mut state.waiting), core::mem::take(&mut state.actions))
        };
        for action in actions.into_values() {
            action();
        }
        for waker in waiting.into_values() {
            waker.wake();
        }
    }

    /// Whether the switch is thrown.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.lock().thrown
    }

    /// Waits until the switch is thrown.
    pub async fn stopped(&self) {
        let _ = self.race(core::future::pending::<()>()).await;
    }

    /// Waits for the future, but not beyond the throw of the switch: `None` when that came first.
    pub async fn race<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let place = Place { stop: self, id: self.lock().take_id() };
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let mut state = self.lock();
            if state.thrown {
                return Poll::Ready(None);
            }
            state.waiting.insert(place.id, context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The same, and once the switch is thrown the future is not polled any more.
    pub async fn before<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let unless_stopped =
            poll_fn(|context| if self.is_stopped() { Poll::Pending } else { future.as_mut().poll(context) });
        self.race(unless_stopped).await
    }

    /// Has the action done when the switch is thrown, at once if it is so already. This is for
    /// sockets that block: the action unblocks them.
    pub fn on_stop(&self, action: impl FnOnce() + Send + 'static) -> OnStop {
        let mut state = self.lock();
        let id = state.take_id();
        if state.thrown {
            drop(state);
            action();
        } else {
            state.actions.insert(id, Box::new(action));
        }
        OnStop { stop: self.clone(), id }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No code of others runs while the lock is held, so that the state is whole even then.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Drop for OnStop {
    fn drop(&mut self) {
        let action = self.stop.lock().actions.remove(&self.id);
        drop(action);
    }
}

/// A place among those that wait, given back when the wait ends, however it ends.
struct Place<'s> {
    stop: &'s Stop,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.stop.lock().waiting.remove(&self.id);
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("stopped", &self.is_stopped()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;

    #[test]
    fn a_race_ends_with_the_future_or_with_the_switch() {
        let stop = Stop::new();
        assert_eq!(wait(stop.race(async { 1 })), Some(1));
        let waiter = std::thread::spawn({
            let stop = stop.clone();
            move || wait(stop.stopped())
        });
        stop.stop();
        waiter.join().unwrap();
        assert_eq!(wait(stop.race(core::future::pending::<u8>())), None);
        assert_eq!(wait(stop.race(async { 2 })), Some(2));
        assert_eq!(wait(stop.before(async { 3 })), None);
        assert_eq!(wait(Stop::new().before(async { 4 })), Some(4));
        assert!(stop.lock().waiting.is_empty());
    }

    #[test]
    fn actions_are_done_once_or_forgotten() {
        let stop = Stop::new();
        let (done, seen) = std::sync::mpsc::channel();
        let forgotten = stop.on_stop({
            let done = done.clone();
            move || done.send(1).unwrap()
        });
        let _kept = stop.on_stop({
            let done = done.clone();
            move || done.send(2).unwrap()
        });
        drop(forgotten);
        stop.stop();
        stop.stop();
        let _late = stop.on_stop(move || done.send(3).unwrap());
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [2, 3]);
    }
}
