//! What the server has done, in numbers.

mod durations;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use pop3_driver::server::SessionReport;
use pop3_proto::server::Close;
use pop3_sasl::Mechanism;

pub use self::durations::{DurationCounter, DurationCounts};

/// Counts what a [`Server`](crate::Server) does, for metrics.
///
/// Counting adds to a few atomic numbers at the beginning and the end of a session and at each login. It takes no lock,
/// allocates nothing and decides nothing. All clones share the numbers. [`read`](Self::read) copies them.
///
/// [`Server::counters`](crate::Server::counters) returns those of a server.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<Cells>);

#[derive(Debug)]
struct Cells {
    accepted: AtomicU64,
    ended: AtomicU64,
    panicked: AtomicU64,
    logins: [[AtomicU64; LoginOutcome::ALL.len()]; METHODS],
    limits: [AtomicU64; LimitHit::ALL.len()],
    commands: AtomicU64,
    retrieved: AtomicU64,
    retrieved_octets: AtomicU64,
    topped: AtomicU64,
    topped_octets: AtomicU64,
    removed: AtomicU64,
    not_removed: AtomicU64,
    listed: AtomicU64,
    measured: AtomicU64,
    sessions: DurationCounter<{ SESSION_BOUNDS.len() }>,
    checks: DurationCounter<{ LOGIN_BOUNDS.len() }>,
}

/// The numbers of a server at one time. All of them only grow until the server ends.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CounterValues {
    /// Connections that were accepted, including those that were refused at once.
    pub accepted: u64,
    /// Connections that have ended. The others are open.
    pub ended: u64,
    /// Sessions that ended because of a fault in this program.
    pub panicked: u64,
    /// Logins by method and outcome, for each pair that has occurred. The method is `USER` (USER and PASS), `APOP`, or
    /// the name of a SASL mechanism. SCRAM with a wrong password counts as `SCRAM`.
    pub logins: Vec<(&'static str, LoginOutcome, u64)>,
    /// How often each limit was hit, in the order of [`LimitHit::ALL`].
    pub limits: Vec<(LimitHit, u64)>,
    /// Commands of sessions that have ended, including those that were refused.
    pub commands: u64,
    /// Messages that RETR has sent completely, in sessions that have ended.
    pub retrieved: u64,
    /// The octets of these messages in wire form.
    pub retrieved_octets: u64,
    /// Replies to TOP that were sent completely, in sessions that have ended.
    pub topped: u64,
    /// The octets of these replies in wire form.
    pub topped_octets: u64,
    /// Messages that were removed at QUIT because a client has deleted them.
    pub removed: u64,
    /// Messages that could not be removed at QUIT although a client has deleted them.
    pub not_removed: u64,
    /// Messages in the maildrops that were opened.
    pub listed: u64,
    /// Those of them that had to be read to learn their size. The sizes of the others were known.
    pub measured: u64,
    /// How long the sessions took that have ended.
    pub session_seconds: DurationCounts,
    /// How long logins took, from the credentials to the open maildrop or the refusal.
    pub login_seconds: DurationCounts,
}

/// What became of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginOutcome {
    /// The client is logged in.
    Accepted,
    /// The name or the secret was wrong.
    Refused,
    /// The credentials were not checked, because of a limit or a fault.
    NotChecked,
    /// The credentials were right, but the maildrop was not opened: it was in use, the login came too soon, the user had
    /// too many sessions, or there was a fault.
    NotOpened,
}

/// A limit that has kept a client out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitHit {
    /// The connections in all: the new one was refused.
    Total,
    /// The connections in all: one without a login was closed in favour of a new one.
    Replaced,
    /// The connections of one address.
    Address,
    /// The sessions of one user.
    User,
    /// The logins from one address in a time, or those that wait for their check.
    Logins,
}

impl LoginOutcome {
    /// All outcomes.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Refused, Self::NotChecked, Self::NotOpened];

    /// Returns one word for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::NotChecked => "not_checked",
            Self::NotOpened => "not_opened",
        }
    }
}

impl LimitHit {
    /// All limits.
    pub const ALL: [Self; 5] = [Self::Total, Self::Replaced, Self::Address, Self::User, Self::Logins];

    /// Returns one word for metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Replaced => "replaced",
            Self::Address => "address",
            Self::User => "user",
            Self::Logins => "logins",
        }
    }
}

/// The methods beside the mechanisms.
const OTHERS: [&str; 3] = ["USER", "APOP", "SCRAM"];
const METHODS: usize = OTHERS.len() + Mechanism::ALL.len();

/// The largest durations of the ranges, in microseconds.
const SESSION_BOUNDS: [u64; 8] =
    [10_000, 100_000, 1_000_000, 5_000_000, 30_000_000, 120_000_000, 600_000_000, 3_600_000_000];
const LOGIN_BOUNDS: [u64; 8] = [500, 2_000, 10_000, 50_000, 200_000, 1_000_000, 5_000_000, 30_000_000];

