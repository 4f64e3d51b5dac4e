//! The switches that end a session from outside.

use core::future::Future;
use std::io;

use pop3_proto::server::Close;

use crate::stop::Stop;

/// The two switches of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Switches<'s> {
    /// Stops the server. Busy sessions finish their work.
    pub(super) stop: &'s Stop,
    /// Ends this session immediately. Stopped by the service, and at the cut of the server.
    pub(super) end: &'s Stop,
}

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server was stopped.
    Stopped,
    /// The session was ended from outside, with the close and the error for the report.
    Ended(Close, Option<io::Error>),
    Fault(io::Error),
}

impl Failure {
    /// Returns the close and the error for the report. `what` names the operation that failed.
    pub(super) fn outcome(self, what: &str) -> (Close, Option<io::Error>) {
        match self {
            Self::Stopped => (Close::Stopped, None),
            Self::Ended(close, why) => (close, why),
            Self::Fault(error) => {
                let timed_out = error.kind() == io::ErrorKind::TimedOut;
                let close = if timed_out { Close::TimedOut } else { Close::PeerClosed };
                (close, Some(io::Error::new(error.kind(), format!("{what}: {error}"))))
            }
        }
    }

    /// Like `outcome`, for a TLS handshake.
    pub(super) fn of_handshake(self) -> (Close, Option<io::Error>) {
        match (matches!(self, Self::Fault(_)), self.outcome("TLS handshake")) {
            (true, (_, error)) => (Close::Handshake, error),
            (false, outcome) => outcome,
        }
    }
}

impl Switches<'_> {
    /// Returns the close and the error for the report on a session that was ended from outside.
    pub(super) fn ended(&self) -> (Close, Option<io::Error>) {
        if self.stop.is_cut() {
            let busy = "still busy when the grace period of the shutdown ended";
            (Close::Stopped, Some(io::Error::other(busy)))
        } else {
            (Close::Evicted, None)
        }
    }

    /// Awaits the result, or until a switch is stopped.
    pub(super) async fn race<T>(&self, result: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
        let raced = self.end.before(self.stop.race(result)).await;
        match raced.flatten() {
            _ if self.end.is_stopped() => {
                let (close, why) = self.ended();
                Err(Failure::Ended(close, why))
            }
            Some(Ok(done)) => Ok(done),
            // If reads block, stopping the switch looks like the end of the input.
            Some(Err(_)) | None if self.stop.is_stopped() => Err(Failure::Stopped),
            Some(Err(error)) => Err(Failure::Fault(error)),
            // Only a switch can win the race.
            None => Err(Failure::Stopped),
        }
    }
}
