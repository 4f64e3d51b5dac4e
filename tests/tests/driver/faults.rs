//! Messages that end early, networks that fail, and clients that stop sending.

use core::time::Duration;
use std::io::ErrorKind;

use pop3_proto::server::{Close, Limits, ServerConfig};
use pop3_tests::configured;
use pop3_tests::store::{Fault, Store};

use crate::store::Policy;
use crate::wire::{Incoming, Wire, Writing};

const COMMANDS: &str = "USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\nRETR 2\r\nNOOP\r\nQUIT\r\n";

fn large() -> Store {
    let mut store = Store::with([("a", &b"Subject: a\n\n"[..]), ("b", &b"x".repeat(300_000))]);
    store.chunk = 10_000;
    store
}

// 1939-5.42
#[test]
fn a_message_that_breaks_off_has_no_end_and_nothing_behind_it() {
    for (fault, told) in [
        (Fault::Breaks(12), true),
        (Fault::Breaks(150_000), true),
        (Fault::Breaks(300_000), true),
        (Fault::Short(1), false),
        (Fault::Short(299_999), false),
        (Fault::Long(b"y".to_vec()), false),
        (Fault::Long(b"\r\n.\r\n".repeat(20_000)), false),
    ] {
        let policy = Policy::new(large().with_fault(fault.clone()));
        let wire = Wire::new([COMMANDS.into()]);
        policy.serve(&wire);
        let sent = wire.sent();
        let (_, message) = sent.split_once("+OK 300002 octets\r\n").expect("the message has begun");
        assert!(!message.contains("\r\n.\r\n") && !message.contains("+OK"), "{fault:?}");
        assert!(wire.state().closed);
        let (user, close, error, totals) = policy.report();
        assert_eq!((user.as_deref(), close), (Some("mrose"), Close::BrokenMessage));
        assert_eq!(error.is_some_and(|error| error.contains("the disk is on fire")), told, "{fault:?}");
        assert_eq!((totals.retrieved, totals.removed), (0, 0));
        assert_eq!(policy.seen().store.messages.len(), 2, "nothing is removed");
    }
}

// 1939-3.45
#[test]
fn a_client_that_takes_nothing_any_more_is_left_at_the_deadline() {
    for taken in [0, 10, 100, 5000, 200_000] {
        let policy = Policy::new(large());
        let wire = Wire::new([COMMANDS.into()]);
        wire.state().writing = Writing::StuckAfter(taken);
        policy.serve(&wire);
        assert_eq!(wire.sent().len(), taken);
        let (_, close, error, _) = policy.report();
        assert_eq!((close, error), (Close::TimedOut, None), "after {taken}");
        assert_eq!(policy.seen().store.messages.len(), 2, "nothing is removed");
        let waited = wire.state().now.since(pop3_tests::START);
        let limits = Limits::default();
        assert!(waited == limits.login_timeout || waited == limits.idle_timeout, "{waited:?}");
    }
}

#[test]
fn a_client_that_takes_a_little_at_a_time_is_served() {
    let policy = Policy::new(large());
    let wire = Wire::new([COMMANDS.into()]);
    wire.state().takes = 4096;
    // Each piece takes nearly as long as the idle timeout.
    wire.state().writing = Writing::Takes(Duration::from_secs(20));
    let config = configured::<ServerConfig>(|it| it.limits.idle_timeout = Duration::from_secs(21));
    let policy = policy.with_config(config);
    policy.serve(&wire);
    let (_, close, _, totals) = policy.report();
    assert_eq!((close, totals.retrieved, totals.removed), (Close::Quit, 1, 1));
}

// 1939-6.01
#[test]
fn a_network_that_fails_ends_the_session_with_its_error() {
    for taken in [0, 100, 200_000] {
        let policy = Policy::new(large());
        let wire = Wire::new([COMMANDS.into()]);
        wire.state().writing = Writing::FailsAfter(taken, ErrorKind::BrokenPipe);
        policy.serve(&wire);
        let (_, close, error, _) = policy.report();
        assert_eq!((close, error.is_some()), (Close::PeerClosed, true));
        assert_eq!(policy.seen().store.messages.len(), 2, "nothing is removed");
    }
    let policy = Policy::new(large());
    policy.serve(&Wire::new(["USER mrose\r\n".into(), Incoming::Fault(ErrorKind::ConnectionReset)]));
    let (_, close, error, _) = policy.report();
    assert_eq!((close, error.is_some()), (Close::PeerClosed, true));
}

/// The system gives up a connection whose packets nobody acknowledges, before the deadline of the session.
#[test]
fn a_connection_that_the_system_gives_up_has_timed_out() {
    let policy = Policy::new(large());
    let wire = Wire::new([
        "USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\n".into(),
        Incoming::Fault(ErrorKind::TimedOut),
        "QUIT\r\n".into(),
    ]);
    policy.serve(&wire);
    let (_, close, error, _) = policy.report();
    assert_eq!((close, error), (Close::TimedOut, None));
    assert_eq!(wire.state().now, pop3_tests::START);
    assert_eq!(
        (wire.state().incoming.len(), policy.seen().store.messages.len()),
        (1, 2),
        "nothing more is done"
    );
}

/// The deadline and the error come at the same time.
#[test]
fn an_error_at_the_deadline_is_told_as_what_it_is() {
    let policy = Policy::new(large());
    let wire = Wire::new(["USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\n".into()]);
    let late = wire.clone();
    wire.state().incoming.push_back(Incoming::Do(Box::new(move || {
        let mut state = late.state();
        state.now = state.now.after(Limits::default().idle_timeout);
        state.incoming.push_front(Incoming::Fault(ErrorKind::ConnectionReset));
    })));
    policy.serve(&wire);
    let (_, close, error, _) = policy.report();
    assert_eq!((close, error.is_some()), (Close::PeerClosed, true));
    assert_eq!(policy.seen().store.messages.len(), 2, "nothing is removed");
}

#[test]
fn a_client_that_falls_silent_is_left_without_a_word() {
    let policy = Policy::new(large());
    let wire = Wire::new(["USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\nQU".into(), Incoming::Silence]);
    policy.serve(&wire);
    assert_eq!(wire.sent().lines().count(), 4);
    let (_, close, error, _) = policy.report();
    assert_eq!((close, error), (Close::TimedOut, None));
    assert_eq!(wire.state().now.since(pop3_tests::START), Limits::default().idle_timeout);
    assert_eq!(policy.seen().store.messages.len(), 2, "nothing is removed");
}

#[test]
fn a_commit_that_fails_in_part_is_told() {
    let policy = Policy::new(large().with_fault(Fault::Commit(1)));
    let wire = Wire::new(["USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n".into()]);
    policy.serve(&wire);
    assert!(wire.sent().lines().last().is_some_and(|line| line.starts_with("-ERR")));
    let (_, close, _, totals) = policy.report();
    assert_eq!((close, totals.removed, totals.not_removed), (Close::Quit, 1, 1));
}
