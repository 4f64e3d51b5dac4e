//! Limits on what the server sends and on what the caller sends.

use bytes::BytesMut;
use pop3_proto::client::{ClientConfig, ClientConnection, ClientEvent, ProtocolError, SendError};
use pop3_proto::{Channel, Command, Input, Instant, Name, Password, ReplyShape};

use crate::support::{Player, extension, play_split, retr, turn};

/// 2449-3.04, SEC-04: an endless line is given up at the limit, and the client stores not one octet of it.
#[test]
fn an_endless_line_is_given_up() {
    let mut client = ClientConnection::new(ClientConfig::default(), Channel::Tls, Instant::EPOCH);
    let (mut buffer, mut fed) = (b"+OK ".to_vec(), 0);
    let error = loop {
        let mut input = Input::new(&buffer);
        match client.poll(Instant::EPOCH, &mut input) {
            Ok(event) => assert_eq!(event, ClientEvent::Read),
            Err(error) => break error,
        }
        assert!(fed < 10 << 20);
        buffer.extend_from_slice(&[b'x'; 100]);
        fed += 100;
    };
    assert!(matches!(error, ProtocolError::LineTooLong(_)), "{error:?}");
    assert!(buffer.len() <= 8192 + 100);
}

/// The limit includes the line end, and a line of exactly that size is accepted.
#[test]
fn the_limit_of_a_line_is_exact() {
    let mut config = ClientConfig::default();
    config.max_reply_line = 10;
    config.max_list_line = 8;
    config.max_sasl_line = 9;
    assert_eq!(config.min_buffer(), 10);
    assert_eq!(play_split(&config, &[turn(&[], b"+OK 4567\r\n")])[0], "greeting Positive 4567");
    assert_eq!(play_split(&config, &[turn(&[], b"+OK 45678\r\n")]), ["error LineTooLong"]);
    assert_eq!(play_split(&config, &[turn(&[], b"+OK 456789")]), ["error LineTooLong"]);
    let list = |line: &[u8]| {
        play_split(
            &config,
            &[turn(&[], b"+OK\r\n"), turn(&[Command::Capa], &[b"+OK\r\n", line, b"\r\n.\r\n"].concat())],
        )
    };
    assert_eq!(list(b"ABCDEF")[2], "Capability(Other(\"ABCDEF\"))");
    assert_eq!(list(b"ABCDEFG").last().unwrap(), "error LineTooLong");
}

/// SEC-08: the list is kept, so its lines are bounded together, too.
#[test]
fn the_octets_of_capabilities_are_bounded() {
    let mut config = ClientConfig::default();
    config.max_capability_octets = 200;
    for (octets, bounded) in [(196, false), (197, true)] {
        let mut player = Player::ready(config.clone());
        let last = "X".repeat(octets);
        player.exchange(&Command::Capa, format!("+OK\r\nUIDL\r\n{last}\r\n.\r\n").as_bytes());
        let told = player.told();
        assert_eq!(told.last().unwrap() == "error TooManyEntries", bounded, "{told:?}");
    }
}

/// SEC-08: endless listings end at the limit.
#[test]
fn listings_are_bounded() {
    let mut config = ClientConfig::default();
    config.max_list_entries = 3;
    config.max_capabilities = 2;
    for (command, line, limit) in [
        (Command::Capa, &b"TOP\r\n"[..], 2),
        (Command::Capa, b"\r\n", 2),
        (extension(b"XTND", ReplyShape::Lines), b"x\r\n", 3),
        (Command::List(None), b"\r\n", 3),
    ] {
        for (lines, bounded) in [(limit, false), (limit + 1, true)] {
            let mut player = Player::ready(config.clone());
            player.exchange(&command, &[b"+OK\r\n", &line.repeat(lines)[..], b".\r\n"].concat());
            let told = player.told();
            assert_eq!(told.last().unwrap() == "error TooManyEntries", bounded, "{told:?}");
            assert_eq!(told.last().unwrap().starts_with("end"), !bounded, "{told:?}");
        }
    }
    let mut player = Player::ready(config);
    player.exchange(&Command::Uidl(None), b"+OK\r\n1 a\r\n2 b\r\n3 c\r\n4 d\r\n.\r\n");
    assert_eq!(player.told().last().unwrap(), "error TooManyEntries");
}

