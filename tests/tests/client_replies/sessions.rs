//! Limits, deadlines, and unexpected input.

use core::time::Duration;

use pop3_proto::client::{ClientConfig, Excerpt, ProtocolError, SendError};
use pop3_proto::{Channel, Keyword, ReplyShape};
use pop3_tests::client::{Client, Seen};
use pop3_tests::configured;
use pop3_tests::split::WHOLE;

use crate::{answer, greeted, logged_in, logged_in_with};

// SEC-07, TOL-14, TOL-21
#[test]
fn octets_that_nobody_asked_for_end_the_session() {
    let mut client = logged_in();
    client.send("NOOP").unwrap();
    client.receive(b"+OK\r\n+OK\r\n");
    assert_eq!(client.error(), Some(ProtocolError::Unsolicited(Excerpt::default())));
    assert!(client.send("DELE 1").is_err());
    // A body that ended too early. Its rest is not accepted as a reply.
    let seen = answer("RETR 1", b"+OK\r\na\r\n.\r\nb\r\n.\r\n");
    assert_eq!(
        seen[1..],
        [
            Seen::Data(b"a\r\n".to_vec()),
            Seen::End(Keyword::Retr),
            Seen::Failed(ProtocolError::Unsolicited(Excerpt::default()))
        ]
    );
    let mut client = logged_in();
    client.receive(b"-ERR Disconnected for inactivity.\r\n");
    client.end();
    assert_eq!(client.error(), Some(ProtocolError::Dismissed(Excerpt::default())));
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
    assert_eq!(
        endless(None, b"+OK ", &[b'x'; 1000], 20_000),
        Some(ProtocolError::LineTooLong(Excerpt::default()))
    );
    assert_eq!(
        endless(Some("NOOP"), b"-ERR ", &[b'x'; 1000], 20_000),
        Some(ProtocolError::LineTooLong(Excerpt::default()))
    );
    assert_eq!(
        endless(Some("LIST"), b"+OK\r\n1 ", &[b'1'; 1000], 20_000),
        Some(ProtocolError::LineTooLong(Excerpt::default()))
    );
    assert_eq!(endless(Some("CAPA"), b"+OK\r\n", b"X-A\r\n", 10_000), Some(ProtocolError::TooManyEntries));
    assert_eq!(
        endless(Some("XTND"), b"+OK\r\n", &b"x\r\n".repeat(1000), 4_000_000),
        Some(ProtocolError::TooManyEntries)
    );
    let mut client = Client::new();
    client.receive(&b"\r\n".repeat(1000));
    assert!(client.error().is_some(), "empty lines before the greeting have an end");
    // Only the caller limits the size of a body.
    let mut client = logged_in_with(configured::<ClientConfig>(|it| it.max_body = Some(10)));
    client.send("RETR 1").unwrap();
    let seen = client.receive(b"+OK\r\n0123456789abc\r\n.\r\n");
    assert_eq!(seen[1..], [Seen::Data(b"0123456789".to_vec()), Seen::Failed(ProtocolError::BodyTooLong)]);
}

// 1939-3.13, 2449-4.04, 1939-3.11, 1939-7.18
#[test]
fn commands_are_one_line_within_the_limit() {
    let mut client = greeted(ClientConfig::default());
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
    assert_eq!(
        client.error(),
        Some(ProtocolError::TimedOut { during: None }),
        "the greeting has one deadline"
    );

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
    assert_eq!(client.error(), Some(ProtocolError::TimedOut { during: Some(Keyword::Retr) }));

    let mut client = logged_in();
    client.send("QUIT").unwrap();
    client.advance(Duration::from_secs(299));
    assert_eq!(client.error(), None, "removing takes its time");
    client.advance(Duration::from_secs(1));
    assert_eq!(client.error(), Some(ProtocolError::TimedOut { during: Some(Keyword::Quit) }));
}

// 2595-4.21, 2595-2.10
#[test]
fn a_refused_stls_lets_no_password_out() {
    let mut client = Client::with(ClientConfig::default(), Channel::Plaintext);
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
    let mut client = Client::with(ClientConfig::default(), Channel::Plaintext).without_handshake();
    client.receive(b"+OK\r\n");
    client.send("STLS").unwrap();
    assert_eq!(client.receive(b"+OK go\r\n"), [Seen::StartTls]);
    assert!(client.send("CAPA").is_err());
    client.receive(b"+");
    assert_eq!(client.error(), Some(ProtocolError::Injected));
}
