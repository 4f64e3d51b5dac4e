//! Each line is read once, however unusual: it causes one event, which contains its quirks.

use bytes::BytesMut;
use pop3_proto::client::{ClientConfig, ClientConnection, ClientEvent};
use pop3_proto::{Channel, Command, Input, Instant, MechanismName, Quirk, Quirks, ReplyShape};

use crate::support::{Player, extension, number, pass, strict, user};

/// A connection after the login.
fn ready() -> ClientConnection {
    let mut client = ClientConnection::new(ClientConfig::default(), Channel::Tls, Instant::EPOCH);
    let mut out = BytesMut::new();
    let _ = poll_all(&mut client, b"+OK\r\n");
    for command in [user(), pass()] {
        client.send(&command, Instant::EPOCH, &mut out).unwrap();
        let _ = poll_all(&mut client, b"+OK\r\n");
    }
    client
}

/// The quirks of each event, up to [`ClientEvent::Read`] or [`ClientEvent::Closed`].
fn poll_all(client: &mut ClientConnection, octets: &[u8]) -> Vec<Vec<Quirk>> {
    let mut input = Input::new(octets);
    let mut told = Vec::new();
    loop {
        let event = client.poll(Instant::EPOCH, &mut input).unwrap();
        if matches!(event, ClientEvent::Read | ClientEvent::Closed | ClientEvent::StartTls { .. }) {
            assert!(input.rest().is_empty());
            if let ClientEvent::StartTls { quirks, .. } = event {
                told.push(quirks.iter().collect());
            }
            return told;
        }
        told.push(event.quirks().iter().collect());
    }
}

fn quirks_of(command: &Command<'_>, octets: &[u8]) -> Vec<Vec<Quirk>> {
    let mut client = ready();
    client.send(command, Instant::EPOCH, &mut BytesMut::new()).unwrap();
    poll_all(&mut client, octets)
}

/// One poll per line, even if a line has several quirks.
#[test]
fn an_odd_line_takes_no_more_polls_than_a_good_one() {
    for (command, good, odd) in [
        (Command::List(None), "N 120", " 00N   0120"),
        (Command::Uidl(None), "N uid", " 0N  with space\u{e9}"),
        (Command::Capa, "XN", " EXPIRENEVER "),
        (Command::Lang(None), "de Deutsch", "de  Deutsch"),
    ] {
        let mut polls = [good, odd].map(|line| {
            let end = if line == good { "\r\n" } else { "\n" };
            let lines: String = (1..=500).map(|n| line.replace('N', &n.to_string()) + end).collect();
            let told = quirks_of(&command, format!("+OK{end}{lines}.{end}").as_bytes());
            let odd_events = told.iter().filter(|quirks| !quirks.is_empty()).count();
            assert_eq!(odd_events, if line == good { 0 } else { told.len() }, "{command:?}");
            told.len()
        });
        polls.sort_unstable();
        assert_eq!(polls, [502, 502], "{command:?}");
    }
}

/// Lines without meaning cause no event. Their quirks are reported with the next event, whenever that
/// comes, and once.
#[test]
fn what_is_skipped_is_told_with_what_comes_next() {
    let mut client = ready();
    client.send(&Command::Uidl(None), Instant::EPOCH, &mut BytesMut::new()).unwrap();
    assert_eq!(poll_all(&mut client, b"+OK\r\n"), [vec![]]);
    for _ in 0..100 {
        assert_eq!(poll_all(&mut client, b"\r\n").len(), 0);
    }
    assert_eq!(poll_all(&mut client, b"1\n").len(), 0);
    let skipped = vec![Quirk::BareLineFeed, Quirk::EmptyListingLine, Quirk::EmptyUniqueId];
    assert_eq!(poll_all(&mut client, b"2 b\r\n3 c\r\n.\r\n"), [skipped, vec![], vec![]]);

    client.send(&Command::List(None), Instant::EPOCH, &mut BytesMut::new()).unwrap();
    assert_eq!(
        poll_all(&mut client, b"\r\n+ok\r\n1 2\r\n2 2\r\n3 2\r\n \r\n.\r\n"),
        [
            vec![Quirk::StatusCase, Quirk::EmptyLineBeforeReply],
            vec![],
            vec![],
            vec![],
            vec![Quirk::EmptyListingLine],
        ]
    );
}

