//! The rules of time: when a connection is closed, and how long a refusal is delayed.
//!
//! They read no clock. The connection records when something happens, and asks these functions.

use core::time::Duration;

use super::session::ServerSession;
use crate::Instant;

/// The maximum number of doublings of the delay. The limit of refusals or the timer ends the connection long before.
const MAX_DOUBLINGS: u32 = 16;

/// When things have happened on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When the connection was opened.
    pub(super) opened: Instant,
    /// When octets were last sent or received, or the store last answered.
    pub(super) progress: Instant,
}

/// What to do with a delayed reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Wait until then.
    Waits(Instant),
    /// Send it.
    Due,
    /// The connection ends before the reply is due. It is not sent early, because that would shorten the delay.
    Lost,
}

impl ServerSession {
    /// Returns how long the reply to a refusal is delayed, counted from when the client sent its last line. The delay
    /// doubles with each refusal that counts, and is at least as long as the store wants.
    pub(super) fn refusal_delay(&self, failures: u32, wanted: Duration) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return wanted };
        let delay = self.config.limits.failure_delay;
        delay.saturating_mul(1 << doublings.min(MAX_DOUBLINGS)).max(wanted)
    }

    /// Decides what to do with a reply that is delayed until then.
    pub(super) fn held(&self, until: Instant, times: Times, now: Instant) -> Held {
        let end = self.login_deadline(times);
        match (now < until, now < end) {
            (false, _) => Held::Due,
            (true, true) => Held::Waits(until.min(end)),
            (true, false) => Held::Lost,
        }
    }

    /// Returns when the connection is closed if nothing happens.
    pub(super) fn deadline(&self, times: Times) -> Instant {
        let limits = self.limits();
        if self.is_logged_in() {
            times.progress.after(limits.idle_timeout)
        } else if self.closed().is_some() {
            // The last reply is still to be sent, however long ago the connection was opened.
            times.progress.after(limits.idle_timeout.min(limits.login_timeout))
        } else {
            self.login_deadline(times)
        }
    }

    /// Returns when a connection without a login is closed, even if it is busy.
    fn login_deadline(&self, times: Times) -> Instant {
        times.opened.after(self.config.limits.login_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channel;
    use crate::server::{Limits, ServerConfig};

    fn session() -> ServerSession {
        let limits = Limits {
            failure_delay: Duration::from_secs(1),
            login_timeout: Duration::from_secs(60),
            ..Limits::default()
        };
        let config = ServerConfig { limits, ..ServerConfig::default() };
        ServerSession::new(config.into(), Channel::TrustedPlaintext, None)
    }

    #[test]
    fn each_counted_refusal_doubles_the_delay() {
        let session = session();
        let seconds =
            |failures, wanted| session.refusal_delay(failures, Duration::from_secs(wanted)).as_secs();
        assert_eq!([0, 1, 2, 3, 4].map(|failures| seconds(failures, 0)), [0, 1, 2, 4, 8]);
        assert_eq!([0, 1, 2, 3, 4].map(|failures| seconds(failures, 3)), [3, 3, 3, 4, 8]);
        assert_eq!(seconds(u32::MAX, 0), 1 << MAX_DOUBLINGS);
    }

    #[test]
    fn a_held_reply_is_never_early_and_never_outlives_the_login() {
        let session = session();
        let at = |seconds| Instant::EPOCH.after(Duration::from_secs(seconds));
        let times = Times { opened: at(0), progress: at(0) };
        let held = |until, now| session.held(at(until), times, at(now));
        assert_eq!(held(9, 8), Held::Waits(at(9)));
        assert_eq!((held(9, 9), held(9, 99)), (Held::Due, Held::Due));
        assert_eq!((held(90, 8), held(90, 59)), (Held::Waits(at(60)), Held::Waits(at(60))));
        assert_eq!((held(90, 60), held(90, 89), held(60, 60)), (Held::Lost, Held::Lost, Held::Due));
    }
}