/// 1939-3.38: lines of a body have no limit. The body has one if the caller sets it.
#[test]
fn bodies_are_bounded_on_demand() {
    let mut player = Player::ready(ClientConfig::default());
    let line = vec![b'x'; 1 << 20];
    player.exchange(&retr(1), b"+OK\r\n");
    player.feed(&line);
    player.feed(b"\r\n.\r\n");
    let told = player.told();
    assert_eq!((told[1].len(), told[2].as_str()), ("data ".len() + (1 << 20) + "\\r\\n".len(), "end Retr"));

    let mut config = ClientConfig::default();
    config.max_body = Some(5);
    for (body, expected) in [
        (&b"abc\r\n.\r\n"[..], &["data abc\\r\\n", "end Retr"][..]),
        (b"abcd\r\n.\r\n", &["data abcd\\r", "error BodyTooLong"]),
        (b"abcdefghi", &["data abcde", "error BodyTooLong"]),
    ] {
        for cut in 0..=body.len() {
            let mut player = Player::ready(config.clone());
            player.exchange(&retr(1), b"+OK\r\n");
            player.feed(&body[..cut]);
            player.feed(&body[cut..]);
            assert_eq!(player.told()[1..], *expected);
        }
    }
}

/// 2449-4.04: a command has at most 255 octets. Of a longer one, nothing is sent.
#[test]
fn commands_are_bounded() {
    let octets = [b'a'; 300];
    let mut player = Player::greeted(ClientConfig::default());
    let user = |length: usize| Command::User(Name::parse(&octets[..length]).unwrap());
    assert_eq!(player.try_send(&user(249)), Err(SendError::TooLong));
    assert!(player.sent.is_empty());
    player.exchange(&user(248), b"+OK\r\n");
    assert_eq!(player.sent.len(), 255);
    let password = Command::Pass(Password::parse(&octets).unwrap());
    assert_eq!(player.try_send(&password), Err(SendError::TooLong));
    let long = extension(&octets, ReplyShape::Line);
    assert_eq!(player.try_send(&long), Err(SendError::TooLong));
    assert_eq!(player.sent.len(), 255);
}

/// A listing longer than any buffer can be read with a buffer of one line.
#[test]
fn a_long_listing_needs_no_memory() {
    let mut client =
        ClientConnection::new(ClientConfig::default(), Channel::TrustedPlaintext, Instant::EPOCH);
    let mut out = BytesMut::new();
    let mut step = |octets: &[u8], command: Option<Command<'_>>, client: &mut ClientConnection| {
        if let Some(command) = command {
            client.send(&command, Instant::EPOCH, &mut out).unwrap();
        }
        let mut input = Input::new(octets);
        let mut entries = 0;
        loop {
            let event = client.poll(Instant::EPOCH, &mut input).unwrap();
            if event == ClientEvent::Read {
                break;
            }
            entries += usize::from(matches!(event, ClientEvent::Entry { .. }));
        }
        assert!(input.rest().is_empty());
        entries
    };
    step(b"+OK\r\n", None, &mut client);
    step(b"+OK\r\n", Some(crate::support::user()), &mut client);
    step(b"+OK\r\n", Some(crate::support::pass()), &mut client);
    step(b"+OK\r\n", Some(Command::List(None)), &mut client);
    let mut entries = 0;
    for number in 1..=100_000 {
        entries += step(format!("{number} 1000\r\n").as_bytes(), None, &mut client);
    }
    step(b".\r\n", None, &mut client);
    assert_eq!((entries, client.outstanding()), (100_000, 0));
}
