//! Logins whose connection other code takes over.

use core::pin::pin;
use core::task::{Context, Waker};
use std::sync::{Arc, Mutex};

use pop3_driver::server::{Entrance, TakenOver, admit};
use pop3_driver::{LoginMethod, Stop, wait};
use pop3_proto::Channel;
use pop3_proto::server::{Close, Language, ServerConfig};
use pop3_sasl::Mechanism;
use pop3_tests::store::Store;

use crate::store::{Policy, Session, peer};
use crate::wire::{Incoming, Wire};

fn handing_over() -> Policy {
    let mut config = ServerConfig::default();
    config.utf8 = true;
    config.utf8_user = true;
    config.languages.push(Language::german());
    let mut policy = Policy::new(Store::fixture()).with_config(config);
    policy.hands_over = true;
    policy
}

/// Serves, and returns what was taken over.
fn serve(policy: &Policy, wire: &Wire) -> Option<TakenOver<Wire, Session>> {
    let taken = Arc::new(Mutex::new(None));
    let admitted = wait(admit(wire.clone(), Entrance::Plain, peer(), policy)).unwrap();
    let stop = Stop::new();
    let take_over = |over| {
        assert!(policy.seen().reports.is_empty(), "it has not ended yet");
        *taken.lock().unwrap() = Some(over);
        core::future::ready(())
    };
    let mut session = pin!(admitted.serve_or_hand_over(policy, &stop, take_over));
    let mut context = Context::from_waker(Waker::noop());
    assert!(session.as_mut().poll(&mut context).is_ready());
    taken.lock().unwrap().take()
}

#[test]
fn all_of_the_session_is_handed_over_and_nothing_is_said() {
    for (login, method) in [
        ("USER mrose\r\nPASS tanstaaf\r\n", LoginMethod::User),
        ("AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n", LoginMethod::Auth(Mechanism::Plain)),
    ] {
        let policy = handing_over();
        let before = "LANG de\r\nUTF8\r\nUSER mrose\r\nPASS wrong\r\n";
        let pipelined = format!("{before}{login}STAT\r\nRETR 1\r\nQU");
        let wire = Wire::new([pipelined.as_str().into()]);
        let taken = serve(&policy, &wire).expect("it was handed over");
        assert_eq!(taken.unread, b"STAT\r\nRETR 1\r\nQU");
        assert_eq!((taken.user.as_deref(), taken.failed_logins), (Some("mrose"), 1));
        assert_eq!(taken.method, Some(method));
        assert_eq!((taken.channel, taken.utf8), (Channel::TrustedPlaintext, true));
        assert_eq!(taken.language.as_ref().map(Language::tag), Some("de"));
        assert_eq!(taken.peer.address, peer().address);
        // Everything before it was sent, and nothing after it. The connection is open.
        let last = wire.lines().pop().unwrap();
        assert!(
            if method == LoginMethod::User {
                last.starts_with("+OK")
            } else {
                last.starts_with("-ERR [AUTH]")
            },
            "{last}"
        );
        assert!(!wire.sent().contains("maildrop has") && !wire.state().closed);
        let (user, close) = {
            let seen = policy.seen();
            (seen.reports[0].0.clone(), seen.reports[0].1)
        };
        assert_eq!((user.as_deref(), close), (Some("mrose"), Close::TakenOver));
        assert_eq!(policy.seen().open, 1, "the backend was handed over, too");
        drop(taken);
        assert_eq!(policy.report().1, Close::TakenOver);
    }
}

#[test]
fn who_is_refused_is_not_handed_over() {
    let policy = handing_over();
    let wire = Wire::new(["USER mrose\r\nPASS wrong\r\nQUIT\r\n".into()]);
    assert!(serve(&policy, &wire).is_none());
    assert_eq!(policy.report().1, Close::Quit);
}

#[test]
fn where_nobody_takes_it_the_connection_is_closed() {
    let policy = handing_over();
    policy.serve(&Wire::new(["USER mrose\r\nPASS tanstaaf\r\n".into()]));
    assert_eq!(policy.report().1, Close::TakenOver);
}

#[test]
fn a_relay_ends_with_the_cut_and_a_panic_of_it_ends_it_alone() {
    for panics in [false, true] {
        let (policy, stop) = (handing_over(), Stop::new());
        let wire = Wire::new(["USER mrose\r\nPASS tanstaaf\r\n".into(), Incoming::Never]);
        let admitted = wait(admit(wire.clone(), Entrance::Plain, peer(), &policy)).unwrap();
        let relay = async |taken: TakenOver<Wire, Session>| {
            let _taken = taken;
            assert!(!panics, "a panic on purpose");
            core::future::pending().await
        };
        let mut session = pin!(admitted.serve_or_hand_over(&policy, &stop, relay));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(session.as_mut().poll(&mut context).is_ready(), panics);
        if !panics {
            stop.stop();
            assert!(session.as_mut().poll(&mut context).is_pending());
            assert!(policy.seen().reports.is_empty());
            stop.cut();
            assert!(session.as_mut().poll(&mut context).is_ready());
        }
        let close = if panics { Close::Stopped } else { Close::TakenOver };
        assert_eq!(policy.report().1, close);
    }
}
