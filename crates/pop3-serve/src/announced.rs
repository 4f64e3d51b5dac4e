//! LOGIN-DELAY and EXPIRE: what holds for all users, and what for one (RFC 2449 sections 6.5 and 6.7).

use core::time::Duration;

use pop3_proto::{Expire, LoginDelay};

use crate::users::{Profile, User, soonest};

/// What holds for users who have nothing of their own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Announced {
    pub(super) login_delay: Option<Duration>,
    /// The days, inner `None` for never.
    pub(super) expire: Option<Option<u32>>,
}

impl Announced {
    /// What is announced before anybody has logged in: the longest delay and the shortest
    /// time that any user has, and a hint where users differ.
    pub(super) fn before_login(&self, profile: &Profile) -> (Option<LoginDelay>, Option<Expire>) {
        let own = profile.login_delay();
        let mut delay = own.max(self.login_delay).map(LoginDelay::new);
        if let Some(delay) = &mut delay {
            delay.per_user = own.is_some();
        }
        let own = profile.expire();
        let expire = soonest(own.into_iter().chain(self.expire));
        (delay, expire.map(|days| expire_after(days, own.is_some())))
    }

    /// The delay of one user.
    pub(super) fn login_delay_of(&self, user: Option<&User>) -> Duration {
        user.and_then(|user| user.login_delay).or(self.login_delay).unwrap_or_default()
    }

    /// For how many days the messages of one user are kept, `None` for ever.
    pub(super) fn expire_of(&self, user: Option<&User>) -> Option<u32> {
        user.and_then(|user| user.expire).or(self.expire).flatten()
    }

    /// What one user is told after the login, where that may differ from what was told before.
    pub(super) fn after_login(
        &self,
        user: Option<&User>,
        profile: &Profile,
    ) -> (Option<LoginDelay>, Option<Expire>) {
        let (delay, expire) = self.before_login(profile);
        let delay = delay.map(|_| LoginDelay::new(self.login_delay_of(user)));
        let expire = expire.map(|_| expire_after(self.expire_of(user), false));
        (delay, expire)
    }
}

fn expire_after(days: Option<u32>, per_user: bool) -> Expire {
    let mut expire = Expire::new(days);
    expire.per_user = per_user;
    expire
}
