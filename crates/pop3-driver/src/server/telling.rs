//! Tells the service once how a connection has ended, however it ends.

use core::fmt;
use core::panic::AssertUnwindSafe;
use std::io;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Instant;

use pop3_proto::server::Close;

use super::peer::Peer;
use super::report::SessionReport;
use super::service::Service;
use super::sessions::Entered;

/// The pending report on a connection. If it is dropped, it reports that the connection was dropped.
pub(super) struct Telling<'s, S: Service> {
    service: &'s S,
    /// The client as it was known at the start.
    peer: Arc<Peer>,
    begun: Instant,
    due: bool,
    /// The entry in the sessions of a listener, which may already have reported the end.
    entered: Option<Entered>,
}

impl<'s, S: Service> Telling<'s, S> {
    /// Creates the report of a new connection, which may be in the sessions of a listener. The peer has no place.
    pub(super) const fn new(
        service: &'s S,
        peer: Arc<Peer>,
        begun: Instant,
        entered: Option<Entered>,
    ) -> Self {
        Self { service, peer, begun, due: true, entered }
    }

    /// Cancels the report, because something else will make it.
    pub(super) fn leave(mut self) {
        self.due = false;
    }

    pub(super) fn tell(mut self, peer: &Peer, report: &SessionReport) {
        if self.is_due() && catch_unwind(AssertUnwindSafe(|| self.service.ended(peer, report))).is_err() {
            self.tell_now(&SessionReport::panicked(self.begun.elapsed()));
        }
    }

    /// Like `tell`, for the client as it was known at the start.
    pub(super) fn tell_of_start(self, report: &SessionReport) {
        let peer = Arc::clone(&self.peer);
        self.tell(&peer, report);
    }

    pub(super) fn panicked(mut self) {
        if self.is_due() {
            self.tell_now(&SessionReport::panicked(self.begun.elapsed()));
        }
    }

    /// Returns whether the report is still due.
    fn is_due(&mut self) -> bool {
        core::mem::take(&mut self.due) && self.entered.as_ref().is_none_or(Entered::tell)
    }

    /// Calls the service. A panic of this call can only be reported to the service itself.
    fn tell_now(&self, report: &SessionReport) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.service.ended(&self.peer, report)));
    }
}

impl<S: Service> Drop for Telling<'_, S> {
    fn drop(&mut self) {
        if self.is_due() {
            let dropped = io::Error::other("the future that served the connection was dropped");
            self.tell_now(&SessionReport::unserved(Close::Stopped, Some(dropped), self.begun.elapsed()));
        }
    }
}

impl<S: Service> fmt::Debug for Telling<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telling").field("peer", &self.peer).field("due", &self.due).finish_non_exhaustive()
    }
}
