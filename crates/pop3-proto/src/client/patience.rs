//! How long the server is waited for.

use core::time::Duration;

use super::config::ClientConfig;
use crate::instant::Instant;

/// The times that deadlines are reckoned from. What the caller spends between an event and its next poll,
/// as in storing what it was given, is not the server's time and counts nowhere.
#[derive(Debug)]
pub(super) struct Patience {
    /// Since when the reply, or the part of it that is due, is awaited.
    since: Instant,
    /// When octets came last.
    progress: Instant,
    /// Since when octets are counted.
    counted_from: Instant,
    /// How many came since then.
    octets: u64,
    /// When the caller polled last.
    polled: Instant,
    /// The caller waits for the server: it has just sent what is to be answered, or was told to read.
    waiting: bool,
}

/// What is due from the server, as far as time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The greeting, a first line, or, before the login, a whole reply: all of it within this time.
    Whole(Duration),
    /// The lines or the body behind a first line.
    Rest,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// The whole of it, or the next octet.
    Silent,
    /// So many octets as must come in a period.
    Slow,
}

impl Patience {
    pub(super) const fn new(now: Instant) -> Self {
        Self { since: now, progress: now, counted_from: now, octets: 0, polled: now, waiting: true }
    }

    /// Another reply, or another part of one, is due from now on.
    pub(super) const fn begin(&mut self, now: Instant) {
        self.since = now;
        self.progress = now;
        self.counted_from = now;
        self.octets = 0;
    }

    /// The same, as something was sent just now.
    pub(super) const fn sent(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// The caller polls.
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

    /// Octets came.
    pub(super) const fn came(&mut self, octets: usize, now: Instant, config: &ClientConfig) {
        self.progress = now;
        self.octets = self.octets.saturating_add(octets as u64);
        if self.octets >= config.min_octets {
            self.counted_from = now;
            self.octets = 0;
        }
    }

    /// The caller is told to read.
    pub(super) const fn wait(&mut self) {
        self.waiting = true;
    }

    /// When to give up, and why.
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
