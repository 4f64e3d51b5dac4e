//! Recorded sessions of real servers, read by our client. It accepts them or reports a named error, the
//! same at every split.
//!
//! `data/transcripts/outcomes.txt` contains the results. After a change of the client, run this
//! test with `UPDATE_DOCS=1` and check the difference.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

use core::fmt::Write as _;

use pop3_proto::client::{ClientState, SendError};
use pop3_proto::{Command, ReplyShape};
use pop3_tests::client::{Client, Seen};
use pop3_tests::dialogue::{Dialogue, Turn, data, read};
use pop3_tests::split::{OCTETS, WHOLE};

const SERVERS: [&str; 5] = ["courier", "dovecot", "nginx", "perdition", "popa3d"];

/// What was sent together, and what was received in reply.
#[derive(Debug, Default)]
struct Exchange {
    name: String,
    commands: Vec<Vec<u8>>,
    raw: bool,
    answer: Vec<u8>,
    mark: Option<String>,
}

fn exchanges(dialogue: &Dialogue) -> Vec<Exchange> {
    let mut exchanges = vec![Exchange { name: "greeting".into(), ..Exchange::default() }];
    for turn in &dialogue.turns {
        let last = exchanges.last_mut().unwrap();
        match turn {
            Turn::Probe(name) if name.starts_with("greeting") && last.answer.is_empty() => {}
            Turn::Probe(name) => exchanges.push(Exchange { name: name.clone(), ..Exchange::default() }),
            Turn::Client(line) => last.commands.push(line.clone()),
            Turn::ClientRaw(_) => last.raw = true,
            Turn::Server(line) => {
                last.answer.extend_from_slice(line);
                last.answer.extend_from_slice(b"\r\n");
            }
            Turn::ServerRaw(octets) => last.answer.extend_from_slice(octets),
            Turn::Mark(mark) => last.mark = Some(mark.clone()),
            Turn::ServerDiffers(_) | _ => unreachable!("recordings have no such lines"),
        }
    }
    exchanges
}

/// The result of the client for a session. The text is for `outcomes.txt`.
fn replay(dialogue: &Dialogue, lengths: &[usize]) -> (Vec<Seen>, String) {
    let mut client = Client::new();
    let mut text = String::new();
    let (mut taken, mut unsent) = (0, 0);
    for exchange in exchanges(dialogue) {
        if let Some(error) = client.error() {
            writeln!(text, "  {}: not reached after: {error:#}", exchange.name).unwrap();
            break;
        }
        if exchange.commands.len() > 1 && client.connection().state() == ClientState::Transaction {
            // The recording has no CAPA here. Without it the client would not send commands in advance.
            client.send("CAPA").unwrap();
            client.feed(b"+OK\r\nPIPELINING\r\nUIDL\r\nTOP\r\n.\r\n", lengths);
        }
        let before = client.log().len();
        // A line that our client cannot send, or more lines than it may send. This probe is skipped.
        let refused = exchange
            .commands
            .iter()
            .map(|line| send(&mut client, line, &exchange.answer))
            .find_map(Result::err);
        if exchange.raw || refused.is_some() {
            if client.connection().outstanding() > 0 {
                // The first command of a group was sent. The next one waits for its reply.
                assert_eq!(refused, Some(SendError::Window), "{}: {}", dialogue.name, exchange.name);
                writeln!(text, "  {}: the rest of the burst waits", exchange.name).unwrap();
                break;
            }
            unsent += 1;
            continue;
        }
        client.feed(&exchange.answer, lengths);
        if exchange.mark.as_deref().is_some_and(|mark| matches!(mark, "EOF" | "RESET")) {
            client.end();
        }
        let seen = &client.log()[before..];
        for seen in seen {
            match seen {
                Seen::Warning(quirk) => writeln!(text, "  {}: warning: {quirk}", exchange.name).unwrap(),
                Seen::Failed(error) => writeln!(text, "  {}: error: {error:#}", exchange.name).unwrap(),
                _ => {}
            }
        }
        if client.error().is_none() {
            check(&dialogue.name, &exchange, seen);
            taken += 1;
        }
    }
    (client.log().to_vec(), format!("{}: {taken} taken, {unsent} not sent\n{text}", dialogue.name))
}