impl Default for Cells {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::default(),
            ended: AtomicU64::default(),
            panicked: AtomicU64::default(),
            logins: Default::default(),
            limits: Default::default(),
            commands: AtomicU64::default(),
            retrieved: AtomicU64::default(),
            retrieved_octets: AtomicU64::default(),
            topped: AtomicU64::default(),
            topped_octets: AtomicU64::default(),
            removed: AtomicU64::default(),
            not_removed: AtomicU64::default(),
            listed: AtomicU64::default(),
            measured: AtomicU64::default(),
            sessions: DurationCounter::new(SESSION_BOUNDS),
            checks: DurationCounter::new(LOGIN_BOUNDS),
        }
    }
}

fn add(cell: &AtomicU64, more: u64) {
    cell.fetch_add(more, Ordering::Relaxed);
}

fn get(cell: &AtomicU64) -> u64 {
    cell.load(Ordering::Relaxed)
}

impl Counters {
    /// Returns the numbers of now.
    #[must_use]
    pub fn read(&self) -> CounterValues {
        let cells = &*self.0;
        let names = OTHERS.into_iter().chain(Mechanism::ALL.iter().map(|mechanism| mechanism.name()));
        let logins = names.zip(&cells.logins).flat_map(|(method, counts)| {
            LoginOutcome::ALL
                .into_iter()
                .zip(counts)
                .map(move |(outcome, count)| (method, outcome, get(count)))
        });
        // What ends is counted later than what begins, so it is read first.
        let ended = get(&cells.ended);
        CounterValues {
            ended,
            accepted: get(&cells.accepted),
            panicked: get(&cells.panicked),
            logins: logins.filter(|&(_, _, count)| count > 0).collect(),
            limits: LimitHit::ALL.into_iter().zip(cells.limits.iter().map(get)).collect(),
            commands: get(&cells.commands),
            retrieved: get(&cells.retrieved),
            retrieved_octets: get(&cells.retrieved_octets),
            topped: get(&cells.topped),
            topped_octets: get(&cells.topped_octets),
            removed: get(&cells.removed),
            not_removed: get(&cells.not_removed),
            listed: get(&cells.listed),
            measured: get(&cells.measured),
            session_seconds: cells.sessions.read(),
            login_seconds: cells.checks.read(),
        }
    }

    pub(crate) fn accepted(&self) {
        add(&self.0.accepted, 1);
    }

    pub(crate) fn limit(&self, limit: LimitHit) {
        add(&self.0.limits[limit as usize], 1);
    }

    /// A maildrop was opened that has so many messages, of which so many had to be read.
    pub(crate) fn opened(&self, messages: usize, measured: usize) {
        add(&self.0.listed, messages as u64);
        add(&self.0.measured, measured as u64);
    }

    pub(crate) fn login(&self, method: &str, outcome: LoginOutcome, took: Option<Duration>) {
        let mechanism = || Mechanism::ALL.iter().position(|mechanism| mechanism.name() == method);
        let other = OTHERS.iter().position(|&other| other == method);
        let row = other.or_else(|| mechanism().map(|index| OTHERS.len() + index));
        if let Some(counts) = row.and_then(|row| self.0.logins.get(row)) {
            add(&counts[outcome as usize], 1);
        }
        if let Some(took) = took {
            self.0.checks.count(took);
        }
    }

    pub(crate) fn ended(&self, report: &SessionReport) {
        let (cells, totals) = (&*self.0, report.totals);
        add(&cells.ended, 1);
        add(&cells.panicked, u64::from(report.panicked));
        cells.sessions.count(report.duration);
        if report.close == Close::Evicted {
            self.limit(LimitHit::Replaced);
        }
        for (cell, count) in [
            (&cells.commands, totals.commands),
            (&cells.retrieved, totals.retrieved),
            (&cells.retrieved_octets, totals.retrieved_octets),
            (&cells.topped, totals.topped),
            (&cells.topped_octets, totals.topped_octets),
            (&cells.removed, totals.removed as u64),
            (&cells.not_removed, totals.not_removed as u64),
        ] {
            if count > 0 {
                add(cell, count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_place() {
        let counters = Counters::default();
        counters.accepted();
        for limit in LimitHit::ALL {
            counters.limit(limit);
        }
        for (index, outcome) in LoginOutcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, index);
            counters.login("SCRAM-SHA-256", outcome, Some(Duration::from_micros(501)));
        }
        counters.login("SCRAM", LoginOutcome::Refused, None);
        counters.login("unknown", LoginOutcome::Refused, None);
        counters.opened(7, 2);
        let values = counters.clone().read();
        assert_eq!((values.accepted, values.ended, values.listed, values.measured), (1, 0, 7, 2));
        assert!(values.limits.iter().all(|&(_, count)| count == 1));
        let expected = LoginOutcome::ALL.map(|outcome| ("SCRAM-SHA-256", outcome, 1));
        assert_eq!(values.logins[0], ("SCRAM", LoginOutcome::Refused, 1));
        assert_eq!(values.logins[1..], expected);
        assert_eq!(values.login_seconds.ranges[..3], [(0.0005, 0), (0.002, 4), (0.01, 0)]);
        assert!((values.login_seconds.sum - 0.002_004).abs() < 1e-9);
    }
}
