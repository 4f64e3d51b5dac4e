//! The report on a connection.

use core::time::Duration;
use std::io;

use pop3_proto::server::{Close, SessionTotals};

use super::ended::Ended;
#[cfg(feature = "proxy")]
use super::switches::Failure;
use crate::login_method::LoginMethod;

/// A report on a connection, for a log. It contains no secrets.
#[derive(Debug)]
#[non_exhaustive]
pub struct SessionReport {
    /// The user whose maildrop was opened, as the store or the client named it, or `None` without a login. It may
    /// contain any character: escape it before you show it.
    pub user: Option<String>,
    /// How the user has logged in, or `None` without a login.
    pub method: Option<LoginMethod>,
    /// Why the connection ended.
    pub close: Close,
    /// The error of the network, the handshake or the store that ended the connection, if any.
    pub error: Option<io::Error>,
    /// Whether a panic in the store, the service or this crate ended the connection. This is a bug. Other sessions
    /// continue.
    pub panicked: bool,
    /// What the session did, in numbers.
    pub totals: SessionTotals,
    /// The duration of the connection since it was accepted.
    pub duration: Duration,
}

impl SessionReport {
    pub(super) fn new(ended: Ended, duration: Duration) -> Self {
        let Ended { close, totals, user, method, fault: error, panicked } = ended;
        Self { user, method, close, error, panicked, totals, duration }
    }

    /// A connection that did not come to a session.
    pub(super) fn unserved(close: Close, error: Option<io::Error>, duration: Duration) -> Self {
        Self {
            user: None,
            method: None,
            close,
            error,
            panicked: false,
            totals: SessionTotals::default(),
            duration,
        }
    }

    /// The same: what failed, and how.
    #[cfg(feature = "proxy")]
    pub(super) fn failed_start(what: &str, failure: Failure, duration: Duration) -> Self {
        let (close, error) = failure.outcome(what);
        Self::unserved(close, error, duration)
    }

    /// A connection that blocks its thread beyond the end of the server.
    pub(super) fn left_behind(duration: Duration) -> Self {
        let error = io::Error::new(
            io::ErrorKind::TimedOut,
            "abandoned: a call to the store or the service has not returned",
        );
        Self::unserved(Close::Stopped, Some(error), duration)
    }

    /// A connection that a panic has ended outside of a session's loop.
    pub(super) fn panicked(duration: Duration) -> Self {
        let error = io::Error::other("internal error: the session panicked");
        Self { panicked: true, ..Self::unserved(Close::Stopped, Some(error), duration) }
    }
}
