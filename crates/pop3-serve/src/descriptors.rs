//! Descriptors of the process: how many there may be, how many are enough, and what to say when they are not.

use core::time::Duration;
use std::fs;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// What a session holds that waits for its client: its socket, the directory of its maildrop, the lock.
const OF_A_SESSION: u64 = 3;

/// What each thread that serves sessions needs beside its listeners: to wait for sockets (twice) and to be woken.
const OF_A_THREAD: u64 = 3;

/// The most threads that serve sessions on tokio. Each takes descriptors from the sessions.
const MOST_THREADS: usize = 16;

/// How often a shortage is logged.
const ONCE: Duration = Duration::from_secs(60);

/// The limit of descriptors of this process; `None` where there is none.
pub(super) fn limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the limit of open files of this process to the maximum that the system allows, and returns the new limit.
/// Returns `None` if there is no limit. Call it before [`Server::bind`](crate::Server::bind) to serve many
/// connections.
pub fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            let error = io::Error::from(error);
            warn!(limit = current, %error, "could not raise the limit of open files");
            current
        }
    }
}

/// The most connections of which all can log in within a limit of open files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    limit: u64,
    most: u32,
}

/// The ceiling for this process, if there is a limit. Call it when all that is open for long is open, and no connection
/// is. Each thread has so many `listeners`.
pub(super) fn ceiling(listeners: usize) -> Option<Ceiling> {
    let limit = limit()?;
    let others = open() + of_a_thread(listeners) * threads(listeners) as u64;
    Some(Ceiling { limit, most: most(limit, others) })
}

/// The most connections below the ceiling; no more than wanted.
pub(super) fn bound(wanted: u32, ceiling: Option<Ceiling>) -> u32 {
    let Some(Ceiling { limit, most }) = ceiling else { return wanted };
    if most >= wanted {
        return wanted;
    }
    warn!(
        limit,
        max_connections = most,
        wanted,
        "serving fewer connections than configured, because the limit of open files (ulimit -n) is too \
         low; raise it"
    );
    most
}

/// How many threads serve sessions on tokio: one for each processor, unless descriptors are short.
pub(super) fn threads(listeners: usize) -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let most = limit().map_or(MOST_THREADS, |limit| most_threads(limit, listeners));
    processors.min(MOST_THREADS).min(most)
}

/// The most threads within a limit. They leave most of it to the sessions.
fn most_threads(limit: u64, listeners: usize) -> usize {
    usize::try_from(limit / (6 * of_a_thread(listeners))).unwrap_or(usize::MAX).max(1)
}

/// What a thread needs with so many listeners. Other runtimes than tokio need less.
const fn of_a_thread(listeners: usize) -> u64 {
    OF_A_THREAD + listeners as u64
}

/// The most connections within a limit, of which so many are needed for other things.
fn most(limit: u64, others: u64) -> u32 {
    // Logins under way, messages of more than a piece, commits, connections that are being closed, files that are
    // read again.
    let reserve = (limit / 12).clamp(8, 4096);
    let left = limit.saturating_sub(others + reserve);
    u32::try_from(left / OF_A_SESSION).unwrap_or(u32::MAX).max(1)
}

/// How many descriptors are open.
fn open() -> u64 {
    // Reading the directory takes one itself.
    let counted = fs::read_dir("/proc/self/fd").map(|folder| folder.count().saturating_sub(1));
    counted.map_or(16, |count| count as u64)
}

/// Says that there are no descriptors, or that accepting failed for another reason; once a minute at most.
pub(super) fn short(error: &io::Error) {
    static LAST: Mutex<Option<(Instant, u64)>> = Mutex::new(None);
    let missed = {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some((at, missed)) if at.elapsed() < ONCE => {
                *missed += 1;
                return;
            }
            _ => last.replace((Instant::now(), 0)).map_or(0, |(_, missed)| missed),
        }
    };
    let errno = Errno::from_io_error(error);
    if matches!(errno, Some(Errno::MFILE | Errno::NFILE)) {
        warn!(
            %error,
            missed,
            "no more files can be opened: sessions and new connections have to wait; raise the limit of \
             open files (ulimit -n) or allow fewer connections"
        );
    } else {
        warn!(%error, missed, "a connection could not be accepted; retrying");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_leave_most_descriptors_to_the_sessions() {
        for (limit, listeners, threads) in
            [(16, 5, 1), (100, 5, 2), (256, 5, 5), (1024, 5, 21), (1024, 12, 11)]
        {
            assert_eq!(most_threads(limit, listeners), threads, "{limit} {listeners}");
        }
        assert!((1..=MOST_THREADS).contains(&threads(2)));
    }

    #[test]
    fn all_connections_fit_and_something_is_left() {
        for (limit, others, expected) in [
            (1024, 28, 303),
            (1024, 148, 263),
            (64, 18, 12),
            (64, 26, 10),
            (16, 18, 1),
            (1_048_576, 28, 348_150),
        ] {
            let most = most(limit, others);
            assert_eq!(most, expected, "{limit}");
            assert!(most == 1 || u64::from(most) * OF_A_SESSION + others < limit, "{limit}");
        }
    }
}