fn send(client: &mut Client, line: &[u8], answer: &[u8]) -> Result<(), SendError> {
    // Our client cannot send a leading or trailing space, a TAB, or an empty line.
    let extension = pop3_proto::Extension::new(line, ReplyShape::Line);
    if Command::parse(line).is_err() && extension.is_err() {
        return Err(SendError::Reserved);
    }
    let lines = answer.windows(5).any(|end| end == b"\r\n.\r\n") && answer.starts_with(b"+OK");
    client.send_shaped(line, if lines { ReplyShape::Lines } else { ReplyShape::Line })
}

/// Everything that the server sent arrived, without dot-stuffing.
fn check(session: &str, exchange: &Exchange, seen: &[Seen]) {
    let name = format!("{session}: {}", exchange.name);
    let lines: Vec<_> = exchange.answer.split_inclusive(|&octet| octet == b'\n').collect();
    let Some((first, rest)) = lines.split_first() else { return };
    if exchange.commands.len() > 1 {
        // Each reply was matched to its command, because their shapes differ.
        let replies = seen.iter().filter(|seen| matches!(seen, Seen::Reply(..))).count();
        assert_eq!(replies, exchange.commands.len(), "{name}");
        return;
    }
    let replies = seen.iter().filter_map(|seen| match seen {
        Seen::Greeting(first) | Seen::Reply(_, first, _) => Some(first.positive),
        Seen::StartTls => Some(true),
        _ => None,
    });
    assert!(replies.eq([first.starts_with(b"+OK")]), "{name}: {seen:?}");
    let Some((end, rest)) = rest.split_last() else { return };
    assert_eq!(*end, b".\r\n", "{name}");
    assert!(seen.iter().any(|seen| matches!(seen, Seen::End(_))), "{name}");
    let content: Vec<u8> =
        rest.iter().flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect();
    let data: Vec<u8> = seen
        .iter()
        .filter_map(|s| if let Seen::Data(d) = s { Some(d) } else { None })
        .flatten()
        .copied()
        .collect();
    let entries = seen.iter().filter(|seen| matches!(seen, Seen::Entry(_) | Seen::Line(_))).count();
    assert!(data == content || (data.is_empty() && entries == rest.len()), "{name}: {seen:?}");
}

// 1939-3.19, 1957-1.01, 2449-5.07, 2449-8.04, 1939-5.33, PRS-01, PRS-02, 2449-6.61
#[test]
fn recordings_are_taken_or_refused_by_name() {
    let mut outcomes = String::new();
    for server in SERVERS {
        let dialogues = read(&data().join("transcripts").join(format!("{server}.txt")));
        assert!(dialogues.len() > 20, "{server}");
        // This client does not use AUTH.
        for dialogue in dialogues.iter().filter(|dialogue| !dialogue.name.starts_with("sasl ")) {
            let (log, text) = replay(dialogue, WHOLE);
            for lengths in [OCTETS, &[2], &[5, 1, 64]] {
                assert_eq!(
                    replay(dialogue, lengths),
                    (log.clone(), text.clone()),
                    "{server}: {}",
                    dialogue.name
                );
            }
            write!(outcomes, "{server}: {text}").unwrap();
        }
    }
    let path = data().join("transcripts/outcomes.txt");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &outcomes).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differ = kept.lines().chain(["(end)"]).zip(outcomes.lines().chain(["(end)"])).find(|(a, b)| a != b);
    assert_eq!(
        differ, None,
        "outcomes.txt (left) and what came out (right); if right, run with UPDATE_DOCS=1"
    );
}
