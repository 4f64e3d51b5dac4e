//! Connections that the service has accepted.

use core::fmt;
use core::future::Future;
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Instant as StdInstant;

use pop3_proto::server::Close;
use pop3_proto::{Instant, Rejection};

use super::sessions::Entered;
use super::telling::Telling;
use super::{
    Entrance, Peer, Place, Served, Service, SessionReport, Sessions, TakenOver, serve_to_end, turn_away,
};
use crate::boxed::boxed;
use crate::panics::caught;
use crate::stop::Stop;
use crate::transport::Transport;

/// A connection that the service has accepted.
///
/// Accept loops call [`admit`] before they start a task or a thread. The number of open connections therefore never
/// exceeds the places of the service, however fast connections arrive.
#[must_use = "the connection closes unless it is served"]
pub struct Admitted<T> {
    /// In a box, because each future through which it passes reserves space for it.
    pub(super) parts: Box<Parts<T>>,
}

pub(super) struct Parts<T> {
    pub(super) transport: T,
    pub(super) entrance: Entrance,
    /// The peer as it is known now, without its place.
    pub(super) start: Arc<Peer>,
    pub(super) place: Place,
    /// Stopped by the service to end this connection.
    pub(super) end: Stop,
    pub(super) opened: Instant,
    /// A handshake that fails takes the transport and its clock along.
    pub(super) begun: StdInstant,
    /// Its entry among the sessions of its listener.
    entered: Option<Entered>,
}

impl<T> Parts<T> {
    /// Takes them out of their box, which is freed. Moved out of it one by one, they would leave it until the end of the
    /// function.
    #[expect(clippy::boxed_local, reason = "the box ends here")]
    pub(super) fn unboxed(self: Box<Self>) -> Self {
        *self
    }
}

/// Asks the service whether it accepts a connection. Returns `None` if it does not: the client was told why, the
/// connection is closed, and the service was told how it ended.
///
/// This does not wait, because nothing was sent on the connection before.
pub async fn admit<T: Transport, S: Service>(
    transport: T,
    entrance: Entrance,
    peer: Peer,
    service: &S,
) -> Option<Admitted<T>> {
    let (opened, begun, end) = (transport.now(), StdInstant::now(), Stop::new());
    let start = Arc::new(Peer { place: Place::none(), ..peer });
    let telling = Telling::new(service, Arc::clone(&start), begun, None);
    let place = catch_unwind(AssertUnwindSafe(|| service.accept(&start, &end)));
    let (rejection, panicked) = match place {
        Ok(Ok(place)) => {
            telling.leave();
            let parts = Parts { transport, entrance, start, place, end, opened, begun, entered: None };
            return Some(Admitted { parts: Box::new(parts) });
        }
        Ok(Err(rejection)) => (rejection, false),
        Err(_) => (Rejection::temporary("internal error"), true),
    };
    turn_away(transport, entrance, &rejection).await;
    if panicked {
        telling.panicked();
    } else {
        telling.tell_of_start(&SessionReport::unserved(Close::Refused, None, begun.elapsed()));
    }
    None
}

impl<T: Transport> Admitted<T> {
    /// Returns the switch with which the service ends this connection; see [`Service::accept`]. If reads block, shut
    /// down the socket when it is stopped.
    #[must_use]
    pub const fn end(&self) -> &Stop {
        &self.parts.end
    }

    /// Adds this connection to these sessions until it is served or dropped.
    pub fn among(mut self, sessions: &Sessions) -> Self {
        self.parts.entered = Some(sessions.enter(Arc::clone(&self.parts.start), self.parts.begun));
        self
    }

    /// Serves the connection until it ends. A connection that is to be [taken
    /// over](crate::backend::Admission::TakeOver) is closed.
    ///
    /// When this returns, the maildrop is released, the transport is closed, and the service was told how the
    /// session ended. The service is also told if the future is dropped after it was polled; see
    /// [`into_task`](Self::into_task) for one that may be dropped before. A panic of the service
    /// or its backend ends only this session. A [cut](Stop) also ends it, whatever it is waiting for, except for a
    /// call that blocks the thread.
    pub async fn serve<S: Service>(self, service: &S, stop: &Stop) {
        self.serve_or_hand_over(service, stop, async |taken| drop(taken)).await;
    }

    /// Serves the connection until it ends, or until a login is answered with
    /// [`Admission::TakeOver`](crate::backend::Admission::TakeOver). In that case the future of `take_over`
    /// continues with the connection.
    ///
    /// When that future is done, the service is told about the end with [`Close::TakenOver`]. The future is dropped
    /// when the service [ends](Service::accept) the connection, and at the [cut](Stop). It must itself notice an
    /// earlier stop.
    ///
    /// As with [`serve`](Self::serve), the service is not told if the future that this returns is dropped before it
    /// was polled. [`into_task`](Self::into_task) returns one that may be dropped at any time.
    pub async fn serve_or_hand_over<S: Service, F: Future<Output = ()>>(
        mut self,
        service: &S,
        stop: &Stop,
        take_over: impl FnOnce(TakenOver<T, S::Backend>) -> F,
    ) {
        let parts = &mut self.parts;
        let (begun, end) = (parts.begun, parts.end.clone());
        let telling = Telling::new(service, Arc::clone(&parts.start), begun, parts.entered.take());
        // The cut of the server also ends this session.
        let _cut = stop.link(&end);
        let serving = boxed(|| async {
            let Served { mut outcome, taken } = serve_to_end(self.parts, service, stop).await;
            if let Some(taken) = taken {
                // Keep the place even if the relay drops the peer.
                let _place = taken.peer.place.clone();
                // In a box, because few connections are taken over.
                let _ = boxed(|| end.before(take_over(*taken))).await;
                outcome.1.duration = begun.elapsed();
            }
            outcome
        });
        let served = {
            let serving = pin!(end.watched(serving));
            caught(serving).await
        };
        match served {
            Ok(outcome) => telling.tell(&outcome.0, &outcome.1),
            Err(_) => telling.panicked(),
        }
    }

    /// Closes a connection that nothing has served, and tells the service.
    pub(super) fn dropped<S: Service>(mut self, service: &S) {
        // Its own drop makes the report, when the place is free.
        let parts = &mut self.parts;
        let _telling = Telling::new(service, Arc::clone(&parts.start), parts.begun, parts.entered.take());
        drop(self);
    }

    /// Turns the connection away after all. The client is told why, and the service is told how the connection ended.
    /// Use it in accept loops that cannot start a thread.
    pub async fn turn_away<S: Service>(mut self, service: &S, rejection: &Rejection) {
        let parts = &mut self.parts;
        // The place is free when the service is told.
        let telling = Telling::new(service, Arc::clone(&parts.start), parts.begun, parts.entered.take());
        let Parts { transport, entrance, place, begun, .. } = self.parts.unboxed();
        turn_away(transport, entrance, rejection).await;
        drop(place);
        telling.tell_of_start(&SessionReport::unserved(Close::Refused, None, begun.elapsed()));
    }
}

impl<T> fmt::Debug for Admitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("peer", &self.parts.start).finish_non_exhaustive()
    }
}
