//! The threads that check credentials.

use std::sync::Arc;
use std::thread;

use crate::checks::{MOST, MOST_OF_ONE};
use crate::error::ServeError;
use crate::machine::Checkers;
use crate::workers::{Bounds, Workers};

/// Starts threads, unless there are checkers in their place.
///
/// # Errors
/// When the system gives none.
pub(super) fn start(bounds: Bounds, checkers: Option<Arc<dyn Checkers>>) -> Result<Workers, ServeError> {
    Workers::start(bounds, checkers)
        .map_err(|error| ServeError::system(format!("can't start the threads that check logins: {error}")))
}

/// The workers that compute hashes: one for each processor, as each takes memory too.
pub(super) fn hashes(checkers: Option<&dyn Checkers>) -> Bounds {
    let threads = match checkers {
        Some(checkers) => checkers.count().max(1),
        None => thread::available_parallelism().map_or(2, usize::from),
    };
    Bounds {
        name: "hash",
        threads,
        // Of several one is kept for others.
        running_of_one: threads.saturating_sub(1).max(1),
        waiting_of_one: 32,
        waiting: 512,
        yielding: true,
    }
}

/// The workers that wait for a program that checks tokens.
pub(super) const TOKENS: Bounds = Bounds {
    name: "tokens",
    threads: MOST,
    running_of_one: MOST_OF_ONE,
    waiting_of_one: 32,
    waiting: 256,
    yielding: false,
};

/// The workers that wait for a program that checks passwords.
pub(super) const PASSWORDS: Bounds = Bounds { name: "passwords", ..TOKENS };
