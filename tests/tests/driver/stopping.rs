//! Shutdown: a session that waits for its client ends at once, and a busy one ends when it has finished.

use core::pin::pin;
use core::task::{Context, Waker};
use core::time::Duration;

use pop3_driver::Stop;
use pop3_driver::server::{Entrance, serve};
use pop3_proto::server::{Close, ServerConfig};
use pop3_tests::configured;
use pop3_tests::store::Store;

use crate::store::{Place, Policy, peer};
use crate::wire::{Incoming, Wire};

const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";

fn throw(stop: &Stop) -> Incoming {
    let stop = stop.clone();
    Incoming::Do(Box::new(move || stop.stop()))
}

#[test]
fn who_waits_for_the_client_ends_at_once() {
    let stop = Stop::new();
    let policy = Policy::new(Store::fixture());
    let wire = Wire::new([LOGIN.into(), "DELE 1\r\n".into(), Incoming::Never]);
    let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
    let mut context = Context::from_waker(Waker::noop());
    assert!(session.as_mut().poll(&mut context).is_pending());
    stop.stop();
    assert!(session.as_mut().poll(&mut context).is_ready());
    assert_eq!(policy.report().1, Close::Stopped);
    assert_eq!(policy.seen().store.messages.len(), 3);
    assert!(wire.state().closed);
}

#[test]
fn who_never_stops_sending_ends_as_well() {
    let stop = Stop::new();
    let policy = Policy::new(Store::fixture());
    let noops = || (0..100).map(|_| Incoming::from("NOOP\r\n"));
    let wire = Wire::new([LOGIN.into()].into_iter().chain(noops()).chain([throw(&stop)]).chain(noops()));
    policy.serve_with(&wire, &stop);
    assert_eq!(policy.report().1, Close::Stopped);
    // One more command was read together with the stop.
    assert_eq!(wire.state().incoming.len(), 99);
    assert_eq!(wire.sent().lines().count(), 103);
}

#[test]
fn a_commit_is_made_and_answered() {
    let stop = Stop::new();
    let policy = Policy::new(Store::fixture()).waiting(Place::Commit);
    let wire = Wire::new([LOGIN.into(), "DELE 1\r\nQUIT\r\n".into()]);
    let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
    let mut context = Context::from_waker(Waker::noop());
    assert!(session.as_mut().poll(&mut context).is_pending());
    stop.stop();
    assert!(session.as_mut().poll(&mut context).is_pending());
    policy.seen().waits = None;
    assert!(session.as_mut().poll(&mut context).is_ready());
    let (_, close, _, totals) = policy.report();
    assert_eq!((close, totals.removed), (Close::Quit, 1));
    assert!(wire.sent().lines().last().is_some_and(|line| line.starts_with("+OK")));
}

// PRS-14
#[test]
fn a_message_is_sent_to_its_end_and_nothing_behind_it() {
    for place in [Place::Fetch, Place::Chunk] {
        let stop = Stop::new();
        let policy = Policy::new(Store::fixture()).waiting(place);
        let wire = Wire::new([LOGIN.into(), "RETR 2\r\nDELE 2\r\nRETR 1\r\nQUIT\r\n".into()]);
        let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_pending());
        stop.stop();
        policy.seen().waits = None;
        assert!(session.as_mut().poll(&mut context).is_ready());
        assert!(wire.sent().ends_with("\r\nend\r\n.\r\n"), "{}", wire.sent());
        let (_, close, _, totals) = policy.report();
        assert_eq!((close, totals.retrieved, totals.removed), (Close::Stopped, 1, 0));
    }
}

#[test]
fn a_handshake_is_not_waited_for() {
    let stop = Stop::new();
    let policy =
        Policy::new(Store::fixture()).with_config(configured::<ServerConfig>(|it| it.starttls = true));
    let wire = Wire::new(["STLS\r\n".into(), Incoming::Never]);
    let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
    let mut context = Context::from_waker(Waker::noop());
    assert!(session.as_mut().poll(&mut context).is_pending());
    stop.stop();
    assert!(session.as_mut().poll(&mut context).is_ready());
    let (_, close, error, _) = policy.report();
    assert_eq!((close, error), (Close::Stopped, None));
}

#[test]
fn who_comes_too_late_is_not_greeted() {
    let stop = Stop::new();
    stop.stop();
    let policy = Policy::new(Store::fixture());
    let wire = Wire::new([LOGIN.into()]);
    policy.serve_with(&wire, &stop);
    assert_eq!(policy.report().1, Close::Stopped);
    assert!(!wire.sent().contains("+OK maildrop"));
}

#[test]
fn a_farewell_is_not_waited_for_beyond_the_cut() {
    for (refuses, close) in [(false, Close::Quit), (true, Close::Refused)] {
        let stop = Stop::with_grace(Duration::from_secs(3600));
        let mut policy = Policy::new(Store::fixture());
        policy.refuses = refuses;
        let wire = Wire::new(["QUIT\r\n".into()]);
        wire.state().close_pends = true;
        let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_pending());
        stop.stop();
        assert!(session.as_mut().poll(&mut context).is_pending());
        stop.cut();
        assert!(session.as_mut().poll(&mut context).is_ready());
        let (_, ended, error, _) = policy.report();
        assert_eq!((ended, error), (close, None));
    }
}
