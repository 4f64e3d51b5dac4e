//! Calls of the store, with a deadline and while the client is watched.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use std::io;
use std::time::Instant as StdInstant;

use pop3_proto::{Instant, Rejection};

use super::{Fault, Session};
use crate::backend::{Backend, Context};
use crate::buffer::ReadBuffer;
use crate::transport::Transport;

/// The context of a call. Dropping it marks the context as gone.
pub(super) struct Asked {
    pub(super) context: Context,
}

impl Asked {
    /// Creates the context of a call with this deadline.
    pub(super) fn until(deadline: Instant, now: Instant) -> Self {
        Self { context: Context::new(StdInstant::now() + deadline.since(now)) }
    }

    /// Moves the deadline.
    pub(super) fn extend(&self, deadline: Instant, now: Instant) {
        self.context.extend(StdInstant::now() + deadline.since(now));
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.context.go();
    }
}

/// Why a call has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// The call was too late.
    Late,
    /// The connection was lost, so the answer is no longer needed.
    Lost(io::Error),
}

/// What the session watches while the store works: the time and the connection.
pub(super) struct Watch<'s, T> {
    transport: &'s mut T,
    input: &'s mut ReadBuffer,
    input_ended: &'s mut bool,
    deadline: Instant,
    /// Whether the call is awaited even if the connection is lost.
    whole: bool,
}

impl<'s, T: Transport> Watch<'s, T> {
    pub(super) const fn new(
        transport: &'s mut T,
        input: &'s mut ReadBuffer,
        input_ended: &'s mut bool,
        deadline: Instant,
    ) -> Self {
        Self { transport, input, input_ended, deadline, whole: false }
    }

    /// Awaits the call even if the connection is lost.
    pub(super) fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// Awaits the call. Meanwhile, stores what the client sends, as far as there is room.
    pub(super) async fn over<R>(
        self,
        call: impl Future<Output = R>,
        context: &Context,
    ) -> Result<R, Unanswered> {
        let Self { transport, input, input_ended, deadline, whole } = self;
        let mut call = pin!(call);
        let mut lost = false;
        if *input_ended {
            context.finish();
        }
        loop {
            let ahead = !lost && !*input_ended && input.has_room();
            let seen = {
                let watched = async {
                    if ahead {
                        return Some(transport.read_ahead(input.room(), deadline).await);
                    }
                    transport.pause(deadline).await;
                    None
                };
                let mut watched = pin!(watched);
                // Poll the call first: most calls are ready immediately, and then the connection need not be read.
                let seen = poll_fn(|task| match call.as_mut().poll(task) {
                    Poll::Ready(answer) => Poll::Ready(Ok(answer)),
                    Poll::Pending => watched.as_mut().poll(task).map(Err),
                });
                match seen.await {
                    Ok(answer) => return Ok(answer),
                    Err(seen) => seen,
                }
            };
            match seen {
                None => return Err(Unanswered::Late),
                Some(Ok(0)) => {
                    *input_ended = true;
                    context.finish();
                }
                Some(Ok(octets)) => input.add(octets),
                Some(Err(_)) if transport.now() >= deadline => return Err(Unanswered::Late),
                Some(Err(error)) if !whole => return Err(Unanswered::Lost(error)),
                Some(Err(_)) => {
                    lost = true;
                    context.go();
                }
            }
        }
    }
}

impl<B: Backend> Session<B> {
    /// Returns what a call of the backend needs.
    pub(super) fn ask<'s, T: Transport>(
        &'s mut self,
        transport: &'s mut T,
    ) -> (Asked, Watch<'s, T>, &'s mut B) {
        let now = transport.now();
        let deadline = self.store_deadline(now);
        let watch = Watch::new(transport, &mut self.input, &mut self.input_ended, deadline);
        (Asked::until(deadline, now), watch, &mut self.backend)
    }

    /// Returns the deadline for a call of the store that starts now.
    pub(super) fn store_deadline(&self, now: Instant) -> Instant {
        let session = self.connection.session();
        let deadline = now.after(session.limits().store_timeout);
        // Before the login, the login deadline applies too.
        if session.state().is_logged_in() { deadline } else { deadline.min(self.connection.deadline()) }
    }

    /// Returns the rejection for the client if the store gave no answer, and sets the error for the report.
    ///
    /// # Errors
    /// Returns an error if the client can no longer be told.
    pub(super) fn late(&mut self, unanswered: Unanswered, what: &str) -> Result<Rejection, Fault> {
        match unanswered {
            Unanswered::Lost(error) => Err(error.into()),
            Unanswered::Late => {
                self.farewell = !self.connection.session().state().is_logged_in();
                let text = format!("{what}: the store did not answer in time");
                self.fault = Some(io::Error::new(io::ErrorKind::TimedOut, text));
                Ok(Rejection::temporary("the mail store is not responding, try again later"))
            }
        }
    }
}
