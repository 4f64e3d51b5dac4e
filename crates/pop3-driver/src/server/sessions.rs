//! The open sessions of a listener, to wait until they end.

#[cfg(all(test, any(pop3_loom, pop3_shuttle)))]
mod models;

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, Waker};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::{Peer, Service, SessionReport};
use crate::panics::caught;
use crate::stop::Stop;
use crate::sync::{Mutex, MutexGuard};

/// The open sessions of a listener; see [`Admitted::among`](super::Admitted::among). All clones share one list.
///
/// A session ends at the latest when the [`Stop`] of the server cuts it, whatever it is waiting for. A call that
/// blocks the thread of its session cannot be ended from outside, for example a call of a store on blocking sockets,
/// or a backend that blocks. [`ended`](Self::ended) leaves such a session behind.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    entries: HashMap<u64, Entry>,
    waiting: Vec<Waker>,
}

#[derive(Debug)]
struct Entry {
    peer: Arc<Peer>,
    begun: Instant,
    /// Whether the service is told of its end, or was.
    told: bool,
}

/// The entry of one session, which ends with it.
#[derive(Debug)]
pub(super) struct Entered {
    sessions: Sessions,
    id: u64,
}

impl Sessions {
    /// Creates an empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a connection among them, until the entry is dropped. The peer has no place.
    pub(super) fn enter(&self, peer: Arc<Peer>, begun: Instant) -> Entered {
        let mut open = self.lock();
        open.next += 1;
        let id = open.next;
        open.entries.insert(id, Entry { peer, begun, told: false });
        Entered { sessions: self.clone(), id }
    }

    /// Returns the number of open sessions.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().entries.len()
    }

    /// Waits until all sessions have ended. Once the switch is stopped, it waits at most one second longer than the
    /// grace period. Sessions that are still open then are left behind: the service is told about each of them now,
    /// and is not told again when the session ends later. Returns the number of sessions left behind.
    pub async fn ended<S: Service>(&self, service: &S, stop: &Stop) -> usize {
        if stop.before_left_behind(self.none_left()).await.is_some() {
            return 0;
        }
        let left: Vec<_> = {
            let mut open = self.lock();
            let untold = open.entries.values_mut().filter(|entry| !entry.told);
            let leave = |entry: &mut Entry| {
                entry.told = true;
                (Arc::clone(&entry.peer), entry.begun)
            };
            untold.map(leave).collect()
        };
        for (peer, begun) in &left {
            let report = SessionReport::left_behind(begun.elapsed());
            // If the service panics, continue with the other sessions.
            let _ = caught(pin!(async { service.ended(peer, &report) })).await;
        }
        left.len()
    }

    async fn none_left(&self) {
        poll_fn(|context| {
            let mut open = self.lock();
            if open.entries.is_empty() {
                return Poll::Ready(());
            }
            let waker = context.waker();
            if !open.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
                open.waiting.push(waker.clone());
            }
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// Whether the service is to be told of the end: once.
    pub(super) fn tell(&self) -> bool {
        let mut open = self.sessions.lock();
        open.entries.get_mut(&self.id).is_none_or(|entry| !core::mem::replace(&mut entry.told, true))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let waiting = {
            let mut open = self.sessions.lock();
            open.entries.remove(&self.id);
            core::mem::take(&mut open.waiting)
        };
        for waker in waiting {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use core::future::Future as _;
    use core::task::Context;
    use std::task::Wake;

    use super::*;

    /// Unlike clones of the waker that does nothing, those of this one are known to be the same.
    struct Nobody;

    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn who_looks_often_waits_once_and_is_woken_by_the_last() {
        let sessions = Sessions::new();
        let address = ([127, 0, 0, 1], 1).into();
        let entered = sessions.enter(Arc::new(Peer::new(address, address)), Instant::now());
        let mut waiting = pin!(sessions.none_left());
        let waker = Waker::from(Arc::new(Nobody));
        let mut context = Context::from_waker(&waker);
        for _ in 0..3 {
            assert!(waiting.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(sessions.count(), 1);
        assert_eq!(sessions.lock().waiting.len(), 1);
        drop(entered);
        assert!(waiting.as_mut().poll(&mut context).is_ready() && sessions.lock().waiting.is_empty());
    }
}