/// Any number of lines without meaning is skipped in one poll, not with one call for each.
#[test]
fn skipping_has_no_depth() {
    let mut octets = b"+OK\r\n".to_vec();
    octets.extend(b"\r\n".repeat(200_000));
    octets.extend(b"1 x\r\n.\r\n");
    let told = quirks_of(&Command::Uidl(None), &octets);
    assert_eq!(told, [vec![], vec![Quirk::EmptyListingLine], vec![]]);
}

/// A strict client refuses the line before it is consumed. A line that others skip is still at the front.
#[test]
fn strict_refuses_what_would_be_skipped() {
    for (octets, quirk) in [
        (&b"+OK\r\n1 x\r\n\r\n.\r\n"[..], "EmptyListingLine"),
        (b"+OK\r\n1\r\n.\r\n", "EmptyUniqueId"),
        (b"\r\n+OK\r\n.\r\n", "EmptyLineBeforeReply"),
    ] {
        let mut player = Player::ready(strict());
        player.exchange(&Command::Uidl(None), octets);
        assert_eq!(player.told().last().unwrap(), &format!("error Quirk({quirk})"));
    }
    let mut player = Player::new(strict(), Channel::Tls);
    player.feed(b"\r\n+OK\r\n");
    assert_eq!(player.told(), ["error Quirk(EmptyLineBeforeGreeting)"]);
}

/// Each kind of event can have quirks, including the greeting, a challenge, and the reply to STLS.
#[test]
fn every_first_line_tells_its_quirks() {
    let mut client = ClientConnection::new(ClientConfig::default(), Channel::Plaintext, Instant::EPOCH);
    let mut out = BytesMut::new();
    assert_eq!(
        poll_all(&mut client, b"\n+ok\n"),
        [vec![Quirk::StatusCase, Quirk::BareLineFeed, Quirk::EmptyLineBeforeGreeting]]
    );
    client.send(&Command::Stls, Instant::EPOCH, &mut out).unwrap();
    assert_eq!(poll_all(&mut client, b"+ok\tgo\n"), [vec![Quirk::StatusCase, Quirk::BareLineFeed]]);
    // The event is repeated, but its quirks are not.
    assert_eq!(poll_all(&mut client, b""), [vec![]]);
    client.tls_established(Instant::EPOCH).unwrap();
    let mechanism = MechanismName::parse(b"PLAIN").unwrap();
    client.send(&Command::Auth { mechanism, initial: None }, Instant::EPOCH, &mut out).unwrap();
    let mut input = Input::new(b"+\n");
    let challenge = client.poll(Instant::EPOCH, &mut input).unwrap();
    let odd: Quirks = [Quirk::BareLineFeed, Quirk::ContinuationWithoutSpace].into_iter().collect();
    assert!(matches!(challenge, ClientEvent::Challenge { quirks, .. } if quirks == odd), "{challenge:?}");
}

/// A caller checks an event for what it waits for.
#[test]
fn events_answer_what_they_are_asked() {
    let mut client = ready();
    let mut out = BytesMut::new();
    client.send(&Command::List(Some(number(2))), Instant::EPOCH, &mut out).unwrap();
    let event = client.poll(Instant::EPOCH, &mut Input::new(b"+OK 2 200\r\n")).unwrap();
    assert!(event.ends_reply() && event.entry().is_some());
    assert_eq!(event.reply().unwrap().text, b"2 200");
    client.send(&extension(b"XTND", ReplyShape::Lines), Instant::EPOCH, &mut out).unwrap();
    let octets = b"+OK\r\nline\r\n.\r\n";
    let mut input = Input::new(octets);
    let first = client.poll(Instant::EPOCH, &mut input).unwrap();
    assert!(!first.ends_reply() && first.reply().is_some() && first.entry().is_none());
    let line = client.poll(Instant::EPOCH, &mut input).unwrap();
    assert!(!line.ends_reply() && line.reply().is_none() && line.entry().is_none());
    let end = client.poll(Instant::EPOCH, &mut input).unwrap();
    assert!(end.ends_reply() && end.reply().is_none() && end.quirks().is_empty());
}
