//! A store that does not answer in time. The client is told so where possible, and is told nothing untrue.

use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use pop3_driver::Stop;
use pop3_driver::server::{Entrance, serve};
use pop3_proto::server::{Close, Limits, ServerConfig};
use pop3_tests::configured;
use pop3_tests::store::Store;

use crate::store::{Place, Policy, peer};
use crate::wire::{Incoming, Wire};

const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";
const TOO_LATE: &str = "-ERR [SYS/TEMP] the mail store is not responding, try again later\r\n";

/// A policy whose store hangs at this place, and is given up after 10 seconds.
fn hanging(place: Place) -> Policy {
    let config = configured::<ServerConfig>(|it| it.limits.store_timeout = Duration::from_secs(10));
    Policy::new(Store::fixture()).with_config(config).waiting(place)
}

/// From here on, the store answers.
fn recovers(policy: &Policy) -> Incoming {
    let policy = policy.clone();
    Incoming::Do(Box::new(move || policy.seen().waits = None))
}

#[test]
fn a_login_is_refused_for_now_and_may_be_tried_again() {
    let policy = hanging(Place::Authenticate);
    let wire = Wire::new([
        LOGIN.into(),
        // The deadline of the store.
        Incoming::Silence,
        recovers(&policy),
        LOGIN.into(),
        "STAT\r\nQUIT\r\n".into(),
    ]);
    policy.serve(&wire);
    let said = wire.sent();
    assert!(said.contains(TOO_LATE) && said.contains("+OK maildrop"), "{said}");
    assert!(policy.seen().context.as_ref().unwrap().is_gone(), "nobody waits for a call that is over");
    let (user, close, error, totals) = policy.report();
    // This does not count as a failed login.
    assert_eq!((user.as_deref(), close, error, totals.failed_logins), (Some("mrose"), Close::Quit, None, 0));
}

#[test]
fn a_login_is_answered_although_its_time_is_over_with_that_of_the_connection() {
    // The default is 60 seconds for both.
    let policy = Policy::new(Store::fixture()).waiting(Place::Authenticate);
    let wire = Wire::new([LOGIN.into(), Incoming::Silence]);
    policy.serve(&wire);
    assert!(wire.sent().ends_with(TOO_LATE), "{}", wire.sent());
    let (user, close, error, _) = policy.report();
    assert_eq!((user, close), (None, Close::TimedOut));
    assert_eq!(error.as_deref(), Some("a login: the store did not answer in time"));
}

#[test]
fn a_message_that_can_not_be_opened_is_refused_and_the_session_goes_on() {
    let policy = hanging(Place::Fetch);
    let wire = Wire::new([
        LOGIN.into(),
        "RETR 2\r\n".into(),
        Incoming::Silence,
        recovers(&policy),
        "RETR 2\r\nQUIT\r\n".into(),
    ]);
    policy.serve(&wire);
    let said = wire.sent();
    assert!(said.contains(TOO_LATE) && said.contains("\r\nend\r\n.\r\n"), "{said}");
    let (_, close, error, totals) = policy.report();
    assert_eq!((close, error, totals.retrieved), (Close::Quit, None, 1));
}

#[test]
fn a_message_that_stops_has_no_end() {
    let policy = hanging(Place::Chunk);
    let wire = Wire::new([LOGIN.into(), "DELE 1\r\nRETR 2\r\nQUIT\r\n".into(), Incoming::Silence]);
    policy.serve(&wire);
    let said = wire.sent();
    assert!(
        said.lines().last().is_some_and(|line| line.starts_with("+OK")) && !said.contains("\r\n.\r\n"),
        "{said}"
    );
    let (_, close, error, totals) = policy.report();
    assert_eq!((close, totals.retrieved, totals.removed), (Close::BrokenMessage, 0, 0));
    assert_eq!(error.as_deref(), Some("reading a message: the store did not answer in time"));
    assert_eq!(policy.seen().store.messages.len(), 3);
}

#[test]
fn of_a_commit_that_hangs_nobody_says_how_it_went() {
    let policy = hanging(Place::Commit);
    let wire = Wire::new([LOGIN.into(), "DELE 1\r\nDELE 2\r\nQUIT\r\n".into(), Incoming::Silence]);
    policy.serve(&wire);
    let said = wire.sent();
    assert!(
        said.ends_with("-ERR [SYS/TEMP] the removal has not finished, check which messages are left\r\n"),
        "{said}"
    );
    let (_, close, error, totals) = policy.report();
    assert_eq!((close, totals.removed, totals.not_removed, totals.unconfirmed), (Close::Quit, 0, 0, 2));
    assert_eq!(error.as_deref(), Some("removing messages: the store did not answer in time"));
}

