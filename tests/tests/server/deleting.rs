//! DELE, RSET and the update at QUIT: when messages are removed, and when they are not.

use pop3_proto::Channel;
use pop3_proto::server::{Close, ServerConfig};
use pop3_tests::configured;
use pop3_tests::server::{Asked, Server};
use pop3_tests::store::{Fault, Store};

// 1939-5.50, 1939-5.51
#[test]
fn dele_marks_and_removes_nothing() {
    let mut server = Server::logged_in(Store::fixture());
    assert!(server.say("DELE 1").starts_with("+OK "));
    assert!(server.say("DELE 1").starts_with("-ERR "));
    assert_eq!(server.store.messages.len(), 3);
    assert_eq!(server.asked().len(), 1);
}

// 1939-5.52
#[test]
fn noop_does_nothing_behind_the_login() {
    let mut server = Server::new(Store::fixture());
    server.take();
    assert!(server.say("NOOP").starts_with("-ERR "));
    assert!(server.log_in().say("NOOP").starts_with("+OK "));
}

// 1939-5.53, 1939-5.54
#[test]
fn rset_takes_all_marks_back() {
    let mut server = Server::logged_in(Store::fixture());
    for line in ["RSET", "DELE 1", "DELE 2", "RSET"] {
        assert!(server.say(line).starts_with("+OK "), "{line}");
    }
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
    assert!(server.say("RETR 1").starts_with("+OK "));
    server.say("QUIT");
    assert_eq!(server.store.messages.len(), 3);
}

// 1939-6.10
#[test]
fn quit_removes_what_is_marked_and_no_more() {
    let mut server = Server::logged_in(Store::fixture());
    server.say("DELE 1");
    assert_eq!(server.say("QUIT"), "+OK bye\r\n");
    assert_eq!(server.closed(), Some(Close::Quit));
    assert_eq!(server.asked().last(), Some(&Asked::Commit(vec![1])));
    assert_eq!(server.say("STAT"), "", "the session is over");
    let mut server = Server::logged_in(server.store);
    assert_eq!(server.say("STAT"), "+OK 2 46\r\n");
    server.say("QUIT");
    assert_eq!(server.asked().last(), Some(&Asked::Commit(Vec::new())));
}

// 1939-6.11
#[test]
fn a_removal_that_fails_is_told() {
    for (failing, left) in [(1, 2), (2, 3)] {
        let mut server = Server::logged_in(Store::fixture().with_fault(Fault::Commit(failing)));
        server.say("DELE 1");
        server.say("DELE 3");
        assert_eq!(server.say("QUIT"), "-ERR some deleted messages not removed\r\n");
        assert_eq!(server.closed(), Some(Close::Quit));
        assert_eq!(server.store.messages.len(), left);
        let totals = server.connection().session().totals();
        assert_eq!((totals.removed, totals.not_removed), (2 - failing, failing));
    }
}

// 1939-6.14: a message that no longer exists counts as removed. This is what the store answers.
#[test]
fn a_marked_message_that_is_gone_is_no_failure() {
    let mut server = Server::logged_in(Store::with([("a", &b"x\n"[..])]));
    server.say("DELE 1");
    server.store.fault = Fault::Commit(0);
    assert!(server.say("QUIT").starts_with("+OK "));
    assert_eq!(server.connection().session().totals().removed, 1);
}

// 1939-6.12
#[test]
fn every_set_of_marks_is_committed_as_it_is() {
    for marks in 0..8_u32 {
        let numbers: Vec<u32> = (1..=3).filter(|n| marks & (1 << (n - 1)) != 0).collect();
        let mut server = Server::logged_in(Store::fixture());
        for number in numbers.iter().rev() {
            server.say(&format!("DELE {number}"));
        }
        server.say("QUIT");
        assert_eq!(server.asked().last(), Some(&Asked::Commit(numbers)));
    }
}

// 1939-6.13
#[test]
fn nothing_is_done_behind_quit() {
    let mut server = Server::logged_in(Store::fixture());
    let sent = server.send(b"DELE 1\r\nQUIT\r\nRETR 2\r\nDELE 2\r\n");
    assert_eq!(sent, b"+OK marked as deleted\r\n+OK bye\r\n");
    assert_eq!(server.received(), b"RETR 2\r\nDELE 2\r\n");
    assert_eq!(server.store.messages.len(), 2);
}

// 1939-8.01, 1939-7.08
#[test]
fn a_policy_may_remove_what_was_retrieved() {
    let config = || configured::<ServerConfig>(|it| it.delete_retrieved = true);
    let new = || Server::with(Store::fixture(), config(), Channel::Tls, None).log_in();
    let mut server = new();
    server.say("RETR 1");
    server.end();
    assert_eq!(server.store.messages.len(), 3);
    let mut server = new();
    for line in ["RETR 1", "TOP 2 0", "TOP 2 99", "DELE 3", "QUIT"] {
        server.say(line);
    }
    assert_eq!(server.asked().last(), Some(&Asked::Commit(vec![1, 3])));
}

// 1939-6.01, 1939-3.43, PRS-14
#[test]
fn nothing_but_quit_removes() {
    type Closing = fn(&mut Server);
    let closings: [(&str, Closing); 3] = [
        ("end", Server::end),
        ("time-out", |server| server.advance(core::time::Duration::from_secs(600))),
        ("stop", |server| {
            server.connection_mut().close(Close::Stopped);
            server.end();
        }),
    ];
    for (name, close) in closings {
        let mut server = Server::logged_in(Store::fixture());
        server.say("DELE 1");
        close(&mut server);
        assert!(server.closed().is_some(), "{name}");
        assert_eq!(server.store.messages.len(), 3, "{name}");
        assert_eq!(server.take(), b"", "{name}");
    }
}

// 1939-6.01: the input ends at every octet of a session.
#[test]
fn a_session_that_breaks_off_removes_nothing_until_quit_is_whole() {
    let session = b"USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\nRETR 2\r\nDELE 2\r\nQUIT\r\n";
    for end in 0..=session.len() {
        let mut server = Server::new(Store::fixture());
        server.feed(&session[..end], &[1]);
        server.end();
        let whole = end == session.len();
        assert_eq!(server.store.messages.len(), if whole { 1 } else { 3 }, "{end}");
        assert_eq!(server.closed(), Some(if whole { Close::Quit } else { Close::PeerClosed }), "{end}");
    }
}
