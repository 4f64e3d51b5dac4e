//! A value that is lent to a thread, which works on it while the session goes on.

#[cfg(all(test, pop3_shuttle))]
mod models;

use core::future::poll_fn;
use core::panic::AssertUnwindSafe;
use core::task::{Poll, Waker};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Arc, PoisonError};

use crate::sync::mpsc::{Sender, channel};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Condvar, Mutex, MutexGuard};

use pop3_disk::Disk;

/// A value, here or with the thread. It is never lost: a thread that panics gives it back too.
pub(super) struct Lent<V, R> {
    disk: Arc<dyn Disk>,
    here: Option<Box<V>>,
    desk: Arc<Desk<V, R>>,
    thread: Option<Worker>,
}

struct Worker {
    work: Sender<Work>,
    handle: JoinHandle<()>,
}

type Work = Box<dyn FnOnce() + Send>;

/// Where the thread puts what it has done.
struct Desk<V, R> {
    done: Mutex<Done<V, R>>,
    changed: Condvar,
}

struct Done<V, R> {
    back: Option<Returned<V, R>>,
    waker: Option<Waker>,
}

/// The value, and the result or the panic.
type Returned<V, R> = (Box<V>, thread::Result<R>);

impl<V, R> Desk<V, R> {
    fn lock(&self) -> MutexGuard<'_, Done<V, R>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, back: Returned<V, R>) {
        let waker = {
            let mut done = self.lock();
            done.back = Some(back);
            done.waker.take()
        };
        self.changed.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<V: Send + 'static, R: Send + 'static> Lent<V, R> {
    /// The work uses this disk.
    pub(super) fn new(disk: &Arc<dyn Disk>, value: V) -> Self {
        let done = Mutex::new(Done { back: None, waker: None });
        let desk = Arc::new(Desk { done, changed: Condvar::new() });
        Self { disk: Arc::clone(disk), here: Some(Box::new(value)), desk, thread: None }
    }

    /// Has a thread work on the value. What was begun before must be [finished](Self::finished).
    pub(super) fn start(&mut self, work: impl FnOnce(&mut V) -> R + Send + 'static) {
        let (value, desk) = (self.take(), Arc::clone(&self.desk));
        let Some(mut order) = self.disk.beside(Box::new(move || desk.put(perform(value, work)))) else {
            return;
        };
        if self.thread.is_none() {
            self.thread = spawn();
        }
        if let Some(worker) = &self.thread {
            match worker.work.send(order) {
                Ok(()) => return,
                Err(refused) => order = refused.0,
            }
        }
        // There are no more threads to be had.
        order();
    }

    /// Waits for the thread, and returns the result; `None` when nothing was begun. A panic goes on here. If the
    /// future is dropped, nothing is lost.
    pub(super) async fn finished(&mut self) -> Option<R> {
        if self.here.is_some() {
            return None;
        }
        let (value, result) = poll_fn(|context| {
            let mut done = self.desk.lock();
            match done.back.take() {
                Some(back) => Poll::Ready(back),
                None => {
                    done.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        self.here = Some(value);
        match result {
            Ok(result) => Some(result),
            Err(panic) => resume_unwind(panic),
        }
    }

    /// The value. If the thread has it, this blocks until it is back, and nobody learns the result.
    pub(super) fn get(&mut self) -> &mut V {
        let value = self.take();
        self.here.insert(value)
    }

    fn take(&mut self) -> Box<V> {
        if let Some(value) = self.here.take() {
            return value;
        }
        let mut done = self.desk.lock();
        loop {
            match done.back.take() {
                Some((value, _)) => return value,
                None => done = self.desk.changed.wait(done).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl<V, R> Lent<V, R> {
    /// Ends the thread, which waits for what it has begun.
    pub(super) fn end_thread(&mut self) {
        if let Some(Worker { work, handle }) = self.thread.take() {
            drop(work);
            // Its panics are caught.
            let _ = handle.join();
        }
    }
}

impl<V, R> Drop for Lent<V, R> {
    /// Whoever drops it relies on the value being gone.
    fn drop(&mut self) {
        self.end_thread();
    }
}

fn spawn() -> Option<Worker> {
    let (work, orders) = channel::<Work>();
    let run = move || orders.into_iter().for_each(|work| work());
    let handle = thread::Builder::new().name("pop3-fetch".to_owned()).spawn(run).ok()?;
    Some(Worker { work, handle })
}

fn perform<V, R>(mut value: Box<V>, work: impl FnOnce(&mut V) -> R) -> Returned<V, R> {
    // The value is used as it would be if the panic had happened here.
    let result = catch_unwind(AssertUnwindSafe(|| work(&mut value)));
    (value, result)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use pop3_disk::System;
    use pop3_driver::wait;

    use super::*;

    #[test]
    fn work_is_done_elsewhere_and_in_order() {
        let mut lent = Lent::new(&System::shared(), Vec::new());
        let here = thread::current().id();
        assert!(wait(lent.finished()).is_none());
        for round in 0..100 {
            lent.start(move |value: &mut Vec<i32>| {
                value.push(round);
                (value.len(), thread::current().id())
            });
            let (len, there) = wait(lent.finished()).unwrap();
            assert_eq!(len, round as usize + 1);
            assert_ne!(there, here);
        }
        assert_eq!(*lent.get(), (0..100).collect::<Vec<_>>());
        lent.end_thread();
        lent.start(|value| (value.len(), thread::current().id()));
        assert_eq!(wait(lent.finished()).unwrap().0, 100);
    }

    #[test]
    fn what_nobody_waits_for_is_done_all_the_same() {
        let (let_go, held) = channel();
        let mut lent = Lent::new(&System::shared(), 0);
        lent.start(move |value| {
            // If the session waited for it, nobody would let it go.
            let _ = held.recv_timeout(Duration::from_secs(10));
            *value = 7;
        });
        // A future that is dropped.
        let mut context = core::task::Context::from_waker(Waker::noop());
        assert!(core::pin::pin!(lent.finished()).poll(&mut context).is_pending());
        let_go.send(()).unwrap();
        assert_eq!(*lent.get(), 7);
        assert!(wait(lent.finished()).is_none());
        // And so before the value goes.
        let (told, heard) = channel();
        lent.start(move |_| {
            let _ = told.send(());
        });
        drop(lent);
        assert_eq!(heard.try_recv(), Ok(()));
    }

    #[test]
    fn a_panic_goes_on_here_and_the_value_is_back() {
        let mut lent = Lent::<_, ()>::new(&System::shared(), 0);
        lent.start(|value| {
            *value = 1;
            panic!("as in the code of a caller");
        });
        let caught = catch_unwind(AssertUnwindSafe(|| wait(lent.finished())));
        assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "as in the code of a caller");
        assert_eq!(*lent.get(), 1);
        lent.start(|value| *value += 1);
        assert!(wait(lent.finished()).is_some());
        assert_eq!(*lent.get(), 2);
    }
}
