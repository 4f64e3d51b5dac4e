//! Sessions that the service ends: they do nothing more.

use core::pin::pin;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Context, Waker};
use std::sync::{Arc, Mutex};

use pop3_driver::server::{Entrance, Peer, Place, Service, SessionReport, TakenOver, Welcome, admit, serve};
use pop3_driver::{Stop, wait};
use pop3_proto::Rejection;
use pop3_proto::server::{Close, ServerConfig};
use pop3_tests::configured;
use pop3_tests::store::Store;

use crate::store::{self, Policy, Session, peer};
use crate::wire::{Incoming, Wire};

/// A policy that keeps the stop switch and a value for each connection.
struct Keeper {
    policy: Policy,
    ends: Arc<Mutex<Vec<Stop>>>,
    kept: Arc<()>,
    proxy: bool,
    /// How often it says how to serve a connection. After that it never answers.
    answers: usize,
    asked: AtomicUsize,
}

impl Service for Keeper {
    type Backend = Session;

    fn accept(&self, _peer: &Peer, end: &Stop) -> Result<Place, Rejection> {
        self.ends.lock().unwrap().push(end.clone());
        Ok(Place::new(Arc::new(Arc::clone(&self.kept))))
    }

    fn expects_proxy(&self, _peer: &Peer) -> bool {
        self.proxy
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Session>, Rejection> {
        assert!(peer.place.get::<Arc<()>>().is_some() && peer.place.get::<u8>().is_none());
        if self.asked.fetch_add(1, Ordering::Relaxed) == self.answers {
            core::future::pending::<()>().await;
        }
        Ok(self.policy.connect(peer).await?.with_trusted_proxy(true))
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        assert_eq!((Arc::strong_count(&self.kept), &peer.place), (1, &Place::none()), "the place is free");
        self.policy.ended(peer, report);
    }
}

impl Keeper {
    fn new(policy: Policy) -> Self {
        let (ends, kept, asked) = (Arc::default(), Arc::default(), AtomicUsize::new(0));
        Self { policy, ends, kept, proxy: false, answers: usize::MAX, asked }
    }

    fn throw(&self) -> Incoming {
        let ends = Arc::clone(&self.ends);
        Incoming::Do(Box::new(move || ends.lock().unwrap()[0].stop()))
    }

    /// Serves, and stops the session where it waits, if it does.
    fn serve(&self, wire: &Wire) {
        let stop = Stop::new();
        let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), self, &stop));
        let mut context = Context::from_waker(Waker::noop());
        if session.as_mut().poll(&mut context).is_pending() {
            self.ends.lock().unwrap()[0].stop();
            assert!(session.as_mut().poll(&mut context).is_ready());
        }
        let (user, close, error, totals) = self.policy.report();
        assert_eq!((user, close, totals.removed), (None, Close::Evicted, 0));
        assert_eq!((error, close.to_string().as_str()), (None, "closed to make room for another connection"));
        assert!(!wire.state().closed, "there is no farewell");
    }
}

const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";

#[test]
fn it_ends_wherever_it_waits() {
    let mut tls = ServerConfig::default();
    tls.starttls = true;
    for (policy, said) in [
        (Policy::new(Store::fixture()), ""),
        (Policy::new(Store::fixture()), "USER mrose\r\nPASS tans"),
        (Policy::new(Store::fixture()).with_config(tls), "STLS\r\n"),
        (Policy::new(Store::fixture()).waiting(store::Place::Authenticate), LOGIN),
    ] {
        let said = Some(Incoming::from(said)).filter(|_| !said.is_empty());
        Keeper::new(policy).serve(&Wire::new(said.into_iter().chain([Incoming::Never])));
    }
    // Before a proxy has sent the address of its client.
    let keeper = Keeper { proxy: true, ..Keeper::new(Policy::new(Store::fixture())) };
    keeper.serve(&Wire::new([Incoming::from("PROXY TCP4 1"), Incoming::Never]));
}

