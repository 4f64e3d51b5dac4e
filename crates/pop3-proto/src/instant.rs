//! Time as an argument.

use core::time::Duration;

/// A point in time: the duration since an epoch of the caller's choice.
///
/// This crate never reads a clock. Use any monotonic clock, choose one of its readings as zero, and pass the time
/// since then. Tests can pass any values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The caller's epoch.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// Creates the instant at this duration after the caller's epoch.
    #[must_use]
    pub const fn new(since: Duration) -> Self {
        Self(since)
    }

    /// Returns the time from `earlier` to this instant, or zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the instant `span` later, or the largest instant if that would overflow.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}
