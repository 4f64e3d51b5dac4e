//! How many checks of credentials there may be at a time.

use std::thread;

use crate::machine::Checkers;
use crate::tokens::{MOST, MOST_OF_ONE};
use crate::workers::Bounds;

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

/// The workers that wait for token commands.
pub(super) const TOKENS: Bounds = Bounds {
    name: "tokens",
    threads: MOST,
    running_of_one: MOST_OF_ONE,
    waiting_of_one: 32,
    waiting: 256,
    yielding: false,
};
