//! What has happened, in numbers.

use core::fmt;

use crate::network::NetworkTotals;

/// What has happened in one or more runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Steps of the executor.
    pub steps: u64,
    /// Simulated seconds.
    pub seconds: u64,
    /// Messages that were delivered to the server.
    pub messages: u64,
    /// Messages that were stored in targets.
    pub fetched: u64,
    /// Messages that were removed from the server.
    pub removed: u64,
    /// Sessions of the server.
    pub sessions: u64,
    /// Sessions of servers that depart from the protocol.
    pub odd_sessions: u64,
    /// Attacks of hostile clients.
    pub attacks: u64,
    /// Guesses of passwords that were refused.
    pub guesses: u64,
    /// Sessions of an honest client while hostile ones attack.
    pub looks: u64,
    /// Times that the server was started.
    pub server_starts: u64,
    /// Runs of a fetcher that ended well.
    pub runs_well: u64,
    /// Runs of a fetcher that failed.
    pub runs_failed: u64,
    /// Runs of a fetcher that were killed.
    pub runs_killed: u64,
    /// Runs of a fetcher that were asked to stop.
    pub runs_stopped: u64,
    /// Machines that lost power.
    pub crashes: u64,
    /// Times that the faults of a disk were set.
    pub disk_faults: u64,
    /// Times that a mail reader changed flags.
    pub flags: u64,
    /// Jumps of the clock on the wall.
    pub clock_jumps: u64,
    /// Connections that were established.
    pub connections: u64,
    /// Connections that nobody accepted.
    pub refused: u64,
    /// Connections that the network was to cut or freeze.
    pub network_faults: u64,
    /// Connections with a man in the middle.
    pub meddled: u64,
    /// The largest room for input that a session of the server has had, in octets.
    pub largest_read: u64,
    /// The most output that a session of the server has had at a time, in octets.
    pub largest_write: u64,
    /// The most threads that waited in calls that block, in one run.
    pub most_jobs: u64,
    /// The most files and directories that the server has had open.
    pub most_files: u64,
}

impl Totals {
    pub(super) const fn add_network(&mut self, network: NetworkTotals) {
        let NetworkTotals { connections, refused, faults, meddled, largest_read, largest_write } = network;
        self.largest_read = largest_read;
        self.largest_write = largest_write;
        self.connections += connections;
        self.refused += refused;
        self.network_faults += faults;
        self.meddled += meddled;
    }

    fn fields(&mut self) -> [(&'static str, &mut u64); 24] {
        [
            ("runs", &mut self.runs),
            ("steps", &mut self.steps),
            ("simulated seconds", &mut self.seconds),
            ("messages delivered", &mut self.messages),
            ("messages fetched", &mut self.fetched),
            ("messages removed", &mut self.removed),
            ("sessions", &mut self.sessions),
            ("sessions of odd servers", &mut self.odd_sessions),
            ("attacks of hostile clients", &mut self.attacks),
            ("guesses of passwords refused", &mut self.guesses),
            ("sessions of honest clients meanwhile", &mut self.looks),
            ("server starts", &mut self.server_starts),
            ("fetcher runs that ended well", &mut self.runs_well),
            ("fetcher runs that failed", &mut self.runs_failed),
            ("fetcher runs that were killed", &mut self.runs_killed),
            ("fetcher runs that were stopped", &mut self.runs_stopped),
            ("losses of power", &mut self.crashes),
            ("changes of disk faults", &mut self.disk_faults),
            ("changes of flags", &mut self.flags),
            ("jumps of the clock", &mut self.clock_jumps),
            ("connections", &mut self.connections),
            ("connections refused", &mut self.refused),
            ("connections with a fault", &mut self.network_faults),
            ("connections with a man in the middle", &mut self.meddled),
        ]
    }

    /// What is not added up, but of which the largest counts.
    fn peaks(&mut self) -> [(&'static str, &mut u64); 4] {
        [
            ("octets of room for input at most", &mut self.largest_read),
            ("octets of output at most", &mut self.largest_write),
            ("calls that block at most", &mut self.most_jobs),
            ("files of the server at most", &mut self.most_files),
        ]
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        for ((_, own), (_, other)) in self.fields().into_iter().zip(other.fields()) {
            *own += *other;
        }
        for ((_, own), (_, other)) in self.peaks().into_iter().zip(other.peaks()) {
            *own = (*own).max(*other);
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut totals = *self;
        for (name, count) in totals.fields() {
            writeln!(f, "{count:>12} {name}")?;
        }
        for (name, peak) in totals.peaks() {
            writeln!(f, "{peak:>12} {name}")?;
        }
        Ok(())
    }
}
