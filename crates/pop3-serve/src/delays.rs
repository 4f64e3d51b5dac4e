//! The least time between two logins of a user (RFC 2449 section 6.5). Pure: the time is an argument.

#[cfg(all(test, pop3_shuttle))]
mod models;

use core::time::Duration;
use std::collections::HashMap;
use std::sync::PoisonError;

use pop3_proto::Instant;

use crate::sync::{Mutex, MutexGuard};
use crate::users::UserName;

/// When each user has logged in last. A restart forgets it.
#[derive(Debug, Default)]
pub(super) struct LoginDelays {
    last: Mutex<HashMap<UserName, Instant>>,
}

impl LoginDelays {
    /// How long the user still has to wait, if at all. Ask before work that a refused login is not worth.
    pub(super) fn wait(&self, user: &UserName, delay: Duration, now: Instant) -> Option<Duration> {
        wait(&self.last(), user, delay, now)
    }

    /// The user logs in. A login that is refused does not count, or who asks too often would never get in.
    ///
    /// # Errors
    /// How long the user still has to wait: another login may have been faster.
    pub(super) fn log_in(&self, user: &UserName, delay: Duration, now: Instant) -> Result<(), Duration> {
        if delay.is_zero() {
            return Ok(());
        }
        let mut last = self.last();
        if let Some(wait) = wait(&last, user, delay, now) {
            return Err(wait);
        }
        last.insert(user.clone(), now);
        Ok(())
    }

    fn last(&self) -> MutexGuard<'_, HashMap<UserName, Instant>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.last().is_empty()
    }
}

fn wait(
    last: &HashMap<UserName, Instant>,
    user: &UserName,
    delay: Duration,
    now: Instant,
) -> Option<Duration> {
    let wait = delay.saturating_sub(now.since(*last.get(user)?));
    (!wait.is_zero()).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2449-6.51
    #[test]
    fn the_delay_counts_from_the_last_good_login_of_the_same_user() {
        let at = |seconds| Instant::new(Duration::from_secs(seconds));
        let name = |name: &str| UserName::parse(name.as_bytes()).unwrap();
        let (alice, bob, delay) = (name("alice"), name("bob"), Duration::from_secs(60));
        let delays = LoginDelays::default();
        assert_eq!(delays.wait(&alice, delay, at(0)), None);
        assert_eq!(delays.log_in(&alice, Duration::ZERO, at(0)), Ok(()));
        assert!(delays.is_empty());
        assert_eq!(delays.log_in(&alice, delay, at(0)), Ok(()));
        assert_eq!(delays.wait(&alice, delay, at(1)), Some(Duration::from_secs(59)));
        assert_eq!(delays.wait(&alice, delay, at(59)), Some(Duration::from_secs(1)));
        assert_eq!(delays.wait(&alice, delay, at(60)), None);
        assert_eq!(delays.wait(&bob, delay, at(1)), None);
        assert_eq!(delays.wait(&alice, Duration::ZERO, at(0)), None);
        // Another login was faster.
        assert_eq!(delays.log_in(&alice, delay, at(59)), Err(Duration::from_secs(1)));
        assert_eq!(delays.log_in(&alice, delay, at(60)), Ok(()));
        assert_eq!(delays.wait(&alice, delay, at(61)), Some(Duration::from_secs(59)));
    }
}
