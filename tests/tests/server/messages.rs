//! RETR and TOP.

use pop3_tests::server::Server;
use pop3_tests::store::{Store, awkward, content, top, wire};

/// What follows the first line of a positive reply.
fn body(reply: &[u8]) -> &[u8] {
    assert!(reply.starts_with(b"+OK "), "{}", reply.escape_ascii());
    let end = reply.windows(2).position(|pair| pair == b"\r\n").unwrap();
    &reply[end + 2..]
}

// 1939-5.40, 1939-3.21, 1939-5.41
#[test]
fn retr_sends_the_message_as_often_as_it_is_asked_to() {
    let mut server = Server::logged_in(Store::fixture());
    for _ in 0..2 {
        assert_eq!(
            server.say("RETR 2"),
            "+OK 32 octets\r\nSubject: b\r\n\r\n..dot\r\n...two\r\nend\r\n.\r\n"
        );
    }
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
}

// 1939-7.01, 1939-7.02, 1939-7.03
#[test]
fn top_sends_the_header_and_so_many_lines() {
    let mut server = Server::logged_in(Store::fixture());
    let retr = server.say("RETR 2");
    let whole = body(retr.as_bytes());
    assert_eq!(body(server.say("TOP 2 0").as_bytes()), b"Subject: b\r\n\r\n.\r\n");
    assert_eq!(body(server.say("TOP 2 1").as_bytes()), b"Subject: b\r\n\r\n..dot\r\n.\r\n");
    for lines in ["3", "4", "999999999", "4294967296", "18446744073709551616"] {
        assert_eq!(body(server.say(&format!("TOP 2 {lines}")).as_bytes()), whole, "{lines}");
    }
}

// 1939-7.04
#[test]
fn top_needs_two_numbers() {
    let mut server = Server::logged_in(Store::fixture());
    for line in ["TOP", "TOP 1", "TOP 1 -1", "TOP 1 x", "TOP x 1", "TOP 1 1 1", "TOP 0 1", "TOP 1 +1"] {
        assert!(server.say(line).starts_with("-ERR "), "{line}");
    }
}

// 1939-3.22, 1939-3.23, 1939-3.26, 1939-3.32, 1939-3.33, 1939-3.34, 1939-3.36, 1939-3.38, 1939-3.02,
// 1939-3.39, 1939-7.05, 1939-7.06, SEC-12
#[test]
fn awkward_messages_are_sent_as_they_are() {
    for (name, stored) in awkward() {
        let content = content(&stored);
        for chunk in [1, 2, 3, 4096] {
            let mut store = Store::with([("a", &stored[..])]);
            store.chunk = chunk;
            let mut server = Server::logged_in(store);
            assert_eq!(body(&server.send(b"RETR 1\r\n")), wire(&content), "{name}, {chunk}");
            for lines in [0, 1, 2, 1000] {
                let reply = server.send(format!("TOP 1 {lines}\r\n").as_bytes());
                assert_eq!(body(&reply), wire(&top(&content, lines)), "{name}, {chunk}, {lines}");
            }
            // The next reply belongs to the next command.
            assert_eq!(server.say("STAT"), format!("+OK 1 {}\r\n", content.len()), "{name}");
        }
    }
}

// 1939-3.33: whatever line ends the store uses.
#[test]
fn line_ends_of_the_store_do_not_matter() {
    let wire = b"A: b\r\n\r\n..c\r\n\r\nd\r\n.\r\n";
    for stored in [&b"A: b\n\n.c\n\nd\n"[..], b"A: b\r\n\r\n.c\r\n\r\nd\r\n", b"A: b\r\n\n.c\n\r\nd"] {
        let mut server = Server::logged_in(Store::with([("a", stored)]));
        assert_eq!(body(&server.send(b"RETR 1\r\n")), wire);
    }
}

// 1939-3.30: lines whose dot is at any edge of the pieces from the store.
#[test]
fn dots_are_found_on_every_edge() {
    for length in 60..70 {
        let stored = [&vec![b'x'; length][..], b"\r\n.y\r\n.\r\n"].concat();
        for chunk in [1, 63, 64, 65] {
            let mut store = Store::with([("a", &stored[..])]);
            store.chunk = chunk;
            let mut server = Server::logged_in(store);
            assert!(body(&server.send(b"RETR 1\r\n")).ends_with(b"x\r\n..y\r\n..\r\n.\r\n"));
        }
    }
}

// 1939-3.27
#[test]
fn a_refusal_is_one_line() {
    let mut server = Server::logged_in(Store::fixture());
    let sent = server.say("RETR 99\r\nTOP 99 0\r\nLIST 99\r\nNOOP");
    let lines: Vec<_> = sent.lines().collect();
    assert_eq!(lines.len(), 4, "{sent}");
    assert!(lines[..3].iter().all(|line| line.starts_with("-ERR ")) && lines[3].starts_with("+OK "));
}

#[test]
fn totals_count_messages_sent_whole() {
    let mut server = Server::logged_in(Store::fixture());
    for line in ["RETR 1", "RETR 2", "RETR 9", "TOP 2 0", "DELE 1", "QUIT"] {
        server.say(line);
    }
    let totals = server.connection().session().totals();
    assert_eq!((totals.retrieved, totals.retrieved_octets), (2, 53));
    assert_eq!((totals.topped, totals.topped_octets), (1, 14));
    assert_eq!((totals.removed, totals.not_removed, totals.failed_logins), (1, 0, 0));
}
