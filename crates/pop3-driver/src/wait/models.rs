//! What holds however the threads that wake a future take turns with the one that waits for it.

use pop3_concurrency::atomic::AtomicUsize;
use pop3_concurrency::{Mutex, explore};

use super::*;

/// A future that is ready when it was woken so often; whoever wakes it counts first, without any order.
#[derive(Default)]
struct Wakes {
    count: AtomicUsize,
    waker: Mutex<Option<core::task::Waker>>,
}

impl Wakes {
    fn wake(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let waker = self.waker.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn reached(&self, number: usize, meanwhile: impl Fn()) {
        poll_fn(|context| {
            *self.waker.lock().unwrap() = Some(context.waker().clone());
            // Not behind the lock: what was written before a wake is seen by the poll after it.
            if self.count.load(Ordering::Relaxed) >= number {
                return Poll::Ready(());
            }
            meanwhile();
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn no_wake_is_lost_and_what_was_written_before_it_is_seen() {
    explore(|| {
        let wakes = Arc::new(Wakes::default());
        let waking = [(), ()].map(|()| {
            let wakes = Arc::clone(&wakes);
            thread::spawn(move || wakes.wake())
        });
        wait(wakes.reached(2, || ()));
        waking.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_wake_is_not_lost_where_the_future_parks_the_thread() {
    explore(|| {
        let wakes = Arc::new(Wakes::default());
        let waking = thread::spawn({
            let wakes = Arc::clone(&wakes);
            move || wakes.wake()
        });
        // The future waits for something else as a channel does, and uses up the token of the wake.
        let (sent, here) = (Arc::new(AtomicBool::new(false)), thread::current());
        let sending = thread::spawn({
            let sent = Arc::clone(&sent);
            move || {
                sent.store(true, Ordering::Release);
                here.unpark();
            }
        });
        wait(wakes.reached(1, || {
            while !sent.load(Ordering::Acquire) {
                thread::park();
            }
        }));
        waking.join().unwrap();
        sending.join().unwrap();
    });
}

#[test]
fn a_wait_within_another_takes_no_wake_from_it() {
    explore(|| {
        let (outer, inner) = (Arc::new(Wakes::default()), Arc::new(Wakes::default()));
        let waking = thread::spawn({
            let (outer, inner) = (Arc::clone(&outer), Arc::clone(&inner));
            move || {
                outer.wake();
                inner.wake();
            }
        });
        let mut begun = false;
        let mut both = pin!(outer.reached(1, || ()));
        wait(poll_fn(|context| {
            let reached = both.as_mut().poll(context);
            if !core::mem::replace(&mut begun, true) {
                wait(inner.reached(1, || ()));
            }
            reached
        }));
        waking.join().unwrap();
    });
}

#[test]
#[cfg(pop3_shuttle)]
fn a_pause_ends_with_the_time_or_with_the_stop() {
    pop3_concurrency::explore_with_time(|| {
        let stop = crate::Stop::new();
        let stopping = thread::spawn({
            let stop = stop.clone();
            move || stop.stop()
        });
        let until = now() + core::time::Duration::from_secs(10);
        let ended = wait(stop.race(pause(until)));
        assert!(if ended.is_some() { now() >= until } else { stop.is_stopped() });
        stopping.join().unwrap();
    });
}
