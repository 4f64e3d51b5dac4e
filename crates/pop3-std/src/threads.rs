//! A pool that runs each call on its own thread.

#[cfg(all(test, pop3_shuttle))]
mod models;

use core::future::poll_fn;
use core::task::{Poll, Waker};
use std::io;
use std::sync::{Arc, PoisonError};

use pop3_driver::store;

use crate::sync::{Mutex, MutexGuard, thread};

/// A pool that runs each call on a new thread, so that the session can give up a store that hangs. The deadline for
/// calls ([`Limits::store_timeout`](pop3_proto::server::Limits)) and the end of a session therefore work. With
/// [`Pool`](crate::Pool), which runs the call on the thread of the session, they do not.
///
/// The cost is about ten microseconds for each call: one for each login and QUIT, one for all short messages that the
/// client has asked for at once, and one for each part of a long message.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Threads;

/// The result of a thread, and the waker that waits for it.
struct Place<T> {
    found: Option<T>,
    /// Whether the thread has ended.
    ended: bool,
    waiting: Option<Waker>,
}

/// Tells of the end of the thread, however it ends.
struct Ending<T>(Arc<Mutex<Place<T>>>);

impl Threads {
    /// Creates the pool.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl store::BlockingPool for Threads {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let place = Arc::new(Mutex::new(Place { found: None, ended: false, waiting: None }));
        let ending = Ending(Arc::clone(&place));
        let work = move || {
            let found = call();
            lock(&ending.0).found = Some(found);
        };
        thread::Builder::new().name("pop3 store".into()).spawn(work)?;
        poll_fn(|context| {
            let mut place = lock(&place);
            if let Some(found) = place.found.take() {
                return Poll::Ready(Ok(found));
            }
            if place.ended {
                return Poll::Ready(Err(io::Error::other("the call has panicked")));
            }
            place.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        let waiting = {
            let mut place = lock(&self.0);
            place.ended = true;
            place.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

fn lock<T>(place: &Mutex<Place<T>>) -> MutexGuard<'_, Place<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use pop3_driver::store::BlockingPool as _;
    use pop3_driver::wait;

    use super::*;

    #[test]
    fn a_call_returns_fails_or_is_left_to_its_thread() {
        assert_eq!(wait(Threads.run(|| 1)).unwrap(), 1);
        let panicked: io::Result<()> = wait(Threads.run(|| panic!("on purpose")));
        assert!(panicked.is_err());
        let (go, gone) = channel::<()>();
        let (told, tells) = channel();
        let mut call = Box::pin(Threads.run(move || {
            gone.recv().unwrap();
            told.send(()).unwrap();
        }));
        let mut context = core::task::Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
        drop(call);
        go.send(()).unwrap();
        tells.recv_timeout(core::time::Duration::from_secs(60)).unwrap();
    }
}
