//! What the connections of a run have counted.

use core::time::Duration;
use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Errors with different texts that are kept apart.
const MAX_ERRORS: usize = 20;
/// Times are recorded to two significant digits, in microseconds, up to an hour.
const MAX_MICROSECONDS: u64 = 3_600_000_000;

pub(crate) struct Tally {
    pub(crate) sessions: u64,
    pub(crate) operations: u64,
    pub(crate) messages: u64,
    pub(crate) octets: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    pub(crate) times: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let times = Histogram::new_with_bounds(1, MAX_MICROSECONDS, 2).expect("the bounds are valid");
        Self { sessions: 0, operations: 0, messages: 0, octets: 0, errors: BTreeMap::new(), times }
    }

    /// Records operations that took this time together.
    pub(crate) fn operations(&mut self, count: u64, time: Duration) {
        if count == 0 {
            return;
        }
        self.operations += count;
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.times.saturating_record(micros.max(1));
    }

    /// Records that this happened so often.
    pub(crate) fn error(&mut self, text: String, count: u64) {
        let text = if self.errors.len() < MAX_ERRORS || self.errors.contains_key(&text) {
            text
        } else {
            "other errors".to_owned()
        };
        *self.errors.entry(text).or_default() += count;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.operations += other.operations;
        self.messages += other.messages;
        self.octets += other.octets;
        for (text, count) in other.errors {
            self.error(text, count);
        }
        self.times.add(other.times).expect("both have the same bounds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_different_errors_are_counted_together() {
        let mut all = Tally::new();
        for connection in 0..3 {
            let mut tally = Tally::new();
            (0..30).for_each(|number| tally.error(format!("error {connection} {number}"), 1));
            all.add(tally);
        }
        assert_eq!(all.errors.len(), MAX_ERRORS + 1);
        assert_eq!(all.errors.values().sum::<u64>(), 90);
    }
}
