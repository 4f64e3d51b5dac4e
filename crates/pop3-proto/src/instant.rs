//! Time as an argument.

use core::time::Duration;

/// A point in time: the duration since an epoch of the caller's choice.
///
/// The core never reads a clock. Use any monotonic clock, choose one of its readings as zero, and pass the time
/// since then. Tests can pass any values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The caller's epoch.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The instant `since` after the caller's epoch.
    #[must_use]
    pub const fn new(since: Duration) -> Self {
        Self(since)
    }

    /// The time passed since the caller's epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to this instant, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant `span` later; the largest instant if that can't be told.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}
