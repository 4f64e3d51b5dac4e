//! An asynchronous store, and a policy that records calls.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use pop3_driver::Stop;
use pop3_driver::backend::{Admission, Backend, Context as CallContext, LoginAttempt, StoredMessage};
use pop3_driver::server::{Entrance, Peer, Service, SessionReport, Welcome, serve};
use pop3_proto::server::{Close, Extent, ServerConfig, SessionTotals};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_tests::store::Store;

use crate::wire::Wire;

/// Where the store waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Authenticate,
    Fetch,
    Chunk,
    Commit,
}

#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) store: Store,
    /// The store waits there until this is removed.
    pub(crate) waits: Option<Place>,
    /// How many backends were created and not dropped.
    pub(crate) open: usize,
    /// The arguments of the last call.
    pub(crate) context: Option<CallContext>,
    pub(crate) reports: Vec<(Option<String>, Close, Option<String>, SessionTotals)>,
}

/// A policy, its store, and what its sessions did. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    seen: Arc<Mutex<Seen>>,
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) refuses: bool,
    /// Whether a successful login is answered by a take-over.
    pub(crate) hands_over: bool,
}

#[derive(Debug)]
pub(crate) struct Session(Policy);

#[derive(Debug)]
pub(crate) struct Content {
    service: Policy,
    octets: Vec<u8>,
    whole: bool,
    given: usize,
    chunk: usize,
}

impl Policy {
    pub(crate) fn new(store: Store) -> Self {
        let seen = Seen { store, waits: None, open: 0, context: None, reports: Vec::new() };
        Self {
            seen: Arc::new(Mutex::new(seen)),
            config: Arc::new(ServerConfig::default()),
            refuses: false,
            hands_over: false,
        }
    }

    pub(crate) fn waiting(self, place: Place) -> Self {
        self.seen().waits = Some(place);
        self
    }

    pub(crate) fn with_config(self, config: ServerConfig) -> Self {
        Self { config: config.into(), ..self }
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no panic in the store")
    }

    /// Serves a connection, which must not have to wait.
    pub(crate) fn serve(&self, wire: &Wire) {
        self.serve_with(wire, &Stop::new());
    }

    pub(crate) fn serve_with(&self, wire: &Wire, stop: &Stop) {
        let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), self, stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_ready(), "nothing is waited for");
    }

    /// The only report.
    pub(crate) fn report(&self) -> (Option<String>, Close, Option<String>, SessionTotals) {
        let mut seen = self.seen();
        assert_eq!((seen.reports.len(), seen.open), (1, 0));
        seen.reports.remove(0)
    }

    async fn pass(&self, place: Place) {
        poll_fn(|_| if self.seen().waits == Some(place) { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

pub(crate) fn peer() -> Peer {
    let address = ([127, 0, 0, 1], 1).into();
    Peer::new(address, address)
}

impl Service for Policy {
    type Backend = Session;

    async fn connect(&self, _peer: &Peer) -> Result<Welcome<Session>, Rejection> {
        if self.refuses {
            return Err(Rejection::temporary("too many\r\nconnections"));
        }
        self.seen().open += 1;
        Ok(Welcome::new(Arc::clone(&self.config), Session(self.clone())).with_trusted(true))
    }

    fn ended(&self, _peer: &Peer, report: &SessionReport) {
        let error = report.error.as_ref().map(ToString::to_string);
        self.seen().reports.push((report.user.clone(), report.close, error, report.totals));
    }
}

impl Backend for Session {
    type Message = Content;

    async fn authenticate(
        &mut self,
        attempt: LoginAttempt,
        context: &CallContext,
    ) -> Result<Admission, Rejection> {
        self.0.seen().context = Some(context.clone());
        self.0.pass(Place::Authenticate).await;
        let seen = self.0.seen();
        let store = &seen.store;
        if attempt.name != store.name || !attempt.prove(&store.password) {
            return Err(Rejection::credentials());
        }
        let accepted = store.accept()?;
        Ok(if self.0.hands_over { Admission::TakeOver } else { accepted.into() })
    }

    async fn fetch(
        &mut self,
        message: MessageNumber,
        _extent: Extent,
        context: &CallContext,
    ) -> Result<Content, Rejection> {
        self.0.seen().context = Some(context.clone());
        self.0.pass(Place::Fetch).await;
        let seen = self.0.seen();
        let (octets, whole) = seen.store.fetch(message)?;
        Ok(Content { service: self.0.clone(), octets, whole, given: 0, chunk: seen.store.chunk })
    }

    async fn commit(&mut self, deletions: Deletions, context: &CallContext) -> usize {
        self.0.seen().context = Some(context.clone());
        self.0.pass(Place::Commit).await;
        self.0.seen().store.commit(&deletions)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.0.seen().open -= 1;
    }
}

impl StoredMessage for Content {
    async fn chunk(&mut self) -> io::Result<&[u8]> {
        self.service.pass(Place::Chunk).await;
        let end = self.octets.len().min(self.given + self.chunk);
        let chunk = &self.octets[self.given..end];
        if chunk.is_empty() && !self.whole {
            return Err(io::Error::other("the disk is on fire"));
        }
        self.given = end;
        Ok(chunk)
    }
}
