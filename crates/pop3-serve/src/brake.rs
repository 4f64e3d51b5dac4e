//! The brake on guessing, and the tries that it has let through.

#[cfg(all(test, pop3_shuttle))]
mod models;

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;
use std::sync::{Arc, PoisonError};

use crate::machine::{Machine, Stopwatch};
use crate::source::Source;
use crate::sync::{Mutex, MutexGuard};
use crate::throttle::{Throttle, TooMany};

/// The tries of all addresses.
#[derive(Debug)]
pub(super) struct Brake {
    throttle: Mutex<Throttle>,
    clock: Stopwatch,
}

/// A try that was let through. One that is given up without a word, by a panic for example, counts as failed:
/// nothing must make guesses free.
#[must_use]
pub(super) struct Attempt<'a> {
    brake: &'a Brake,
    address: IpAddr,
    wait: Duration,
    suspect: bool,
    settled: bool,
}

impl Brake {
    pub(super) fn new(machine: &Arc<dyn Machine>) -> Self {
        Self { throttle: Mutex::new(Throttle::new()), clock: Stopwatch::start(machine) }
    }

    /// Something is about to be checked.
    ///
    /// # Errors
    /// When too many tries of this address wait already; nothing is to be checked then.
    pub(super) fn attempt(&self, address: IpAddr) -> Result<Attempt<'_>, TooMany> {
        let now = self.clock.now();
        let mut throttle = self.throttle();
        let wait = throttle.attempt(address, now)?;
        let suspect = throttle.has_failed(address, now);
        Ok(Attempt { brake: self, address, wait, suspect, settled: false })
    }

    /// A try that was counted before comes to its outcome.
    pub(super) fn resumed(&self, address: IpAddr) -> Attempt<'_> {
        let now = self.clock.now();
        let mut throttle = self.throttle();
        let wait = throttle.backlog(address, now);
        let suspect = throttle.has_failed(address, now);
        Attempt { brake: self, address, wait, suspect, settled: false }
    }

    /// The failures of each address since the last call, for other servers.
    pub(super) fn take_failures(&self) -> Vec<(Source, u32)> {
        self.throttle().take_failures()
    }

    /// Counts failures that other servers have seen.
    pub(super) fn add_failures(&self, failures: impl IntoIterator<Item = (IpAddr, u32)>) {
        let now = self.clock.now();
        for (address, failures) in failures {
            // One at a time: logins need not wait for all of them.
            self.throttle().add_failures(address, failures, now);
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// Whether a login from there has failed lately.
    pub(super) const fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Nothing is checked for now, and that is not the client's doing: the try costs nothing, and whoever gives it up has
    /// learned nothing. [`resume`](Self::resume) it before anything is checked.
    pub(super) fn pause(&mut self) {
        self.settled = true;
        self.brake.throttle().pause(self.address);
    }

    /// Something is about to be checked after a [`pause`](Self::pause).
    ///
    /// # Errors
    /// When too many tries of this address wait already; nothing is to be checked then.
    pub(super) fn resume(&mut self) -> Result<(), TooMany> {
        let now = self.brake.clock.now();
        self.wait = self.brake.throttle().resume(self.address, now)?;
        self.settled = false;
        Ok(())
    }

    /// The credentials were right.
    pub(super) fn succeeded(mut self) {
        self.settled = true;
        self.brake.throttle().succeeded(self.address);
    }

    /// The credentials were wrong: how long to hold the answer back.
    pub(super) fn failed(mut self) -> Duration {
        self.settled = true;
        self.wait + self.brake.throttle().failed(self.address, self.brake.clock.now())
    }

    /// There is no outcome, and that is not the client's doing; or it comes later, by
    /// [`Brake::resumed`].
    pub(super) fn left_open(mut self) {
        self.settled = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.brake.throttle().failed(self.address, self.brake.clock.now());
        }
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("address", &self.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;

    use super::*;
    use crate::machine::ThisMachine;

    // SEC-02
    #[test]
    fn a_check_that_is_given_up_counts_as_failed() {
        let brake = Brake::new(&ThisMachine::shared());
        let address = IpAddr::from([192, 0, 2, 1]);
        let attempt = || brake.attempt(address).unwrap();
        attempt().succeeded();
        attempt().left_open();
        assert!(!attempt().is_suspect());
        // The one above was dropped.
        assert!(attempt().is_suspect());
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _attempt = attempt();
            panic!("within a check");
        }));
        assert!(panic.is_err());
        // Nothing was checked while it paused.
        let mut attempt = brake.attempt(address).unwrap();
        attempt.pause();
        drop(attempt);
        // After three failures.
        assert_eq!(brake.resumed(address).failed().as_secs(), 8);
        let mut attempt = brake.attempt(address).unwrap();
        attempt.pause();
        attempt.resume().unwrap();
        drop(attempt);
        assert_eq!(brake.take_failures(), [(address.into(), 5)]);
    }
}
