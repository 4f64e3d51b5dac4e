//! Condition variables whose waits end in time, which those of the model checkers do not.

use core::time::Duration;
use std::sync::{Arc, LockResult, PoisonError};

use crate::checker::sync::{self, MutexGuard};
use crate::clock::{Alarm, elapsed};

/// A condition variable with the interface of [`std::sync::Condvar`].
#[derive(Debug, Default)]
pub struct Condvar {
    inner: Arc<sync::Condvar>,
}

/// Whether a wait has ended because its time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Returns whether the time was over.
    #[must_use]
    pub const fn timed_out(&self) -> bool {
        self.0
    }
}

fn forever<T>(guard: MutexGuard<'_, T>) -> Timed<'_, T> {
    (guard, WaitTimeoutResult(false))
}

/// A guard, and whether the time was over.
type Timed<'g, T> = (MutexGuard<'g, T>, WaitTimeoutResult);

impl Condvar {
    /// Creates a condition variable.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until it is notified.
    ///
    /// # Errors
    /// Returns an error if the mutex is poisoned.
    pub fn wait<'g, T>(&self, guard: MutexGuard<'g, T>) -> LockResult<MutexGuard<'g, T>> {
        self.inner.wait(guard)
    }

    /// Waits until it is notified, or until this time has passed.
    ///
    /// # Errors
    /// Returns an error if the mutex is poisoned.
    pub fn wait_timeout<'g, T>(&self, guard: MutexGuard<'g, T>, time: Duration) -> LockResult<Timed<'g, T>> {
        if time.is_zero() {
            return Ok((guard, WaitTimeoutResult(true)));
        }
        if time == Duration::MAX {
            return self
                .wait(guard)
                .map(forever)
                .map_err(|error| PoisonError::new(forever(error.into_inner())));
        }
        let inner = Arc::clone(&self.inner);
        // Others that wait wake up too, as they may at any time.
        let alarm = Alarm::after(time, move || inner.notify_all());
        let guard = self.inner.wait(guard);
        let over = WaitTimeoutResult(alarm.is_over());
        drop(alarm);
        match guard {
            Ok(guard) => Ok((guard, over)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), over))),
        }
    }

    /// Waits as long as the condition holds, or until this time has passed.
    ///
    /// # Errors
    /// Returns an error if the mutex is poisoned.
    pub fn wait_timeout_while<'g, T>(
        &self,
        mut guard: MutexGuard<'g, T>,
        time: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<Timed<'g, T>> {
        let until = elapsed().saturating_add(time);
        loop {
            if !condition(&mut guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            let left = if until == Duration::MAX { until } else { until.saturating_sub(elapsed()) };
            if left.is_zero() {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            guard = self.wait_timeout(guard, left)?.0;
        }
    }

    /// Wakes one of those who wait.
    pub fn notify_one(&self) {
        self.inner.notify_one();
    }

    /// Wakes all who wait.
    pub fn notify_all(&self) {
        self.inner.notify_all();
    }
}
