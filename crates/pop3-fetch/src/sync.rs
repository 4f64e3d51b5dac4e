//! Locks, threads and channels. In the models of a model checker, they are the checker's; see `tests/concurrency`.

#[cfg(not(all(test, pop3_shuttle)))]
mod here {
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, mpsc};
    pub(crate) use std::thread;
}

#[cfg(all(test, pop3_shuttle))]
mod here {
    pub(crate) use pop3_concurrency::{Condvar, Mutex, MutexGuard, mpsc, thread};
}

pub(crate) use here::*;
