//! Listings and the numbers in them.

use pop3_proto::client::{Excerpt, ProtocolError};
use pop3_proto::{Keyword, Quirk};
use pop3_tests::client::Seen;

use crate::{answer, logged_in};

// 1939-3.28, 1939-3.29, 1939-7.59, 2449-5.02
#[test]
fn nothing_follows_a_refusal_or_a_listing_of_one() {
    for command in ["LIST", "UIDL", "RETR 1", "TOP 1 0", "CAPA"] {
        let seen = answer(command, b"-ERR no\r\n");
        // The client first reports, as a quirk, that there is no CAPA.
        let seen = if command == "CAPA" { &seen[1..] } else { &seen[..] };
        assert!(matches!(seen, [Seen::Reply(_, first, None)] if !first.positive), "{command}: {seen:?}");
        let mut client = logged_in();
        client.send(command).unwrap();
        client.receive(b"-ERR no\r\n");
        assert_eq!(client.connection().outstanding(), 0, "{command}");
        client.send("STAT").unwrap();
        assert!(client.receive(b"+OK 1 2\r\n")[0].is_positive_reply(), "{command}");
    }
    for (command, reply) in [("LIST 2", &b"+OK 2 200\r\n"[..]), ("UIDL 2", b"+OK 2 ab\r\n")] {
        let mut client = logged_in();
        client.send(command).unwrap();
        client.receive(reply);
        assert_eq!(client.connection().outstanding(), 0, "{command}");
    }
    assert!(
        matches!(&answer("LIST 2", b"+OK 2 200\r\n")[..], [Seen::Reply(_, _, Some(entry))] if entry == "2 200")
    );
    assert!(matches!(
        &answer("UIDL 2", b"+OK 2 a b\r\n")[..],
        [Seen::Warning(_), Seen::Reply(_, _, Some(_))]
    ));
}

// 1939-5.23, 1939-5.24, 1939-5.31, 1939-5.32, TOL-04, TOL-08, TOL-11
#[test]
fn listings_are_read_or_refused() {
    let stat = |octets: &[u8]| match answer("STAT", octets).pop() {
        Some(Seen::Reply(_, _, Some(entry))) => entry,
        other => format!("{other:?}"),
    };
    assert_eq!(stat(b"+OK 2 320 extra text\r\n"), "2 320");
    assert_eq!(stat(b"+OK 1 5000000000\r\n"), "1 5000000000");
    assert_eq!(stat(b"+OK\t2 320\r\n"), "2 320");
    assert_eq!(stat(b"+OK  2  320\r\n"), "2 320");
    for bad in
        [&b"+OK\r\n"[..], b"+OK x y\r\n", b"+OK 7\r\n", b"+OK -1 5\r\n", b"+OK 1 99999999999999999999999\r\n"]
    {
        assert_eq!(
            answer("STAT", bad),
            [Seen::Failed(ProtocolError::Entry(Excerpt::default()))],
            "{}",
            bad.escape_ascii()
        );
    }
    assert_eq!(
        answer("UIDL 2", b"+OK 3 x\r\n"),
        [Seen::Failed(ProtocolError::WrongNumber(Excerpt::default()))]
    );
    let seen =
        answer("LIST", b"+OK POP3 clients that break here, they violate STD53.\r\n2 10\r\n5 20 foo\r\n.\r\n");
    let skipped = || Seen::Warning(Quirk::SkippedNumber);
    assert_eq!(
        seen[1..],
        [
            skipped(),
            Seen::Entry("2 10".into()),
            skipped(),
            Seen::Entry("5 20".into()),
            Seen::End(Keyword::List)
        ]
    );
    for bad in ["3", "x 5", "0 5", "1 x"] {
        let seen = answer("LIST", format!("+OK\r\n{bad}\r\n.\r\n").as_bytes());
        assert_eq!(seen.last(), Some(&Seen::Failed(ProtocolError::Entry(Excerpt::default()))), "{bad}");
    }
}

// 1939-7.56, 1939-7.57, 1939-7.58, PRS-09
#[test]
fn unique_ids_are_octets() {
    let long = "a".repeat(200);
    let seen =
        answer("UIDL", format!("+OK\r\n1 Ab\r\n2 Ab\r\n3 aB\r\n4 6499\r\n5 {long}\r\n.\r\n").as_bytes());
    let entries: Vec<_> =
        seen.iter().filter_map(|s| if let Seen::Entry(e) = s { Some(e.clone()) } else { None }).collect();
    assert_eq!(entries, ["1 Ab", "2 Ab", "3 aB", "4 6499", &format!("5 {long}")]);
    assert!(seen.contains(&Seen::Warning(Quirk::UniqueIdSyntax)));
}

// 1939-5.10
#[test]
fn there_is_no_message_0() {
    assert_eq!(pop3_proto::MessageNumber::new(0), None);
    assert_eq!(pop3_proto::MessageNumber::FIRST.number(), 1);
    assert!(pop3_proto::Command::parse(b"RETR 0").is_err());
}
