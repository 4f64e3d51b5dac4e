//! Locks, condition variables, threads and time under a model checker.
//!
//! The crates take what their threads share from a private module `sync`. It contains the items of the standard library,
//! or in a model those of this crate. `.ci/concurrency` builds and runs the models; they are called `models`, next to
//! the code that they check. [Decision 0028](https://github.com/pop3-rs/pop3/blob/main/docs/decisions/0028-models-of-threads.md) says why.
//!
//! With `--cfg pop3_shuttle`, shuttle runs a model many times and chooses at random which thread continues at each
//! step. With `--cfg pop3_loom`, loom runs it with every choice, and also with every value that a processor may return
//! for an atomic. With neither of the two, this crate is empty.
//!
//! The time is simulated. It passes only when `explore_with_time` lets it, or at the end of a model.
#![cfg(any(pop3_loom, pop3_shuttle))]

#[cfg(pop3_loom)]
use loom as checker;
#[cfg(all(pop3_shuttle, not(pop3_loom)))]
use shuttle as checker;

mod clock;
mod condvar;
mod explore;
pub mod thread;

#[cfg(pop3_shuttle)]
pub use checker::future::block_on;
#[cfg(pop3_shuttle)]
pub use checker::sync::mpsc;
pub use checker::sync::{Mutex, MutexGuard, atomic};
#[doc(hidden)]
pub use checker::thread_local as thread_local_of_the_checker;
pub use clock::now;
pub use condvar::{Condvar, WaitTimeoutResult};
pub use explore::{explore, explore_with_time};

/// Declares a value for each thread, as [`std::thread_local`] does.
#[macro_export]
macro_rules! thread_local {
    ($(#[$attribute:meta])* static $name:ident: $type:ty = const { $value:expr };) => {
        $crate::thread_local_of_the_checker! {
            $(#[$attribute])* static $name: $type = $value;
        }
    };
}
