//! Threads, with the interface of [`std::thread`].

use core::time::Duration;
use std::io;
use std::sync::Arc;

pub use std::thread::Result;

use crate::checker;
pub use crate::checker::thread::{JoinHandle, ThreadId, yield_now};
use crate::clock::Alive;
use crate::{Condvar, Mutex};

checker::thread_local! {
    static CURRENT: Thread = Thread { id: checker::thread::current().id(), token: Arc::default() };
}

/// A thread, to unpark it. Those of loom wake up from everything that they wait for, even from a lock.
#[derive(Clone, Debug)]
pub struct Thread {
    id: ThreadId,
    token: Arc<Token>,
}

#[derive(Debug, Default)]
struct Token {
    is_there: Mutex<bool>,
    given: Condvar,
}

impl Thread {
    /// Returns the number of the thread.
    #[must_use]
    pub fn id(&self) -> ThreadId {
        self.id
    }

    /// Ends the thread's next [`park`], or the one that it is in.
    ///
    /// # Panics
    /// Panics if a thread has panicked here.
    pub fn unpark(&self) {
        let mut is_there = self.token.is_there.lock().expect("no thread panics here");
        *is_there = true;
        self.token.given.notify_one();
    }
}

/// Returns this thread.
#[must_use]
pub fn current() -> Thread {
    CURRENT.with(Clone::clone)
}

/// Waits until the thread is [unparked](Thread::unpark), unless it was before.
///
/// # Panics
/// Panics if a thread has panicked here.
pub fn park() {
    park_timeout(Duration::MAX);
}

/// Waits until the thread is [unparked](Thread::unpark), unless it was before, or until this time has passed.
///
/// # Panics
/// Panics if a thread has panicked here.
pub fn park_timeout(time: Duration) {
    let token = current().token;
    let is_there = token.is_there.lock().expect("no thread panics here");
    let waited = token.given.wait_timeout_while(is_there, time, |is_there| !*is_there);
    *waited.expect("no thread panics here").0 = false;
}

/// Creates threads.
#[derive(Debug)]
pub struct Builder(checker::thread::Builder);

impl Builder {
    /// Creates the builder.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "that of the standard library has no default either")]
    pub fn new() -> Self {
        Self(checker::thread::Builder::new())
    }

    /// Sets the name, which the messages of failures contain.
    #[must_use]
    pub fn name(self, name: String) -> Self {
        Self(self.0.name(name))
    }

    /// Starts a thread.
    ///
    /// # Errors
    /// Never: the models have threads enough.
    pub fn spawn<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let alive = Alive::new();
        self.0.spawn(move || {
            let _alive = alive;
            work()
        })
    }
}

/// Starts a thread.
///
/// # Panics
/// Never.
pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().spawn(work).expect("a model has threads enough")
}

/// Waits for this time to pass.
///
/// # Panics
/// Never.
pub fn sleep(time: Duration) {
    let (mutex, never) = (Mutex::new(()), Condvar::new());
    let guard = mutex.lock().expect("nobody else has it");
    drop(never.wait_timeout_while(guard, time, |()| true));
}
