//! What the store has done, in numbers.

use core::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use pop3_serve::{DurationCounter, DurationCounts};

use crate::error::{SqlError, SqlErrorKind};
use crate::sql;
use crate::statement::{Call, Statement};

/// The numbers of a store at one time, for metrics. Those without another note only grow.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SqlStats {
    /// Connections that a call uses now.
    pub connections_in_use: usize,
    /// Connections that are open now, without that of a node.
    pub connections_open: usize,
    /// The maximum number of connections, see [`SqlConfig::connections`](crate::SqlConfig::connections).
    pub connections_max: usize,
    /// Calls that wait for a connection now.
    pub calls_waiting: usize,
    /// How long calls have waited for a connection, or for their turn to write.
    pub waits: DurationCounts,
    /// Calls that got no connection in time.
    pub wait_timeouts: u64,
    /// Connections that were made, with those of nodes.
    pub connects: u64,
    /// Tries to connect that have failed.
    pub connect_failures: u64,
    /// How long the database took, by purpose. Each is one round trip to PostgreSQL.
    pub trips: Vec<(&'static str, DurationCounts)>,
    /// Round trips that ended with an error of the database or of the connection.
    pub trip_failures: u64,
    /// Locks that were taken over from nodes that were gone.
    pub takeovers: u64,
    /// Commits that found their lock taken over by another node, and removed nothing.
    pub locks_lost: u64,
    /// Commits whose outcome had to be looked up, because the connection broke.
    pub outcomes_looked_up: u64,
}

/// What the numbers are read from.
#[derive(Debug)]
pub(crate) struct Counted {
    waits: DurationCounter<{ BOUNDS.len() }>,
    wait_timeouts: AtomicU64,
    connects: AtomicU64,
    connect_failures: AtomicU64,
    trips: [DurationCounter<{ BOUNDS.len() }>; PURPOSE_COUNT],
    trip_failures: AtomicU64,
    takeovers: AtomicU64,
    locks_lost: AtomicU64,
    outcomes_looked_up: AtomicU64,
}

/// The largest durations of the ranges, in microseconds.
const BOUNDS: [u64; 8] = [500, 2_000, 10_000, 50_000, 200_000, 1_000_000, 5_000_000, 30_000_000];

/// How many purposes there are.
const PURPOSE_COUNT: usize = 7;

/// What round trips are for, by their first statement. All others are the last one.
static PURPOSES: [(&str, &[&Statement]); PURPOSE_COUNT] = [
    ("find_user", &[&sql::USER]),
    ("open", &[&sql::LOCK, &sql::TAKE_OVER]),
    ("message", &[&sql::CHUNK, &sql::FIRST_CHUNKS]),
    ("commit", &[&sql::HOLD]),
    ("release", &[&sql::FREE, &sql::FREE_USER, &sql::FREE_ALL]),
    ("transaction", &[]),
    ("other", &[]),
];

/// The place of round trips of a transaction with several.
const TRANSACTION: usize = PURPOSE_COUNT - 2;
const OTHER: usize = PURPOSE_COUNT - 1;

/// A round trip that has begun.
#[derive(Debug)]
pub(crate) struct Trip {
    purpose: usize,
    begun: Instant,
}

impl Trip {
    /// One with these statements.
    pub(crate) fn of(calls: &[Call]) -> Self {
        let first = calls.first().map(|call| call.statement);
        let is_first = |statement: &&Statement| first.is_some_and(|first| core::ptr::eq(*statement, first));
        let purpose = PURPOSES.iter().position(|(_, statements)| statements.iter().any(is_first));
        Self { purpose: purpose.unwrap_or(OTHER), begun: Instant::now() }
    }

    /// One of a transaction that has several.
    pub(crate) fn of_transaction() -> Self {
        Self { purpose: TRANSACTION, begun: Instant::now() }
    }
}

