//! Runs futures without a runtime.

#[cfg(all(test, any(pop3_loom, pop3_shuttle)))]
mod models;

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::sync::atomic::Ordering;
use core::task::{Context, Poll};
use std::pin::pin;
use std::sync::Arc;
use std::task::Wake;
use std::time::Instant;

use crate::sync::thread::{self, Thread};
use crate::sync::{AtomicBool, now, thread_local};

thread_local! {
    /// Whether [`wait`] runs on this thread, and when it must poll its future again.
    static ALARM: Cell<Option<Alarm>> = const { Cell::new(None) };
}

/// When to poll a future again even if nothing has woken it.
#[derive(Clone, Copy)]
struct Alarm(Option<Instant>);

/// Runs a future to completion on this thread. The thread sleeps while the future is pending.
///
/// Over a blocking transport, only the backend and [`pause`] can make a future pending.
///
/// ```
/// assert_eq!(pop3_driver::wait(async { 6 * 7 }), 42);
/// ```
pub fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let unpark = Arc::new(Unpark { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Arc::clone(&unpark).into();
    let mut context = Context::from_waker(&waker);
    let _outer = Outer(ALARM.with(Cell::get));
    loop {
        set(Some(Alarm(None)));
        match (future.as_mut().poll(&mut context), ALARM.with(Cell::get)) {
            (Poll::Ready(output), _) => return output,
            // Other code in the future may have parked this thread and used up the token.
            (Poll::Pending, _) if unpark.woken.swap(false, Ordering::AcqRel) => {}
            (Poll::Pending, Some(Alarm(Some(at)))) => {
                thread::park_timeout(at.saturating_duration_since(now()));
            }
            (Poll::Pending, _) => thread::park(),
        }
    }
}

/// Sleeps until this time, for transports that block. Within [`wait`] the future is pending, so that a
/// [`Stop`](crate::Stop) can interrupt it. Elsewhere it blocks the thread.
pub async fn pause(until: Instant) {
    poll_fn(|_| {
        let left = until.saturating_duration_since(now());
        match ALARM.with(Cell::get) {
            _ if left.is_zero() => return Poll::Ready(()),
            Some(Alarm(at)) => set(Some(Alarm(Some(at.map_or(until, |at| at.min(until)))))),
            None => {
                thread::sleep(left);
                return Poll::Ready(());
            }
        }
        Poll::Pending
    })
    .await;
}

fn set(alarm: Option<Alarm>) {
    ALARM.with(|cell| cell.set(alarm));
}

/// Gives the alarm back to a [`wait`] that this one runs within.
struct Outer(Option<Alarm>);

impl Drop for Outer {
    fn drop(&mut self) {
        set(self.0);
    }
}

struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::Stop;

    #[test]
    fn a_pause_ends_in_time_or_with_the_race() {
        let begun = Instant::now();
        wait(pause(begun + Duration::from_millis(20)));
        assert!(begun.elapsed() >= Duration::from_millis(20));
        let stop = Stop::new();
        let waiter = thread::spawn({
            let stop = stop.clone();
            move || wait(stop.race(pause(Instant::now() + Duration::from_secs(600))))
        });
        stop.stop();
        assert_eq!(waiter.join().unwrap(), None);
        // Within another, and without any.
        wait(async { wait(pause(Instant::now() + Duration::from_millis(1))) });
        let mut context = Context::from_waker(core::task::Waker::noop());
        let mut alone = pin!(pause(Instant::now() + Duration::from_millis(1)));
        assert!(alone.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_wake_is_not_lost_where_the_future_parks_the_thread() {
        let (done, seen) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let mut polled = false;
            wait(poll_fn(|context| {
                if core::mem::replace(&mut polled, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                // As a channel does, or another `wait`.
                thread::park();
                Poll::Pending
            }));
            let _ = done.send(());
        });
        assert_eq!(seen.recv_timeout(Duration::from_secs(60)), Ok(()));
    }
}
