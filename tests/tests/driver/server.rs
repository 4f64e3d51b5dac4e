//! The loop of the server: its replies, its pauses, and a backend that waits or is given up.

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

fn session(commands: &str) -> Wire {
    Wire::new([format!("{LOGIN}{commands}").as_str().into()])
}

#[test]
fn a_session_from_the_greeting_to_the_report() {
    let policy = Policy::new(Store::fixture());
    let wire = session("DELE 1\r\nRETR 2\r\nQUIT\r\n");
    policy.serve(&wire);
    assert!(wire.sent().starts_with("+OK POP3 server ready\r\n+OK"));
    assert!(wire.sent().contains("\r\n\r\n..dot\r\n...two\r\nend\r\n.\r\n+OK"));
    assert!(wire.state().closed);
    let (user, close, error, totals) = policy.report();
    assert_eq!((user.as_deref(), close, error), (Some("mrose"), Close::Quit, None));
    assert_eq!((totals.retrieved, totals.removed), (1, 1));
    assert_eq!(policy.seen().store.messages.len(), 2);
}

#[test]
fn a_backend_that_waits_is_waited_for() {
    for place in [Place::Authenticate, Place::Fetch, Place::Chunk, Place::Commit] {
        let policy = Policy::new(Store::fixture()).waiting(place);
        let wire = session("RETR 1\r\nDELE 1\r\nQUIT\r\n");
        let stop = Stop::new();
        let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
        let mut context = Context::from_waker(Waker::noop());
        assert!(session.as_mut().poll(&mut context).is_pending(), "{place:?}");
        assert!(session.as_mut().poll(&mut context).is_pending(), "{place:?}");
        policy.seen().waits = None;
        assert!(session.as_mut().poll(&mut context).is_ready(), "{place:?}");
        let (_, close, _, totals) = policy.report();
        assert_eq!((close, totals.retrieved, totals.removed), (Close::Quit, 1, 1), "{place:?}");
    }
}

// 1939-4.05, 1939-6.01
#[test]
fn a_session_that_is_given_up_removes_nothing_and_frees_the_maildrop() {
    for place in [Place::Authenticate, Place::Fetch, Place::Chunk, Place::Commit] {
        let policy = Policy::new(Store::fixture()).waiting(place);
        let wire = session("DELE 2\r\nRETR 1\r\nQUIT\r\n");
        let stop = Stop::new();
        {
            let mut session = pin!(serve(wire.clone(), Entrance::Plain, peer(), &policy, &stop));
            assert!(session.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(policy.seen().open, 1);
        }
        assert_eq!(policy.seen().open, 0, "{place:?}");
        assert_eq!(policy.seen().store.messages.len(), 3, "{place:?}");
        assert!(!wire.sent().ends_with("bye\r\n"));
    }
}

#[test]
fn refused_logins_are_answered_later_each_time() {
    let policy = Policy::new(Store::fixture());
    let wire = Wire::new(["USER mrose\r\nPASS a\r\nUSER mrose\r\nPASS b\r\nNOOP\r\n".into()]);
    policy.serve(&wire);
    assert_eq!(wire.state().pauses, [1, 2].map(Duration::from_secs));
    assert_eq!(policy.report().3.failed_logins, 2);
}

#[test]
fn a_peer_that_is_not_wanted_is_told_so_in_one_line() {
    let mut policy = Policy::new(Store::fixture());
    policy.refuses = true;
    let wire = Wire::new([]);
    policy.serve(&wire);
    assert_eq!(wire.sent(), "-ERR [SYS/TEMP] too many??connections\r\n");
    assert_eq!(wire.state().writes.len(), 1);
    assert!(wire.state().closed);
    let (user, close, error, _) = policy.report();
    assert_eq!((user, close, error), (None, Close::Refused, None));
    // With implicit TLS, nothing can be sent before the handshake.
    let wire = Wire::new([]);
    pop3_driver::wait(serve(wire.clone(), Entrance::Implicit, peer(), &policy, &Stop::new()));
    assert_eq!(wire.sent(), "");
    assert!(wire.state().closed);
}

// 2595-4.20, SEC-10
#[test]
fn a_handshake_that_fails_ends_the_session() {
    let config = || configured::<ServerConfig>(|it| it.starttls = true);
    for (incoming, fault) in [
        (Incoming::Silence, "TLS handshake: timed out"),
        (Incoming::Fault(std::io::ErrorKind::InvalidData), "TLS handshake: invalid data"),
    ] {
        let policy = Policy::new(Store::fixture()).with_config(config());
        let wire = Wire::new(["STLS\r\nUSER mrose\r\n".into(), incoming]);
        policy.serve(&wire);
        assert_eq!(wire.state().writes.len(), 2, "nothing behind the reply to STLS");
        let (user, closed, error, _) = policy.report();
        assert_eq!((user, closed), (None, Close::Handshake));
        assert_eq!(error.as_deref(), Some(fault));
    }
    // The time limit for the login does not start again.
    let mut config = config();
    config.limits.login_timeout = Duration::from_secs(7);
    let policy = Policy::new(Store::fixture()).with_config(config);
    let wire = Wire::new(["STLS\r\n".into(), Incoming::Silence]);
    policy.serve(&wire);
    assert_eq!(wire.state().now, pop3_tests::START.after(Duration::from_secs(7)));
}

// 2595-4.12, 2595-4.16
#[test]
fn what_came_before_tls_is_gone_after_it() {
    let policy =
        Policy::new(Store::fixture()).with_config(configured::<ServerConfig>(|it| it.starttls = true));
    let wire = Wire::new([
        "STLS\r\nUSER mrose\r\nPASS tanstaaf\r\n".into(),
        "the handshake".into(),
        "STAT\r\nQUIT\r\n".into(),
    ]);
    policy.serve(&wire);
    let sent = wire.sent();
    let replies: Vec<&str> = sent.lines().map(|line| &line[..3]).collect();
    assert_eq!(replies, ["+OK", "+OK", "-ER", "+OK"], "{sent}");
}

// 1939-7.31: the random octets come from the system.
#[test]
fn timestamps_are_of_random_octets() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..10_000 {
        let timestamp = pop3_driver::server::timestamp("h").expect("random octets");
        // They have 128 bits.
        let digits = timestamp.as_str().chars().filter(char::is_ascii_hexdigit).count();
        assert_eq!(digits, 128 / 4, "{timestamp}");
        assert!(seen.insert(timestamp), "a timestamp came twice");
    }
}
