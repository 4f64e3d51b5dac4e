//! The switches that end a session from outside.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;
use std::io;

use pop3_proto::server::Close;

use crate::stop::Stop;

/// The two switches of a session.
///
/// The task of the session [watches](Stop::watched) both, so it is polled again when one of them is stopped. Nothing
/// in it needs to wait for a switch: looking at it in each poll is enough, and costs no lock.
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

impl<'s> Switches<'s> {
    /// Returns the close and the error for the report on a session that was ended from outside.
    pub(super) fn ended(&self) -> (Close, Option<io::Error>) {
        if self.stop.is_cut() {
            let busy = "still busy when the grace period of the shutdown ended";
            (Close::Stopped, Some(io::Error::other(busy)))
        } else {
            (Close::Evicted, None)
        }
    }

    /// Awaits the future, or until the session is ended from outside.
    pub(super) fn unless_ended<F: Future + Unpin>(
        &self,
        mut future: F,
    ) -> impl Future<Output = Option<F::Output>> + Unpin + use<'s, F> {
        let end = self.end;
        poll_fn(move |context| {
            if end.is_stopped() { Poll::Ready(None) } else { Pin::new(&mut future).poll(context).map(Some) }
        })
    }

    /// Awaits the future, or until the server is stopped.
    pub(super) fn unless_stopped<F: Future + Unpin>(
        &self,
        mut future: F,
    ) -> impl Future<Output = Option<F::Output>> + Unpin + use<'s, F> {
        let stop = self.stop;
        poll_fn(move |context| match Pin::new(&mut future).poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if stop.is_stopped() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
    }

    /// Awaits the result, or until a switch is stopped.
    pub(super) async fn race<T>(&self, result: impl Future<Output = io::Result<T>>) -> Result<T, Failure> {
        let result = pin!(result);
        let raced = self.unless_ended(self.unless_stopped(result)).await;
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
