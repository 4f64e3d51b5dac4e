//! The least time between two logins of a user (RFC 2449 section 6.5). Pure: the time is an argument.

use core::time::Duration;
use std::collections::HashMap;

use pop3_proto::Instant;

use crate::users::UserName;

/// When each user has logged in last. A restart forgets it.
#[derive(Debug, Default)]
pub(super) struct LoginDelays {
    last: HashMap<UserName, Instant>,
}

impl LoginDelays {
    /// How long the user still has to wait, if at all.
    pub(super) fn wait(&self, user: &UserName, delay: Duration, now: Instant) -> Option<Duration> {
        let wait = delay.saturating_sub(now.since(*self.last.get(user)?));
        (!wait.is_zero()).then_some(wait)
    }

    /// The user has logged in. A login that is refused does not count, or who asks too often would
    /// never get in.
    pub(super) fn logged_in(&mut self, user: &UserName, now: Instant) {
        self.last.insert(user.clone(), now);
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_empty()
    }
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
        let mut delays = LoginDelays::default();
        assert_eq!(delays.wait(&alice, delay, at(0)), None);
        delays.logged_in(&alice, at(0));
        assert_eq!(delays.wait(&alice, delay, at(1)), Some(Duration::from_secs(59)));
        assert_eq!(delays.wait(&alice, delay, at(59)), Some(Duration::from_secs(1)));
        assert_eq!(delays.wait(&alice, delay, at(60)), None);
        assert_eq!(delays.wait(&bob, delay, at(1)), None);
        assert_eq!(delays.wait(&alice, Duration::ZERO, at(0)), None);
    }
}
