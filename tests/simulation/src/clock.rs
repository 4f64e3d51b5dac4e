//! Simulated time.

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::time::SystemTime;

/// When the clock on the wall stands at the start of a run, in seconds since 1970.
const START: u64 = 1_800_000_000;

/// The time of one run. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct SimClock(Arc<Times>);

#[derive(Debug, Default)]
struct Times {
    /// Nanoseconds since the start of the run.
    now: AtomicU64,
    /// How far the clock on the wall has jumped, in nanoseconds.
    jumped: AtomicI64,
}

impl SimClock {
    /// The time since the start of the run. It never goes back.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.now.load(Ordering::Relaxed))
    }

    /// The time on the wall, which can jump in either direction.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        let (now, jumped) = (self.elapsed(), self.0.jumped.load(Ordering::Relaxed));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(START) + now;
        let by = Duration::from_nanos(jumped.unsigned_abs());
        if jumped < 0 { time - by } else { time + by }
    }

    /// Another clock that shows the same time.
    #[must_use]
    pub fn twin(&self) -> Self {
        let (now, jumped) = (&self.0.now, &self.0.jumped);
        Self(Arc::new(Times {
            now: AtomicU64::new(now.load(Ordering::Relaxed)),
            jumped: AtomicI64::new(jumped.load(Ordering::Relaxed)),
        }))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.0.now.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Sets the clock on the wall forward or back by so many seconds.
    pub fn jump(&self, seconds: i64) {
        self.0.jumped.fetch_add(seconds * 1_000_000_000, Ordering::Relaxed);
    }
}
