//! How long the client waits for the server.

use core::time::Duration;

use super::config::ClientConfig;
use crate::instant::Instant;

/// The times from which deadlines are computed. The time between an event and the caller's next poll is not the
/// server's fault and is not counted.
#[derive(Debug)]
pub(super) struct Patience {
    /// When the client began to wait for the reply, or the part of it that is due.
    since: Instant,
    /// When octets last arrived.
    progress: Instant,
    /// The start of the period in which octets are counted.
    counted_from: Instant,
    /// How many octets arrived in this period.
    octets: u64,
    /// When the caller last polled.
    polled: Instant,
    /// The caller waits for the server: it has just sent something to be answered, or was told to read.
    waiting: bool,
}

/// What is due from the server, and which time limit applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The greeting, a first line, or, before the login, a whole reply. All of it must arrive within this time.
    Whole(Duration),
    /// The lines or the body after a first line.
    Rest,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// All of it, or the next octet.
    Silent,
    /// The number of octets that must arrive in a period.
    Slow,
}

impl Patience {
    pub(super) const fn new(now: Instant) -> Self {
        Self { since: now, progress: now, counted_from: now, octets: 0, polled: now, waiting: true }
    }

    /// Starts the time for another reply or another part of one.
    pub(super) const fn begin(&mut self, now: Instant) {
        self.since = now;
        self.progress = now;
        self.counted_from = now;
        self.octets = 0;
    }

    /// Starts the time when something was just sent.
    pub(super) const fn sent(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Records that the caller polls.
    pub(super) fn polled(&mut self, now: Instant) {
        if !self.waiting {
            let busy = now.since(self.polled);
            self.since = self.since.after(busy);
            self.progress = self.progress.after(busy);
            self.counted_from = self.counted_from.after(busy);
        }
        self.polled = now;
        self.waiting = false;
    }

    /// Records that octets arrived.
    pub(super) const fn came(&mut self, octets: usize, now: Instant, config: &ClientConfig) {
        self.progress = now;
        self.octets = self.octets.saturating_add(octets as u64);
        if self.octets >= config.min_octets {
            self.counted_from = now;
            self.octets = 0;
        }
    }

    /// Records that the caller is told to read.
    pub(super) const fn wait(&mut self) {
        self.waiting = true;
    }

    /// Returns when to give up, and why.
    pub(super) fn deadline(&self, due: Due, config: &ClientConfig) -> (Instant, Overdue) {
        match due {
            Due::Whole(timeout) => (self.since.after(timeout), Overdue::Silent),
            Due::Rest => {
                let silent = (self.progress.after(config.reply_timeout), Overdue::Silent);
                let slow = (self.counted_from.after(config.min_octets_period), Overdue::Slow);
                if config.min_octets > 0 && slow.0 < silent.0 { slow } else { silent }
            }
        }
    }
}
