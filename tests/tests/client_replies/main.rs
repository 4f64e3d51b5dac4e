//! How the client handles replies: good ones, unusual ones, and invalid ones.

mod bodies;
mod listings;
mod sessions;

use pop3_proto::client::{ClientConfig, Excerpt, Protocol, ProtocolError, SendError};
use pop3_proto::{Channel, Keyword, Quirk};
use pop3_tests::client::{Client, Seen};
use pop3_tests::configured;
use pop3_tests::split::{OCTETS, WHOLE};

fn greeted(config: ClientConfig) -> Client {
    let mut client = Client::with(config, Channel::Tls);
    client.receive(b"+OK\r\n");
    client
}

fn logged_in() -> Client {
    logged_in_with(ClientConfig::default())
}

fn logged_in_with(config: ClientConfig) -> Client {
    let mut client = greeted(config);
    for command in ["USER mrose", "PASS tanstaaf"] {
        client.send(command).unwrap();
        client.receive(b"+OK\r\n");
    }
    client.take();
    client
}

/// What the client makes of the reply to a command after the login, the same at every split.
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
    assert_eq!(bodies::body(b"+OK\r\n.\r\n"), Some(Vec::new()));
}

// 1939-4.02
#[test]
fn a_negative_greeting_ends_the_session_before_it_began() {
    let mut client = Client::new();
    assert_eq!(client.send("CAPA"), Err(SendError::State(pop3_proto::client::ClientState::Greeting)));
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
            [Seen::Failed(ProtocolError::OutOfStep(Excerpt::default()))],
            "{}",
            line.escape_ascii()
        );
    }
    for (line, protocol) in [
        (&b"220 mail ESMTP\r\n"[..], Protocol::Smtp),
        (b"* OK IMAP4rev1\r\n", Protocol::Imap),
        (b"HTTP/1.1 400 Bad Request\r\n", Protocol::Http),
        (b"SSH-2.0-x\r\n", Protocol::Ssh),
        // What Courier answers on its TLS port.
        (b"\x15\x03\x03\x00\x02\x01\x00", Protocol::Tls),
    ] {
        for lengths in [WHOLE, OCTETS] {
            let mut client = Client::new();
            client.feed(line, lengths);
            client.end();
            assert_eq!(
                client.error(),
                Some(ProtocolError::OtherProtocol(protocol)),
                "{}",
                line.escape_ascii()
            );
        }
    }
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
        let strict =
            answer_to(|| logged_in_with(configured::<ClientConfig>(|it| it.strict = true)), "NOOP", octets);
        assert_eq!(strict, [Seen::Failed(ProtocolError::Quirk(quirk))]);
    }
    let seen = Client::new().receive(b"\r\n+OK hi\r\n");
    assert!(
        matches!(&seen[..], [Seen::Warning(Quirk::EmptyLineBeforeGreeting), Seen::Greeting(_)]),
        "{seen:?}"
    );
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
        let found = client.connection().greeting_timestamp().map(|it| it.as_str().as_bytes());
        assert_eq!(found, timestamp);
    }
}
