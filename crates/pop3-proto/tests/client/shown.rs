//! How `Debug` shows the server's octets: as text if they are text, and escaped otherwise. Nothing that is shown can
//! control a terminal or add a line to a log.

use core::fmt::Debug;

use bytes::BytesMut;
use pop3_proto::client::{Challenge, ClientConfig, ClientConnection, ClientEvent, Excerpt};
use pop3_proto::{
    Capabilities, Channel, Command, Extension, Input, Instant, Reply, ReplyShape, ResponseCode, Xclient,
};

use crate::support::{Player, extension, pass, user};

/// Octets that do harm if they are shown unchanged, and a recognisable word.
const HARM: &[u8] = b"caf\xe9\x1b[2J\x07";
const SHOWN: &str = r"caf\xe9\x1b[2J\x07";

#[track_caller]
fn check(value: &dyn Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(shown.contains(SHOWN), "{shown}");
        assert!(shown.chars().all(|character| matches!(character, ' '..='~' | '\n')), "{shown:?}");
        assert!(!shown.contains("27") && !shown.contains("233"), "{shown}");
    }
}

/// What the client reports for this reply.
fn events(command: &Command<'_>, reply: &[u8]) -> usize {
    let mut client = ClientConnection::new(ClientConfig::default(), Channel::Tls, Instant::EPOCH);
    let mut out = BytesMut::new();
    let mut harmful = 0;
    let greeting = [b"+OK <1.2@", HARM, b"> ", HARM, b"\r\n"].concat();
    for (command, octets) in [
        (None, &greeting[..]),
        (Some(user()), b"+OK\r\n"),
        (Some(pass()), b"+OK\r\n"),
        (Some(*command), reply),
    ] {
        if let Some(command) = command {
            client.send(&command, Instant::EPOCH, &mut out).unwrap();
        }
        let mut input = Input::new(octets);
        while !input.rest().is_empty() {
            let event = client.poll(Instant::EPOCH, &mut input).unwrap();
            if event.reply().is_some_and(|reply| !reply.text.is_empty())
                || matches!(event, ClientEvent::Entry { .. } | ClientEvent::Line(_) | ClientEvent::Data(_))
            {
                harmful += 1;
                check(&event);
            }
        }
        let connection = format!("{client:?}");
        assert!(connection.chars().all(|character| matches!(character, ' '..='~')), "{connection}");
    }
    harmful
}

#[test]
fn events_show_octets_escaped() {
    let harm = |before: &[u8], behind: &[u8]| [before, HARM, behind].concat();
    for (command, reply) in [
        (Command::Noop, harm(b"-ERR ", b"\r\n")),
        (Command::Noop, harm(b"-ERR [X-", b"]\r\n")),
        (Command::Uidl(None), harm(b"+OK\r\n1 ", b"\r\n.\r\n")),
        (Command::Capa, harm(b"+OK\r\nIMPLEMENTATION ", b"\r\n.\r\n")),
        (Command::Capa, harm(b"+OK\r\nSASL ", b"\r\n.\r\n")),
        (Command::Capa, harm(b"+OK\r\nX-", b"\r\n.\r\n")),
        (Command::Lang(None), harm(b"+OK\r\nde ", b"\r\n.\r\n")),
        (extension(b"XTND", ReplyShape::Lines), harm(b"+OK\r\n", b"\r\n.\r\n")),
        (extension(b"XTND", ReplyShape::Body), harm(b"+OK\r\n", b"\r\n.\r\n")),
    ] {
        // The greeting is one of them.
        assert_eq!(events(&command, &reply), 2, "{}", reply.escape_ascii());
    }
}

#[test]
fn values_show_octets_escaped() {
    let capabilities: Capabilities = [HARM].into_iter().collect();
    check(&capabilities);
    check(&Challenge::Words(HARM));
    check(&Excerpt::new(None, HARM));
    check(&ResponseCode::Other(HARM));
    let line = [b"+OK ", HARM].concat();
    check(&Reply::parse(&line).unwrap());
    assert_eq!(
        format!("{:?}", Extension::new("XTND \u{e9}".as_bytes(), ReplyShape::Line).unwrap()),
        r#"Extension { line: "XTND \xc3\xa9", reply: Line }"#
    );
    let Ok(Command::Xclient(attributes)) = Command::parse(b"XCLIENT ADDR=192.0.2.1") else { panic!() };
    assert_eq!(format!("{attributes:?}"), r#"Xclient("ADDR=192.0.2.1")"#);
    let _: Xclient<'_> = attributes;
}

/// The error about a line contains the line.
#[test]
fn errors_show_octets_escaped() {
    let mut player = Player::ready(ClientConfig::default());
    player.client.send(&Command::Noop, player.now, &mut player.sent).unwrap();
    let line = [HARM, b"\r\n"].concat();
    let mut input = Input::new(&line);
    let error = player.client.poll(player.now, &mut input).unwrap_err();
    check(&error);
    check(&player.client);
}
