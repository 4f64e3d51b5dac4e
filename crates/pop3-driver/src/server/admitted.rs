//! Connections that were let in, and are to be served.

use core::fmt;
use core::future::Future;
use std::time::Instant as StdInstant;

use pop3_proto::server::Close;
use pop3_proto::{Instant, Rejection};

use super::sessions::Entered;
use super::telling::Telling;
use super::{Entrance, Peer, Report, Served, Service, Sessions, TakenOver, serve_to_end, turn_away};
use crate::panics::caught;
use crate::stop::Stop;
use crate::transport::Transport;

/// A connection that the service has let in.
///
/// Accept loops ask the service by [`admit`] before they start a task or a thread, so that no more
/// connections are open at any time than the service has places for, however fast they come.
#[must_use = "it is to be served"]
pub struct Admitted<T> {
    pub(super) transport: T,
    pub(super) entrance: Entrance,
    pub(super) peer: Peer,
    /// Thrown by the service when this connection is to end.
    pub(super) end: Stop,
    pub(super) opened: Instant,
    /// A handshake that fails takes the transport and its clock along.
    pub(super) begun: StdInstant,
    /// Its entry among the sessions of its listener.
    pub(super) entered: Option<Entered>,
}

/// Asks the service whether it has a place for a connection. One that it has none for is told so and closed, and
/// the service hears of its end: that takes no time, as nothing was sent on it before.
pub async fn admit<T: Transport, S: Service>(
    transport: T,
    entrance: Entrance,
    mut peer: Peer,
    service: &S,
) -> Option<Admitted<T>> {
    let (opened, begun, end) = (transport.now(), StdInstant::now(), Stop::new());
    let telling = Telling::new(service, &peer, begun, None);
    let place = caught(async { service.accept(&peer, &end) }).await;
    let (rejection, panicked) = match place {
        Ok(Ok(place)) => {
            telling.leave();
            peer.place = place;
            return Some(Admitted { transport, entrance, peer, end, opened, begun, entered: None });
        }
        Ok(Err(rejection)) => (rejection, false),
        Err(_) => (Rejection::temporary("internal error"), true),
    };
    turn_away(transport, entrance, &rejection).await;
    if panicked {
        telling.panicked();
    } else {
        telling.tell_of_start(&Report::unserved(Close::Refused, None, begun.elapsed()));
    }
    None
}

impl<T: Transport> Admitted<T> {
    /// The switch by which the service ends this connection, see [`Service::accept`]. Where reading blocks,
    /// have the socket shut down when it is thrown.
    #[must_use]
    pub const fn end(&self) -> &Stop {
        &self.end
    }

    /// Counts this connection among these sessions, until it is served or dropped.
    pub fn among(mut self, sessions: &Sessions) -> Self {
        self.entered = Some(sessions.enter(&self.peer, self.begun));
        self
    }

    /// Serves the connection to its end. A connection that is to be [taken over](crate::backend::Admission::TakeOver) is
    /// closed.
    ///
    /// When this returns, the maildrop is released and the transport is closed. The service was told how the
    /// session ended, also if the future is dropped, once it was polled. A panic of the service or of its backend ends this session
    /// only: it goes no further than here. The [cut](Stop) of the switch ends it, too, whatever it waits for; only
    /// what blocks the thread is not ended by that.
    pub async fn serve<S: Service>(self, service: &S, stop: &Stop) {
        self.serve_or_hand_over(service, stop, async |taken| drop(taken)).await;
    }

    /// Serves the connection to its end, or to a login that is answered by
    /// [`Admission::TakeOver`](crate::backend::Admission::TakeOver): then the future of `take_over` goes on with it.
    ///
    /// The service is told of the end when that future is done, with
    /// [`Close::TakenOver`]. The future is dropped when the service [ends](Service::accept) the connection, and at
    /// the [cut](Stop) of the switch; that the switch is thrown is for it to notice.
    pub async fn serve_or_hand_over<S: Service, F: Future<Output = ()>>(
        mut self,
        service: &S,
        stop: &Stop,
        take_over: impl FnOnce(TakenOver<T, S::Backend>) -> F,
    ) {
        let (begun, end) = (self.begun, self.end.clone());
        let telling = Telling::new(service, &self.peer, begun, self.entered.take());
        // What ends one session ends all of them.
        let _cut = stop.on_cut({
            let end = end.clone();
            move || end.stop()
        });
        // Apart from what holds it: each future around it would have room for it twice.
        let serving = Box::pin(serve_to_end(self, service, stop));
        let served = caught(async {
            let Served { peer, mut report, taken } = serving.await;
            if let Some(taken) = taken {
                // A relay that takes apart what it gets drops the peer, and is served all the same.
                let _place = taken.peer.place.clone();
                let _ = end.before(take_over(taken)).await;
                report.duration = begun.elapsed();
            }
            (peer, report)
        });
        match served.await {
            Ok((peer, report)) => telling.tell(&peer, &report),
            Err(_) => telling.panicked(),
        }
    }

    /// Does not serve the connection after all: its client is told why not, and the service how it ended. This is
    /// for accept loops that can't get a thread for it.
    pub async fn turn_away<S: Service>(mut self, service: &S, rejection: &Rejection) {
        // Before the peer, to be dropped after it: its place is free when the service is told.
        let telling = Telling::new(service, &self.peer, self.begun, self.entered.take());
        let Self { transport, entrance, peer, begun, .. } = self;
        turn_away(transport, entrance, rejection).await;
        drop(peer);
        telling.tell_of_start(&Report::unserved(Close::Refused, None, begun.elapsed()));
    }
}

impl<T> fmt::Debug for Admitted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("peer", &self.peer).finish_non_exhaustive()
    }
}
