//! Locks, threads and time. In the models of a model checker, they are the checker's; see `tests/concurrency`.

#[cfg(not(all(test, pop3_shuttle)))]
mod here {
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread;

    pub(crate) fn now() -> std::time::Instant {
        std::time::Instant::now()
    }
}

#[cfg(all(test, pop3_shuttle))]
mod here {
    pub(crate) use pop3_concurrency::{Condvar, Mutex, MutexGuard, now, thread};
}

pub(crate) use here::*;
