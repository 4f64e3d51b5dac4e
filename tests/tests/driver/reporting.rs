//! What the service is told about each connection, and that it is told about every one.

use core::future::{pending, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex};

use pop3_driver::server::{
    Entrance, Peer, Place, Service, SessionId, SessionReport, Sessions, WELCOME_TIMEOUT, Welcome, admit,
    serve,
};
use pop3_driver::{LoginMethod, Stop};
use pop3_proto::Rejection;
use pop3_proto::server::Close;
use pop3_sasl::Mechanism;
use pop3_tests::store::Store;

use crate::store::{Policy, Session, peer};
use crate::wire::{Incoming, Wire};

/// What a policy does when it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Welcomes,
    Refuses,
    Panics,
    /// It admits the connection at the second poll.
    Awaits,
    Hangs,
}

type Told = (SessionId, Close, Option<String>, bool);

struct House {
    policy: Policy,
    accepting: Does,
    connecting: Does,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Service for House {
    type Backend = Session;

    fn accept(&self, _peer: &Peer, _end: &Stop) -> Result<Place, Rejection> {
        match self.accepting {
            Does::Refuses => Err(Rejection::temporary("no place")),
            Does::Panics => panic!("a panic on purpose"),
            Does::Welcomes | Does::Awaits | Does::Hangs => Ok(Place::none()),
        }
    }

    async fn connect(&self, peer: &Peer) -> Result<Welcome<Session>, Rejection> {
        match self.connecting {
            Does::Welcomes => {}
            Does::Refuses => return Err(Rejection::temporary("not you")),
            Does::Panics => panic!("a panic on purpose"),
            Does::Awaits => {
                let mut polls = 0;
                poll_fn(|context| {
                    polls += 1;
                    context.waker().wake_by_ref();
                    if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
            Does::Hangs => pending().await,
        }
        self.policy.connect(peer).await
    }

    fn ended(&self, peer: &Peer, report: &SessionReport) {
        let error = report.error.as_ref().map(ToString::to_string);
        assert_eq!(peer.place, Place::none());
        self.told.lock().unwrap().push((peer.session, report.close, error, report.panicked));
    }
}

impl House {
    fn new(accepting: Does, connecting: Does) -> Self {
        Self { policy: Policy::new(Store::fixture()), accepting, connecting, told: Arc::default() }
    }

    /// The only report, about this session.
    fn told(&self, session: SessionId) -> (Close, Option<String>, bool) {
        let mut told = self.told.lock().unwrap();
        assert_eq!((told.len(), told[0].0), (1, session), "{told:?}");
        let (_, close, error, panicked) = told.remove(0);
        (close, error, panicked)
    }
}

#[test]
fn each_connection_is_told_of_once_however_it_ends() {
    for (accepting, connecting, said, told) in [
        (Does::Welcomes, Does::Welcomes, "+OK", (Close::PeerClosed, None, false)),
        (Does::Refuses, Does::Welcomes, "-ERR [SYS/TEMP] no place\r\n", (Close::Refused, None, false)),
        (Does::Welcomes, Does::Refuses, "-ERR [SYS/TEMP] not you\r\n", (Close::Refused, None, false)),
        (
            Does::Panics,
            Does::Welcomes,
            "-ERR [SYS/TEMP] internal error\r\n",
            (Close::Stopped, Some("internal error: the session panicked"), true),
        ),
        (
            Does::Welcomes,
            Does::Panics,
            "",
            (Close::Stopped, Some("internal error: the session panicked"), true),
        ),
    ] {
        let house = House::new(accepting, connecting);
        let (wire, peer) = (Wire::new([]), peer());
        let session = peer.session;
        pop3_driver::wait(serve(wire.clone(), Entrance::Plain, peer, &house, &Stop::new()));
        assert!(wire.sent().starts_with(said), "{}", wire.sent());
        let (close, error, panicked) = house.told(session);
        assert_eq!((close, error.as_deref(), panicked), told, "{accepting:?} {connecting:?}");
    }
}

#[test]
fn a_connection_that_is_dropped_is_told_of_too() {
    let house = House::new(Does::Welcomes, Does::Welcomes);
    let (wire, peer, stop) = (Wire::new([Incoming::Never]), peer(), Stop::new());
    let session = peer.session;
    {
        let mut serving = pin!(serve(wire.clone(), Entrance::Plain, peer, &house, &stop));
        assert!(serving.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!((house.policy.seen().open, house.told.lock().unwrap().len()), (1, 0));
    }
    assert_eq!(house.policy.seen().open, 0, "the store is free");
    let error = Some("the future that served the connection was dropped".to_owned());
    assert_eq!(house.told(session), (Close::Stopped, error, false));
}

#[test]
fn a_connection_that_is_dropped_before_its_task_runs_is_told_of_too() {
    for listed in [false, true] {
        let house = Arc::new(House::new(Does::Welcomes, Does::Welcomes));
        let (wire, peer, sessions) = (Wire::new([Incoming::Never]), peer(), Sessions::new());
        let session = peer.session;
        let admitted = pop3_driver::wait(admit(wire, Entrance::Plain, peer, &*house)).expect("a place");
        let admitted = if listed { admitted.among(&sessions) } else { admitted };
        let task = admitted.into_task(Arc::clone(&house), Stop::new(), async |taken| drop(taken));
        assert_eq!(house.told.lock().unwrap().len(), 0);
        drop(task);
        let error = Some("the future that served the connection was dropped".to_owned());
        assert_eq!(house.told(session), (Close::Stopped, error, false));
    }
}

#[test]
fn a_task_that_runs_is_told_of_once() {
    let house = Arc::new(House::new(Does::Welcomes, Does::Welcomes));
    let (wire, peer) = (Wire::new([]), peer());
    let session = peer.session;
    let admitted = pop3_driver::wait(admit(wire, Entrance::Plain, peer, &*house)).expect("a place");
    pop3_driver::wait(admitted.into_task(Arc::clone(&house), Stop::new(), async |taken| drop(taken)));
    assert_eq!(house.told(session), (Close::PeerClosed, None, false));
}

#[test]
fn who_finds_no_thread_for_a_connection_turns_it_away() {
    let house = House::new(Does::Welcomes, Does::Welcomes);
    let (wire, peer) = (Wire::new([]), peer());
    let session = peer.session;
    let admitted = pop3_driver::wait(admit(wire.clone(), Entrance::Plain, peer, &house)).expect("a place");
    pop3_driver::wait(admitted.turn_away(&house, &Rejection::temporary("no thread")));
    assert_eq!(wire.sent(), "-ERR [SYS/TEMP] no thread\r\n");
    assert!(wire.state().closed);
    assert_eq!(house.told(session), (Close::Refused, None, false));
}

#[test]
fn a_service_may_await_who_is_welcome_but_not_for_ever() {
    let house = House::new(Does::Welcomes, Does::Awaits);
    let wire = Wire::new(["USER mrose\r\nPASS tanstaaf\r\nQUIT\r\n".into()]);
    let (peer, stop) = (peer(), Stop::new());
    let session = peer.session;
    // In memory, time passes as soon as a task waits for it.
    wire.state().pauses_pend = true;
    pop3_driver::wait(serve(wire.clone(), Entrance::Plain, peer, &house, &stop));
    assert!(wire.sent().ends_with("+OK bye\r\n"), "{}", wire.sent());
    assert_eq!(house.told(session), (Close::Quit, None, false));

    let house = House::new(Does::Welcomes, Does::Hangs);
    let (wire, peer) = (Wire::new([]), crate::store::peer());
    let session = peer.session;
    pop3_driver::wait(serve(wire.clone(), Entrance::Plain, peer, &house, &stop));
    assert_eq!(wire.state().pauses, [WELCOME_TIMEOUT]);
    assert_eq!(wire.sent(), "-ERR [SYS/TEMP] the server is not ready, try again later\r\n");
    let error = Some("the service took too long to admit a client".to_owned());
    assert_eq!(house.told(session), (Close::Refused, error, false));

    // The shutdown of the server does not wait for it.
    let house = House::new(Does::Welcomes, Does::Hangs);
    let (wire, peer) = (Wire::new([]), crate::store::peer());
    let session = peer.session;
    wire.state().pauses_pend = true;
    let mut serving = pin!(serve(wire.clone(), Entrance::Plain, peer, &house, &stop));
    let mut context = Context::from_waker(Waker::noop());
    assert!(serving.as_mut().poll(&mut context).is_pending());
    stop.stop();
    assert!(serving.as_mut().poll(&mut context).is_ready());
    assert_eq!((house.told(session), wire.sent().as_str()), ((Close::Stopped, None, false), ""));
}

#[test]
fn the_report_says_how_the_user_has_logged_in() {
    let methods = [LoginMethod::User, LoginMethod::Apop, LoginMethod::Auth(Mechanism::ScramSha256)];
    assert_eq!(methods.map(LoginMethod::name), ["USER", "APOP", "SCRAM-SHA-256"]);
    assert_eq!(methods.map(|method| method.to_string()), ["USER and PASS", "APOP", "SCRAM-SHA-256"]);
}
