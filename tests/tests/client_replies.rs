//! What the client makes of replies: of good ones, of odd ones, and of none.

use core::time::Duration;

use pop3_proto::client::{Config, Error, Excerpt, Protocol, SendError};
use pop3_proto::{Channel, Keyword, Quirk, ReplyShape};
use pop3_tests::client::{Client, Seen};
use pop3_tests::split::{OCTETS, WHOLE};

fn greeted(config: Config) -> Client {
    let mut client = Client::with(config, Channel::Tls);
    client.receive(b"+OK\r\n");
    client
}

fn logged_in() -> Client {
    logged_in_with(Config::default())
}

fn logged_in_with(config: Config) -> Client {
    let mut client = greeted(config);
    for command in ["USER mrose", "PASS tanstaaf"] {
        client.send(command).unwrap();
        client.receive(b"+OK\r\n");
    }
    client.take();
    client
}

/// What the client makes of an answer to a command behind the login, the same at every split.
fn answer(command: &str, octets: &[u8]) -> Vec<Seen> {
    answer_to(logged_in, command, octets)
}

fn answer_to(make: impl Fn() -> Client, command: &str, octets: &[u8]) -> Vec<Seen> {
    let run = |lengths: &[usize]| {
        let mut client = make();
        let before = client.log().len();
        client.send(command).unwrap();
        client.feed(octets, lengths);
        client.log()[before..].to_vec()
    };
    let whole = run(WHOLE);
    for lengths in [OCTETS, &[2], &[3, 1]] {
        assert_eq!(run(lengths), whole, "{command}: {}", octets.escape_ascii());
    }
    whole
}

fn body(octets: &[u8]) -> Option<Vec<u8>> {
    let seen = answer("RETR 1", octets);
    let data =
        seen.iter().find_map(|seen| if let Seen::Data(data) = seen { Some(data.clone()) } else { None });
    matches!(seen.last(), Some(Seen::End(Keyword::Retr))).then(|| data.unwrap_or_default())
}

// 1957-1.01, TOL-01
#[test]
fn the_status_may_stand_alone() {
    let mut client = Client::new();
    assert!(
        matches!(&client.receive(b"+OK\r\n")[..], [Seen::Greeting(first)] if first.positive && first.text.is_empty())
    );
    for command in ["DELE 1", "NOOP", "RSET"] {
        assert!(answer(command, b"+OK\r\n")[0].is_positive_reply());
        assert!(matches!(&answer(command, b"-ERR\r\n")[..], [Seen::Reply(_, first, _)] if !first.positive));
    }
    assert_eq!(body(b"+OK\r\n.\r\n"), Some(Vec::new()));
}

// 1939-4.02
#[test]
fn a_negative_greeting_ends_the_session_before_it_began() {
    let mut client = Client::new();
    assert_eq!(client.send("CAPA"), Err(SendError::State(pop3_proto::client::State::Greeting)));
    let seen = client.receive(b"-ERR [SYS/TEMP] too many connections\r\n");
    assert!(matches!(&seen[..], [Seen::Greeting(first), Seen::Closed]
        if !first.positive && first.code.as_deref() == Some("[SYS/TEMP]") && first.text == "too many connections"));
    assert!(client.send("CAPA").is_err() && client.take().is_empty());
}

// 2449-3.02, 2449-3.03
#[test]
fn what_is_no_reply_ends_the_session() {
    for line in [
        &b"+ abc\r\n"[..],
        b"* OK\r\n",
        b"220 ready\r\n",
        b"+OKAY\r\n",
        b"-ERRfoo\r\n",
        b"NOOP xxx\r\n",
        b"\x00\r\n",
    ] {
        assert_eq!(
            answer("NOOP", line),
            [Seen::Failed(Error::OutOfStep(Excerpt::default()))],
            "{}",
            line.escape_ascii()
        );
    }
    for (line, protocol) in [
        (&b"220 mail ESMTP\r\n"[..], Protocol::Smtp),
        (b"* OK IMAP4rev1\r\n", Protocol::Imap),
        (b"HTTP/1.1 400 Bad Request\r\n", Protocol::Http),
        (b"SSH-2.0-x\r\n", Protocol::Ssh),
        // What courier answers on its port for TLS.
        (b"\x15\x03\x03\x00\x02\x01\x00", Protocol::Tls),
    ] {
        for lengths in [WHOLE, OCTETS] {
            let mut client = Client::new();
            client.feed(line, lengths);
            client.end();
            assert_eq!(client.error(), Some(Error::OtherProtocol(protocol)), "{}", line.escape_ascii());
        }
    }
}

