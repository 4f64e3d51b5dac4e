//! How long to wait before something is tried again.

use core::time::Duration;

use crate::random;

/// Waits that double, from 50 milliseconds to a limit. A random part of up to a half is taken off each, so that many
/// who were interrupted together do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    limit: Duration,
}

const FIRST: Duration = Duration::from_millis(50);

impl Backoff {
    pub(crate) const fn new(limit: Duration) -> Self {
        Self { next: FIRST, limit }
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = self.next.saturating_mul(2).min(self.limit);
        let half = wait / 2;
        half + half.mul_f64(random::fraction())
    }

    /// Begins anew.
    pub(crate) const fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_limit() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        for most in [50, 100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next().as_millis();
            assert!(wait >= most / 2 && wait <= most, "{wait} of {most}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
