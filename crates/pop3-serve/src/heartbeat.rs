//! Whether the loops of the listeners still turn.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

/// Tells whether each listener of a [`Server`](crate::Server) still accepts connections, for a watchdog.
///
/// The loop of each listener, on each thread, records at regular intervals that it has just turned. There is no other
/// thread that does it: if a thread of the server hangs, its record gets old. All clones share the records.
///
/// Pass it to [`Server::with_heartbeat`](crate::Server::with_heartbeat).
#[derive(Clone, Debug)]
pub struct Heartbeat(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    interval: Duration,
    begun: Instant,
    beats: Mutex<Vec<Weak<AtomicU64>>>,
}

/// The record of one loop, which ends with it.
#[derive(Debug)]
pub(super) struct Beat {
    heartbeat: Heartbeat,
    /// Milliseconds since the beginning.
    last: Arc<AtomicU64>,
}

impl Heartbeat {
    /// Creates a heartbeat. Each loop records at this interval that it turns.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Self(Arc::new(Shared { interval, begun: Instant::now(), beats: Mutex::default() }))
    }

    /// Returns how long ago the loop turned that has not turned for the longest time. It is zero if no loop runs. If it
    /// is much more than the interval, the server hangs.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let now = self.now();
        let mut oldest = now;
        let mut beats = self.0.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.retain(|beat| match beat.upgrade() {
            Some(last) => {
                oldest = oldest.min(last.load(Ordering::Relaxed));
                true
            }
            None => false,
        });
        Duration::from_millis(now - oldest)
    }

    /// The interval of the records.
    pub(super) fn interval(&self) -> Duration {
        self.0.interval
    }

    /// Begins the record of one more loop.
    pub(super) fn begin(&self) -> Beat {
        let last = Arc::new(AtomicU64::new(self.now()));
        self.0.beats.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&last));
        Beat { heartbeat: self.clone(), last }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Beat {
    /// The loop has just turned.
    pub(super) fn now(&self) {
        self.last.store(self.heartbeat.now(), Ordering::Relaxed);
    }
}

/// Awaits the loop of a listener. Its own task keeps the record, so that nothing is recorded while the loop blocks its
/// thread.
#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol"))]
pub(super) async fn beating<T, S: Future>(
    heartbeat: Option<Heartbeat>,
    serve: impl Future<Output = T>,
    sleep: impl Fn(Duration) -> S,
) -> T {
    use core::future::poll_fn;
    use core::pin::pin;
    use core::task::Poll;

    let mut serve = pin!(serve);
    let Some(heartbeat) = heartbeat else { return serve.await };
    let beat = heartbeat.begin();
    let mut pause = pin!(sleep(heartbeat.interval()));
    poll_fn(|context| {
        if let Poll::Ready(done) = serve.as_mut().poll(context) {
            return Poll::Ready(done);
        }
        while pause.as_mut().poll(context).is_ready() {
            beat.now();
            pause.set(sleep(heartbeat.interval()));
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_millis(5);

    fn until(heartbeat: &Heartbeat, good: impl Fn(Duration) -> bool) {
        while !good(heartbeat.silence()) {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_loop_that_stands_still_is_noticed_among_others() {
        let heartbeat = Heartbeat::new(TURN);
        assert_eq!(heartbeat.silence(), Duration::ZERO);
        let (first, second) = (heartbeat.begin(), heartbeat.begin());
        until(&heartbeat, |silence| silence > TURN);
        first.now();
        assert!(heartbeat.silence() > TURN);
        second.now();
        until(&heartbeat, |silence| silence > TURN);
        // A loop that has ended is not one that hangs.
        drop((first, second));
        assert_eq!(heartbeat.silence(), Duration::ZERO);
    }

    #[cfg(any(feature = "tokio", feature = "async-std", feature = "smol"))]
    #[test]
    fn the_task_of_the_loop_keeps_the_record() {
        use core::cell::Cell;
        use core::future::{pending, poll_fn, ready};
        use core::task::Poll;

        use pop3_driver::wait;

        let heartbeat = Heartbeat::new(TURN);
        let turns = Cell::new(0);
        let serve = poll_fn(|_| if turns.get() < 3 { Poll::Pending } else { Poll::Ready("done") });
        let sleep = |interval| {
            assert_eq!(interval, TURN);
            // After two turns, the loop itself is waited for.
            turns.set(turns.get() + 1);
            let over = turns.get() < 3;
            async move { if over { ready(()).await } else { pending().await } }
        };
        let mut beating = Box::pin(beating(Some(heartbeat.clone()), serve, sleep));
        let first = poll_fn(|context| Poll::Ready(beating.as_mut().poll(context)));
        assert!(wait(first).is_pending());
        assert_eq!(turns.get(), 3);
        assert_eq!(wait(beating), "done");
        assert_eq!(wait(super::beating(None, ready(1), |_| ready(()))), 1);
    }
}