impl Default for Counted {
    fn default() -> Self {
        Self {
            waits: DurationCounter::new(BOUNDS),
            wait_timeouts: AtomicU64::default(),
            connects: AtomicU64::default(),
            connect_failures: AtomicU64::default(),
            trips: core::array::from_fn(|_| DurationCounter::new(BOUNDS)),
            trip_failures: AtomicU64::default(),
            takeovers: AtomicU64::default(),
            locks_lost: AtomicU64::default(),
            outcomes_looked_up: AtomicU64::default(),
        }
    }
}

impl Counted {
    /// A call has waited for a connection or its turn since then.
    pub(crate) fn waited<T>(&self, since: Instant, got: &Result<T, SqlError>) {
        self.waits.count(since.elapsed());
        if got.as_ref().is_err_and(|error| error.kind() == SqlErrorKind::Busy) {
            add(&self.wait_timeouts);
        }
    }

    /// A connection was made, or could not be made.
    pub(crate) fn connected(&self, done: bool) {
        add(if done { &self.connects } else { &self.connect_failures });
    }

    /// A round trip has ended.
    pub(crate) fn ended<T, E>(&self, trip: &Trip, done: &Result<T, E>) {
        if let Some(durations) = self.trips.get(trip.purpose) {
            durations.count(trip.begun.elapsed());
        }
        if done.is_err() {
            add(&self.trip_failures);
        }
    }

    /// A lock of a node that was gone was taken over.
    pub(crate) fn took_over(&self) {
        add(&self.takeovers);
    }

    /// A commit has found its lock taken over.
    pub(crate) fn lost_lock(&self) {
        add(&self.locks_lost);
    }

    /// The outcome of a commit was looked up.
    pub(crate) fn looked_up(&self) {
        add(&self.outcomes_looked_up);
    }

    /// The numbers of now, with these of the pool: connections in use, open, at most, and calls that wait.
    pub(crate) fn read(&self, [in_use, open, max, waiting]: [usize; 4]) -> SqlStats {
        let get = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        let names = PURPOSES.iter().map(|(name, _)| *name);
        SqlStats {
            connections_in_use: in_use,
            connections_open: open,
            connections_max: max,
            calls_waiting: waiting,
            waits: self.waits.read(),
            wait_timeouts: get(&self.wait_timeouts),
            connects: get(&self.connects),
            connect_failures: get(&self.connect_failures),
            trips: names.zip(self.trips.iter().map(DurationCounter::read)).collect(),
            trip_failures: get(&self.trip_failures),
            takeovers: get(&self.takeovers),
            locks_lost: get(&self.locks_lost),
            outcomes_looked_up: get(&self.outcomes_looked_up),
        }
    }
}

fn add(cell: &AtomicU64) {
    cell.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_counted_by_their_purpose() {
        let counted = Counted::default();
        let lock = [sql::LOCK.with([]), sql::SNAPSHOT.with([])];
        counted.ended(&Trip::of(&lock), &Ok::<_, ()>(()));
        counted.ended(&Trip::of(&[sql::PING.with([])]), &Err::<(), _>(()));
        counted.ended(&Trip::of_transaction(), &Ok::<_, ()>(()));
        counted.waited(Instant::now(), &Err::<(), _>(SqlError::new(SqlErrorKind::Busy, "")));
        let stats = counted.read([1, 2, 3, 4]);
        let total = |counts: &DurationCounts| counts.ranges.iter().map(|(_, count)| count).sum::<u64>();
        let trips: Vec<_> = stats.trips.iter().map(|(name, counts)| (*name, total(counts))).collect();
        let ended = ["open", "transaction", "other"];
        assert!(trips.iter().all(|(name, count)| *count == u64::from(ended.contains(name))), "{trips:?}");
        assert_eq!((stats.trip_failures, stats.wait_timeouts, total(&stats.waits)), (1, 1, 1));
        assert_eq!((stats.connections_in_use, stats.calls_waiting), (1, 4));
    }
}
