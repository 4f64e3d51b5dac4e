//! Message numbers as arguments.

use pop3_tests::server::{Asked, Server};
use pop3_tests::store::Store;

const WITH_NUMBER: [&str; 5] = ["LIST {}", "UIDL {}", "RETR {}", "DELE {}", "TOP {} 1"];

fn refused(server: &mut Server, argument: &str) {
    for command in WITH_NUMBER {
        let line = command.replace("{}", argument);
        let reply = server.say(&line);
        assert!(reply.starts_with("-ERR ") && reply.lines().count() == 1, "{line}: {reply}");
        // So that a limit on invalid commands does not end the session.
        assert_eq!(server.say("STAT"), "+OK 3 67\r\n", "{line}");
    }
}

// 1939-5.01, 1939-5.02, 1939-5.03, 1939-5.05, 1939-5.06, PRS-01
#[test]
fn what_names_no_message_is_refused() {
    let mut server = Server::logged_in(Store::fixture());
    let digits = "1".repeat(200);
    for argument in [
        "0",
        "00",
        "4",
        "-1",
        "+1",
        "-0",
        "4294967295",
        "4294967296",
        "4294967297",
        "18446744073709551616",
        "18446744073709551617",
        &digits,
        "a",
        "1a",
        "0x1",
        "1.0",
        "1,2",
        "*",
        "1-2",
        "\u{661}",
        "1\u{a0}",
    ] {
        refused(&mut server, argument);
    }
    assert_eq!(server.asked(), [Asked::Authenticate(b"mrose".to_vec())]);
}

// 1939-5.04
#[test]
fn leading_zeros_are_decimal() {
    let uids: Vec<_> = (1..=12).map(|n| format!("u{n}")).collect();
    let mut server = Server::logged_in(Store::with(uids.iter().map(|uid| (&uid[..], &b"x\n"[..]))));
    assert_eq!(server.say("LIST 010"), "+OK 10 3\r\n");
    assert_eq!(server.say("UIDL 0000000000000000000000012"), "+OK 12 u12\r\n");
}

// 1939-5.07, 1939-5.51
#[test]
fn a_deleted_message_is_not_there() {
    let mut server = Server::logged_in(Store::fixture());
    assert!(server.say("DELE 1").starts_with("+OK "));
    for command in WITH_NUMBER {
        assert!(server.say(&command.replace("{}", "1")).starts_with("-ERR "), "{command}");
    }
    assert_eq!(server.say("STAT"), "+OK 2 46\r\n");
}

// 1939-5.09, 1939-5.22, 1939-3.26
#[test]
fn an_empty_maildrop_has_no_numbers() {
    let mut server = Server::logged_in(Store::with([]));
    assert_eq!(server.say("STAT"), "+OK 0 0\r\n");
    for command in WITH_NUMBER {
        assert!(server.say(&command.replace("{}", "1")).starts_with("-ERR "), "{command}");
    }
    assert_eq!(server.say("LIST"), "+OK 0 messages (0 octets)\r\n.\r\n");
    assert_eq!(server.say("UIDL"), "+OK 0 messages (0 octets)\r\n.\r\n");
    assert!(server.say("RSET").starts_with("+OK "));
    assert!(server.say("QUIT").starts_with("+OK "));
}

// 1939-5.11
#[test]
fn a_surplus_argument_is_refused() {
    let mut server = Server::logged_in(Store::fixture());
    server.say("DELE 1");
    for line in ["STAT x", "NOOP x", "RSET x", "CAPA x", "STLS x", "QUIT x", "LIST 1 x", "RETR 1 x"] {
        assert!(server.say(line).starts_with("-ERR "), "{line}");
    }
    assert_eq!((server.closed(), server.store.messages.len()), (None, 3));
    assert_eq!(server.say("STAT"), "+OK 2 46\r\n");
}
