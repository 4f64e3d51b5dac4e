//! STAT, LIST and UIDL.

use pop3_proto::server::ServerConfig;
use pop3_proto::{Channel, dots};
use pop3_tests::server::Server;
use pop3_tests::store::{Store, awkward, content};

// 1939-5.20, 1939-5.25, 1939-5.26, 1939-5.27, 1939-3.20, 1939-7.50, 1939-7.51
#[test]
fn the_fixture_is_listed() {
    let mut server = Server::logged_in(Store::fixture());
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
    assert_eq!(server.say("LIST"), "+OK 3 messages (67 octets)\r\n1 21\r\n2 32\r\n3 14\r\n.\r\n");
    assert_eq!(server.say("LIST 2"), "+OK 2 32\r\n");
    assert_eq!(server.say("UIDL"), "+OK 3 messages (67 octets)\r\n1 aaa\r\n2 bbb\r\n3 ccc\r\n.\r\n");
    assert_eq!(server.say("UIDL 2"), "+OK 2 bbb\r\n");
}

// 1939-4.08, 1939-5.21, 1939-7.50
#[test]
fn deleted_messages_are_left_out_and_numbers_do_not_move() {
    let mut server = Server::logged_in(Store::fixture());
    server.say("DELE 1");
    assert_eq!(server.say("STAT"), "+OK 2 46\r\n");
    assert!(server.say("LIST").ends_with("\r\n2 32\r\n3 14\r\n.\r\n"));
    assert!(server.say("UIDL").ends_with("\r\n2 bbb\r\n3 ccc\r\n.\r\n"));
    assert_eq!(server.say("LIST 3"), "+OK 3 14\r\n");
    server.say("RSET");
    server.say("DELE 2");
    assert_eq!(server.say("STAT"), "+OK 2 35\r\n");
    server.say("DELE 1");
    server.say("DELE 3");
    assert_eq!(server.say("STAT"), "+OK 0 0\r\n");
    assert!(server.say("LIST").ends_with(" octets)\r\n.\r\n"));
}

// 1939-5.28, 1939-5.29, 1939-3.34, 6856-2.10
#[test]
fn sizes_are_the_octets_that_retr_sends() {
    for (stored, size) in [
        (&b"Subject: b\n\n.dot\n..two\nend\n"[..], 32),
        (b"abc", 5),
        (b"a\rb\n", 5),
        (b"", 0),
        (b"\r", 3),
        (b".\n", 3),
    ] {
        let mut server = Server::logged_in(Store::with([("a", stored)]));
        assert_eq!(server.say("LIST 1"), format!("+OK 1 {size}\r\n"));
        assert_eq!(server.say("STAT"), format!("+OK 1 {size}\r\n"));
    }
    for (name, stored) in awkward() {
        assert_eq!(dots::wire_size(&stored), content(&stored).len() as u64, "{name}");
    }
}

// 1939-4.07
#[test]
fn a_session_begins_without_marks() {
    let mut server = Server::logged_in(Store::fixture());
    server.say("DELE 1");
    server.end();
    let mut server = Server::logged_in(server.store);
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
}

// 1939-4.09
#[test]
fn mail_that_arrives_during_the_session_is_not_in_it() {
    let mut server = Server::logged_in(Store::fixture());
    server.store.messages.push(pop3_tests::store::Message::new("ddd", b"new\n"));
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
    assert!(server.say("RETR 4").starts_with("-ERR "));
    server.say("QUIT");
    let mut server = Server::logged_in(server.store);
    assert_eq!(server.say("STAT"), "+OK 4 72\r\n");
}

// PRS-06
#[test]
fn last_is_answered_only_if_wished_for() {
    let mut server = Server::logged_in(Store::fixture());
    assert!(server.say("LAST").starts_with("-ERR "));
    let mut config = ServerConfig::default();
    config.last = true;
    let mut server = Server::with(Store::fixture(), config, Channel::Tls, None).log_in();
    assert_eq!(server.say("LAST"), "+OK 0\r\n");
    server.say("RETR 2");
    server.say("RETR 1");
    server.say("TOP 3 0");
    assert_eq!(server.say("LAST"), "+OK 2\r\n");
    server.say("DELE 3");
    assert_eq!(server.say("LAST"), "+OK 3\r\n");
    server.say("RSET");
    assert_eq!(server.say("LAST"), "+OK 0\r\n");
}
