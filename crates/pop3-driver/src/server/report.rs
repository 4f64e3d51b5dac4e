//! How a session went.

use core::time::Duration;
use std::io;

use pop3_proto::server::{Close, SessionTotals};

use super::drive::Ended;
#[cfg(feature = "proxy")]
use super::switches::Failure;
use crate::login_method::LoginMethod;

/// How a connection went, for a log. It holds no secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct SessionReport {
    /// Whose maildrop was opened, as the store or the client has said it; `None` without login. It may hold any
    /// character: quote it where it is shown.
    pub user: Option<String>,
    /// How that user has logged in; `None` without login.
    pub method: Option<LoginMethod>,
    /// Why the connection ended.
    pub close: Close,
    /// The fault of the network, the handshake or the store that ended it, if one did.
    pub error: Option<io::Error>,
    /// Whether a panic has ended it, of the store, of the service or of this crate: a bug. Other sessions go on.
    pub panicked: bool,
    /// What was done.
    pub totals: SessionTotals,
    /// How long it took, from the accepted connection on.
    pub duration: Duration,
}

impl SessionReport {
    pub(super) fn new(ended: Ended, duration: Duration) -> Self {
        let session = ended.connection.session();
        Self {
            user: ended.user,
            method: ended.method,
            close: session.closed().unwrap_or(Close::PeerClosed),
            error: ended.fault,
            panicked: ended.panicked,
            totals: session.totals(),
            duration,
        }
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
