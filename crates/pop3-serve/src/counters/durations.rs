//! Durations, counted in ranges.

use core::sync::atomic::AtomicU64;
use core::time::Duration;

use super::{add, get};

/// Counts durations in ranges, for metrics. Counting adds to two atomic numbers.
#[derive(Debug)]
pub struct DurationCounter<const N: usize> {
    /// The largest durations of the ranges, in microseconds.
    bounds: [u64; N],
    within: [AtomicU64; N],
    longer: AtomicU64,
    microseconds: AtomicU64,
}

/// Durations, counted in ranges.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DurationCounts {
    /// The sum of all durations, in seconds.
    pub sum: f64,
    /// For each range its largest duration in seconds, and how many durations are in it. The last range has no largest
    /// duration, but infinity.
    pub ranges: Vec<(f64, u64)>,
}

impl<const N: usize> DurationCounter<N> {
    /// Creates a counter with these ranges: the largest duration of each in microseconds, in ascending order. Longer ones
    /// are counted in one more range.
    #[must_use]
    pub const fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            within: [const { AtomicU64::new(0) }; N],
            longer: AtomicU64::new(0),
            microseconds: AtomicU64::new(0),
        }
    }

    /// Counts a duration.
    pub fn count(&self, duration: Duration) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let range = self.bounds.iter().position(|&bound| microseconds <= bound);
        add(range.and_then(|range| self.within.get(range)).unwrap_or(&self.longer), 1);
        add(&self.microseconds, microseconds);
    }

    /// Returns the numbers of now.
    #[must_use]
    pub fn read(&self) -> DurationCounts {
        let seconds = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64();
        let within = self.bounds.iter().zip(&self.within).map(|(&bound, count)| (seconds(bound), get(count)));
        let ranges = within.chain([(f64::INFINITY, get(&self.longer))]).collect();
        DurationCounts { sum: seconds(get(&self.microseconds)), ranges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_beyond_all_ranges_is_counted() {
        let durations = DurationCounter::new([1_000_000, 3_600_000_000]);
        durations.count(Duration::from_secs(3_600));
        durations.count(Duration::from_secs(3_601));
        let counts = durations.read();
        assert_eq!(counts.ranges[1..], [(3_600.0, 1), (f64::INFINITY, 1)]);
    }
}