#[test]
fn who_is_lost_is_not_waited_for_but_a_commit_is() {
    let fault = || Incoming::Fault(std::io::ErrorKind::ConnectionReset);
    for (place, command) in [
        (Place::Authenticate, LOGIN.to_owned()),
        (Place::Fetch, format!("{LOGIN}RETR 1\r\n")),
        (Place::Chunk, format!("{LOGIN}RETR 1\r\n")),
    ] {
        let policy = hanging(place);
        policy.serve(&Wire::new([command.as_str().into(), fault()]));
        let (_, close, error, _) = policy.report();
        assert_eq!((close, error.is_some()), (Close::PeerClosed, true), "{place:?}");
        assert!(policy.seen().context.as_ref().unwrap().is_gone());
    }
    let policy = hanging(Place::Commit);
    // The store finishes at the moment at which the connection is lost.
    policy.serve(&Wire::new([LOGIN.into(), "DELE 1\r\nQUIT\r\n".into(), recovers(&policy), fault()]));
    let (_, close, _, totals) = policy.report();
    assert_eq!((close, totals.removed), (Close::Quit, 1));
    assert_eq!(policy.seen().store.messages.len(), 2);
}

#[test]
fn what_comes_meanwhile_is_kept_and_an_end_is_told() {
    let policy = hanging(Place::Authenticate);
    let (told, kept) = (policy.clone(), Arc::new(Mutex::new(None)));
    let keep = Arc::clone(&kept);
    let finished = Incoming::Do(Box::new(move || {
        let context = told.seen().context.clone().unwrap();
        assert!(!context.is_gone() && !context.has_finished());
        *keep.lock().unwrap() = Some(context);
        told.seen().waits = None;
    }));
    let commands = ["STAT\r\nRETR 2\r\nQU".into(), "IT\r\n".into()];
    let wire = Wire::new([LOGIN.into()].into_iter().chain(commands).chain([finished, "".into()]));
    policy.serve(&wire);
    assert!(wire.sent().contains("\r\n+OK 3 ") && wire.sent().ends_with("+OK bye\r\n"), "{}", wire.sent());
    assert!(kept.lock().unwrap().as_ref().unwrap().has_finished(), "the end behind it was seen");
    assert!(policy.seen().context.as_ref().unwrap().has_finished(), "RETR begins behind it");
    assert_eq!(policy.report().1, Close::Quit);
}

#[test]
fn of_what_comes_meanwhile_no_more_is_kept_than_the_buffer_holds() {
    const OCTETS: usize = 1 << 20;
    let policy = hanging(Place::Authenticate);
    let flood = Incoming::Octets(b"NOOP\r\n".iter().copied().cycle().take(OCTETS).collect());
    let wire = Wire::new([LOGIN.into(), flood, Incoming::Never]);
    wire.state().pauses_pend = true;
    let stop = Stop::new();
    let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
    assert!(session.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(policy.seen().context.is_some(), "the store is asked");
    let state = wire.state();
    let Some(Incoming::Octets(left)) = state.incoming.front() else { panic!("all of it was read") };
    let read = OCTETS - left.len();
    assert!((1..=Limits::default().command_line.max(2048)).contains(&read), "{read} octets were read");
}

#[test]
fn whatever_a_session_waits_for_a_cut_ends_it() {
    for (place, command) in [
        (Place::Authenticate, LOGIN.to_owned()),
        (Place::Fetch, format!("{LOGIN}RETR 1\r\n")),
        (Place::Chunk, format!("{LOGIN}RETR 1\r\n")),
        (Place::Commit, format!("{LOGIN}DELE 1\r\nQUIT\r\n")),
    ] {
        let policy = hanging(place);
        let wire = Wire::new([command.as_str().into(), Incoming::Never]);
        let stop = Stop::with_grace(Duration::from_secs(3600));
        let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_pending(), "{place:?}");
        stop.stop();
        assert!(session.as_mut().poll(&mut context).is_pending(), "{place:?}: who is busy may go on");
        let told = policy.seen().context.clone().unwrap();
        assert!(!told.is_gone());
        stop.cut();
        assert!(session.as_mut().poll(&mut context).is_ready(), "{place:?}");
        assert!(told.is_gone());
        let (_, close, error, totals) = policy.report();
        assert_eq!((close, totals.removed), (Close::Stopped, 0), "{place:?}");
        assert_eq!(error.as_deref(), Some("still busy when the grace period of the shutdown ended"));
        assert!(!wire.sent().contains("-ERR") && !wire.sent().contains("\r\n.\r\n"), "{}", wire.sent());
    }
}