#[test]
fn what_was_sent_before_is_not_begun() {
    let keeper = Keeper::new(Policy::new(Store::fixture()));
    let wire = Wire::new([keeper.throw(), LOGIN.into(), "DELE 1\r\nQUIT\r\n".into()]);
    keeper.serve(&wire);
    assert_eq!(wire.sent().lines().count(), 1, "{}", wire.sent());
    assert_eq!(keeper.policy.seen().store.messages.len(), 3);
}

/// A read that blocks ends with an error, or as if the client had gone, when the switch is thrown.
#[test]
fn what_the_switch_does_to_a_read_is_not_told() {
    use std::io::ErrorKind::{ConnectionReset, TimedOut};
    for behind in [None, Some(ConnectionReset), Some(TimedOut)] {
        let keeper = Keeper::new(Policy::new(Store::fixture()));
        let script = [Incoming::from("USER mrose\r\n"), keeper.throw()];
        keeper.serve(&Wire::new(script.into_iter().chain(behind.map(Incoming::Fault))));
    }
}

#[test]
fn a_panic_is_told_though_the_session_was_to_end() {
    let keeper = Keeper::new(Policy::new(Store::fixture()));
    let panics = Incoming::Do(Box::new(|| panic!("within a session that was thrown out")));
    let wire = Wire::new([LOGIN.into(), keeper.throw(), panics]);
    wait(serve(wire.clone(), Entrance::Plain, peer(), &keeper, &Stop::new()));
    let (_, close, error, _) = keeper.policy.report();
    assert_eq!((close, error.as_deref()), (Close::Stopped, Some("internal error: the session panicked")));
}

#[test]
fn nothing_is_said_where_the_service_is_asked_again() {
    for (answers, said, replies) in
        [(0, "", 0), (1, "XCLIENT ADDR=192.0.2.7\r\n", 1), (2, "XCLIENT ADDR=192.0.2.7\r\nSTLS\r\n", 3)]
    {
        let policy =
            Policy::new(Store::fixture()).with_config(configured::<ServerConfig>(|it| it.starttls = true));
        let keeper = Keeper { answers, ..Keeper::new(policy) };
        let wire = Wire::new([said.into(), "ClientHello".into()]);
        wire.state().pauses_pend = true;
        keeper.serve(&wire);
        assert_eq!((wire.lines().len(), wire.sent().contains("-ERR")), (replies, false), "{}", wire.sent());
    }
}

#[test]
fn a_relay_keeps_the_place_whatever_it_keeps() {
    let mut policy = Policy::new(Store::fixture());
    policy.hands_over = true;
    let keeper = Keeper::new(policy);
    let admitted = wait(admit(Wire::new([LOGIN.into()]), Entrance::Plain, peer(), &keeper)).unwrap();
    let stop = Stop::new();
    // The block owns the transport and nothing else.
    let relay = |taken: TakenOver<Wire, Session>| async move {
        let _transport = taken.transport;
        core::future::pending().await
    };
    let mut session = pin!(admitted.serve_or_hand_over(&keeper, &stop, relay));
    let mut context = Context::from_waker(Waker::noop());
    assert!(session.as_mut().poll(&mut context).is_pending());
    assert_eq!(Arc::strong_count(&keeper.kept), 2);
    keeper.ends.lock().unwrap()[0].stop();
    assert!(session.as_mut().poll(&mut context).is_ready());
    assert_eq!(keeper.policy.report().1, Close::TakenOver);
}

#[test]
fn who_is_turned_away_has_no_place_when_that_is_told() {
    let keeper = Keeper::new(Policy::new(Store::fixture()));
    let wire = Wire::new([]);
    wire.state().close_pends = true;
    let admitted = wait(admit(wire, Entrance::Plain, peer(), &keeper)).unwrap();
    let rejection = Rejection::temporary("no thread");
    {
        let mut turned_away = pin!(admitted.turn_away(&keeper, &rejection));
        assert!(turned_away.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(keeper.policy.report().1, Close::Stopped);
}