// 1939-3.24, 1939-3.25, 1939-3.26, 1939-3.31, 1939-3.35, TOL-23
#[test]
fn bodies_end_at_one_dot_between_two_line_ends() {
    for (wire, content) in [
        (&b"abc\r\n.\r\n"[..], &b"abc\r\n"[..]),
        (b".\r\n", b""),
        (b"...two\r\n.\r\n", b"..two\r\n"),
        (b".x\r\n.\r\n", b"x\r\n"),
        (b"a.\r\n. \r\n..\r\n.\r\n", b"a.\r\n \r\n.\r\n"),
        (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
        (b"+OK\r\n-ERR x\r\n.\r\n", b"+OK\r\n-ERR x\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"\x00\xff\r\n.\r\n", b"\x00\xff\r\n"),
    ] {
        assert_eq!(body(&[b"+OK\r\n", wire].concat()).as_deref(), Some(content), "{}", wire.escape_ascii());
    }
    assert_eq!(body(b"+OK\r\nabc.\r\n"), None);
}

// 1939-3.37, 8314-3.03, TOL-06, TOL-07
#[test]
fn a_reply_that_is_cut_is_not_complete() {
    let whole = b"+OK\r\nabc\r\n.\r\n";
    for end in 0..whole.len() {
        for lengths in [WHOLE, OCTETS] {
            let mut client = logged_in();
            client.send("RETR 1").unwrap();
            client.feed(&whole[..end], lengths);
            client.end();
            let during = Some(Keyword::Retr);
            let expected = if end == 0 { Error::Closed { during } } else { Error::Truncated { during } };
            assert_eq!(client.error(), Some(expected), "{end}");
            assert!(!client.log().contains(&Seen::End(Keyword::Retr)));
        }
    }
    // The reply to QUIT may lack its line end, and no other.
    for (command, accepted) in [("QUIT", true), ("DELE 1", false)] {
        let mut client = logged_in();
        client.send(command).unwrap();
        client.receive(b"+OK bye");
        client.end();
        assert_eq!(client.error().is_none(), accepted, "{command}");
    }
    let mut client = logged_in();
    client.send("QUIT").unwrap();
    client.end();
    assert_eq!(client.error(), Some(Error::Closed { during: Some(Keyword::Quit) }));
}

// 1939-3.28, 1939-3.29, 1939-7.59, 2449-5.02
#[test]
fn nothing_follows_a_refusal_or_a_listing_of_one() {
    for command in ["LIST", "UIDL", "RETR 1", "TOP 1 0", "CAPA"] {
        let seen = answer(command, b"-ERR no\r\n");
        // That there is no CAPA is told first, as an oddity.
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
            [Seen::Failed(Error::Entry(Excerpt::default()))],
            "{}",
            bad.escape_ascii()
        );
    }
    assert_eq!(answer("UIDL 2", b"+OK 3 x\r\n"), [Seen::Failed(Error::WrongNumber(Excerpt::default()))]);
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
        assert_eq!(seen.last(), Some(&Seen::Failed(Error::Entry(Excerpt::default()))), "{bad}");
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

// TOL-02, TOL-03, TOL-04, TOL-05
#[test]
fn quirks_are_warnings_or_refused() {
    for (octets, quirk) in [
        (&b"+ok hi\r\n"[..], Quirk::StatusCase),
        (b"+OK hi\n", Quirk::BareLineFeed),
        (b"+OK\thi\r\n", Quirk::Spacing),
    ] {
        let seen = answer("NOOP", octets);
        assert!(
            matches!(&seen[..], [Seen::Warning(warned), reply] if *warned == quirk && reply.is_positive_reply()),
            "{seen:?}"
        );
        let strict = answer_to(|| logged_in_with(Config::default().with_strict(true)), "NOOP", octets);
        assert_eq!(strict, [Seen::Failed(Error::Quirk(quirk))]);
    }
    let seen = Client::new().receive(b"\r\n+OK hi\r\n");
    assert!(
        matches!(&seen[..], [Seen::Warning(Quirk::EmptyLineBeforeGreeting), Seen::Greeting(_)]),
        "{seen:?}"
    );
}

// SEC-07, TOL-14, TOL-21
#[test]
fn octets_that_nobody_asked_for_end_the_session() {
    let mut client = logged_in();
    client.send("NOOP").unwrap();
    client.receive(b"+OK\r\n+OK\r\n");
    assert_eq!(client.error(), Some(Error::Unsolicited(Excerpt::default())));
    assert!(client.send("DELE 1").is_err());
    // A body that ended too early: its rest is taken for no reply.
    let seen = answer("RETR 1", b"+OK\r\na\r\n.\r\nb\r\n.\r\n");
    assert_eq!(
        seen[1..],
        [
            Seen::Data(b"a\r\n".to_vec()),
            Seen::End(Keyword::Retr),
            Seen::Failed(Error::Unsolicited(Excerpt::default()))
        ]
    );
    let mut client = logged_in();
    client.receive(b"-ERR Disconnected for inactivity.\r\n");
    client.end();
    assert_eq!(client.error(), Some(Error::Dismissed(Excerpt::default())));
}

// 2449-3.04, SEC-08
#[test]
fn whatever_a_server_sends_is_bounded() {
    let endless = |command: Option<&str>, begin: &[u8], piece: &[u8], limit: usize| {
        let mut client = if command.is_some() { logged_in() } else { Client::new() };
        if let Some(command) = command {
            client.send_shaped(command.as_bytes(), ReplyShape::Lines).unwrap();
        }
        client.feed(begin, WHOLE);
        let mut fed = 0;
        while client.error().is_none() {
            client.feed(piece, WHOLE);
            fed += piece.len();
            assert!(fed < limit, "{command:?}");
            assert!(client.received().len() <= 8192 + piece.len());
        }
        client.error()
    };
    assert_eq!(endless(None, b"+OK ", &[b'x'; 1000], 20_000), Some(Error::LineTooLong(Excerpt::default())));
    assert_eq!(
        endless(Some("NOOP"), b"-ERR ", &[b'x'; 1000], 20_000),
        Some(Error::LineTooLong(Excerpt::default()))
    );
    assert_eq!(
        endless(Some("LIST"), b"+OK\r\n1 ", &[b'1'; 1000], 20_000),
        Some(Error::LineTooLong(Excerpt::default()))
    );
    assert_eq!(endless(Some("CAPA"), b"+OK\r\n", b"X-A\r\n", 10_000), Some(Error::TooManyEntries));
    assert_eq!(
        endless(Some("XTND"), b"+OK\r\n", &b"x\r\n".repeat(1000), 4_000_000),
        Some(Error::TooManyEntries)
    );
    let mut client = Client::new();
    client.receive(&b"\r\n".repeat(1000));
    assert!(client.error().is_some(), "empty lines before the greeting have an end");
    // A body has no limit but the caller's.
    let mut client = logged_in_with(Config::default().with_max_body(Some(10)));
    client.send("RETR 1").unwrap();
    let seen = client.receive(b"+OK\r\n0123456789abc\r\n.\r\n");
    assert_eq!(seen[1..], [Seen::Data(b"0123456789".to_vec()), Seen::Failed(Error::BodyTooLong)]);
}

// 1939-3.13, 2449-4.04, 1939-3.11, 1939-7.18
#[test]
fn commands_are_one_line_within_the_limit() {
    let mut client = greeted(Config::default());
    assert_eq!(client.send(&format!("USER {}", "a".repeat(300))), Err(SendError::TooLong));
    assert_eq!(client.take(), b"");
    client.send(&format!("USER {}", "a".repeat(248))).unwrap();
    assert_eq!(client.take().len(), 255);
    client.receive(b"+OK\r\n");
    client.send("PASS   x ").unwrap();
    assert_eq!(client.take(), b"PASS   x \r\n");
    for bad in [&b"a\r\nDELE 1"[..], b"a\nb", b"a\rb", b"a\0b"] {
        assert!(pop3_proto::Name::parse(bad).is_err() && pop3_proto::Password::parse(bad).is_err());
        assert!(pop3_proto::Extension::new(bad, ReplyShape::Line).is_err());
    }
}

// TOL-24, TOL-22
#[test]
fn deadlines_are_kept() {
    let mut client = Client::new();
    client.advance(Duration::from_secs(59));
    client.receive(b"+OK slow");
    client.advance(Duration::from_secs(1));
    assert_eq!(client.error(), Some(Error::TimedOut { during: None }), "the greeting has one deadline");

    let mut client = logged_in();
    client.advance(Duration::from_secs(10_000));
    assert_eq!(client.error(), None, "nothing is due while nothing was asked");
    client.send("RETR 1").unwrap();
    client.receive(b"+OK\r\n");
    for _ in 0..100 {
        client.advance(Duration::from_secs(59));
        client.receive(&[b'x'; 1000]);
    }
    assert_eq!(client.error(), None, "a slow message is no fault");
    client.advance(Duration::from_secs(60));
    assert_eq!(client.error(), Some(Error::TimedOut { during: Some(Keyword::Retr) }));

    let mut client = logged_in();
    client.send("QUIT").unwrap();
    client.advance(Duration::from_secs(299));
    assert_eq!(client.error(), None, "removing takes its time");
    client.advance(Duration::from_secs(1));
    assert_eq!(client.error(), Some(Error::TimedOut { during: Some(Keyword::Quit) }));
}

// 2595-4.21, 2595-2.10
#[test]
fn a_refused_stls_lets_no_password_out() {
    let mut client = Client::with(Config::default(), Channel::Plaintext);
    client.receive(b"+OK <1.2@h>\r\n");
    client.send("STLS").unwrap();
    assert_eq!(client.send("NOOP"), Err(SendError::Window));
    client.take();
    let seen = client.receive(b"-ERR no\r\n");
    assert!(matches!(&seen[..], [Seen::Reply(Keyword::Stls, first, None)] if !first.positive));
    for command in ["USER mrose", "PASS tanstaaf", "APOP mrose c4c9334bac560ecc979e58001b3e22fb"] {
        assert_eq!(client.send(command), Err(SendError::Plaintext), "{command}");
    }
    assert_eq!(client.take(), b"");
}

// 2595-4.13, 2595-4.14
#[test]
fn between_stls_and_the_handshake_nothing_may_go_either_way() {
    let mut client = Client::with(Config::default(), Channel::Plaintext).without_handshake();
    client.receive(b"+OK\r\n");
    client.send("STLS").unwrap();
    assert_eq!(client.receive(b"+OK go\r\n"), [Seen::StartTls]);
    assert!(client.send("CAPA").is_err());
    client.receive(b"+");
    assert_eq!(client.error(), Some(Error::Injected));
}

// 1939-7.39, 1939-7.40
#[test]
fn only_a_strict_timestamp_is_one() {
    for (greeting, timestamp) in [
        (&b"+OK hi <1.2@h> ready\r\n"[..], Some(&b"<1.2@h>"[..])),
        (b"+OK <ESMTP> <1.2@h>\r\n", Some(b"<1.2@h>")),
        (b"+OK <\xfe\x01@x>\r\n", None),
        (b"+OK <a>\r\n", None),
        (b"+OK <a@>\r\n", None),
        (b"+OK <a b@c>\r\n", None),
        (b"+OK >x@y<\r\n", None),
    ] {
        let mut client = Client::new();
        client.receive(greeting);
        assert_eq!(client.connection().greeting_timestamp().map(|found| found.as_bytes()), timestamp);
    }
}

// PRS-11, 2449-5.02, TOL-13: no CAPA, a space behind each status, sizes with LF as one octet, and an empty
// line more behind each message.
#[test]
fn a_server_like_qmail_pop3d_is_understood() {
    let mut client = Client::new();
    client.receive(b"+OK <1.2@h>\r\n");
    client.send("CAPA").unwrap();
    client.receive(b"-ERR unimplemented\r\n");
    for command in ["USER mrose", "PASS tanstaaf"] {
        client.send(command).unwrap();
        assert!(client.receive(b"+OK \r\n")[0].is_positive_reply(), "{command}");
    }
    client.send("LIST").unwrap();
    assert_eq!(client.receive(b"+OK \r\n1 8\r\n.\r\n")[1], Seen::Entry("1 8".into()));
    client.send("RETR 1").unwrap();
    let seen = client.receive(b"+OK \r\na: b\r\n\r\nc\r\n\r\n.\r\n");
    assert_eq!(seen[1..], [Seen::Data(b"a: b\r\n\r\nc\r\n\r\n".to_vec()), Seen::End(Keyword::Retr)]);
    client.send("DELE 1").unwrap();
    assert!(client.receive(b"+OK \r\n")[0].is_positive_reply());
    client.send("QUIT").unwrap();
    assert_eq!(client.receive(b"+OK \r\n").last(), Some(&Seen::Closed));
    let warnings: Vec<_> = client.log().iter().filter(|seen| matches!(seen, Seen::Warning(_))).collect();
    assert_eq!(warnings, [&Seen::Warning(Quirk::NoCapabilities)]);
}

// 1939-5.10
#[test]
fn there_is_no_message_0() {
    assert_eq!(pop3_proto::MessageNumber::new(0), None);
    assert_eq!(pop3_proto::MessageNumber::FIRST.number(), 1);
    assert!(pop3_proto::Command::parse(b"RETR 0").is_err());
}

// TOL-20
#[test]
fn texts_are_kept_whatever_is_in_them() {
    for text in [&b"caf\xe9"[..], b"\xff\x00\x1b", "\u{fc}ber".as_bytes()] {
        let line = [b"-ERR [SYS] ", text].concat();
        let reply = pop3_proto::Reply::parse(&line).unwrap();
        assert_eq!((reply.message, reply.code.is_some()), (text, true), "{}", line.escape_ascii());
        let seen = answer("NOOP", &[&line, &b"\r\n"[..]].concat());
        assert!(
            matches!(&seen[..], [Seen::Reply(Keyword::Noop, first, None)] if !first.positive),
            "{seen:?}"
        );
    }
}

// TOL-12: a server that sends more than was asked for.
#[test]
fn what_top_sends_is_taken_as_it_comes() {
    let seen = answer("TOP 1 0", b"+OK\r\na: b\r\n\r\nc\r\nd\r\n.\r\n");
    assert_eq!(seen[1..], [Seen::Data(b"a: b\r\n\r\nc\r\nd\r\n".to_vec()), Seen::End(Keyword::Top)]);
}
