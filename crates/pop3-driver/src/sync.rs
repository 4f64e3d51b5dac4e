//! Locks, threads and time. In the models of a model checker, they are the checker's; see `tests/concurrency`.

#[cfg(not(all(test, any(pop3_loom, pop3_shuttle))))]
mod here {
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicU8};
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::{thread, thread_local};

    pub(crate) fn now() -> std::time::Instant {
        std::time::Instant::now()
    }
}

#[cfg(all(test, any(pop3_loom, pop3_shuttle)))]
mod here {
    pub(crate) use pop3_concurrency::atomic::{AtomicBool, AtomicU8};
    pub(crate) use pop3_concurrency::{Condvar, Mutex, MutexGuard, now, thread, thread_local};
}

pub(crate) use here::*;
