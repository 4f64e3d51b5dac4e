//! The examples of the RFCs, with our server, with our client, and with both.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

use pop3_proto::server::ServerConfig;
use pop3_proto::{Channel, Rejection};
use pop3_tests::client::{Client, Seen};
use pop3_tests::dialogue::{Dialogue, Turn, data, read};
use pop3_tests::pair::Pair;
use pop3_tests::server::Server;
use pop3_tests::split::{OCTETS, WHOLE};
use pop3_tests::store::{Fault, Store, wire};

/// Messages of 120 and of 200 octets.
fn messages() -> [Vec<u8>; 2] {
    [120, 200].map(|length| {
        let mut message = b"Subject: hoopy\r\n\r\n.a line with a dot\r\n".to_vec();
        message.resize(length - 2, b'x');
        message.extend_from_slice(b"\r\n");
        message
    })
}

fn store(dialogue: &Dialogue) -> Store {
    let [one, two] = messages();
    let mut store = Store::with([("whqtswO00WBw418f9t5JxYwZ", &one[..]), ("QhdPYR:00WBw1Ph7x7", &two[..])]);
    for setup in &dialogue.setup {
        match setup.split_once(' ').unwrap_or((setup, "")) {
            ("password", password) => store.password = password.as_bytes().to_vec(),
            ("in-use", "") => store.fault = Fault::Login(Rejection::in_use()),
            ("login", "") | ("deleted", _) => {}
            other => panic!("{other:?}"),
        }
    }
    store
}

/// A server with the setup of the dialogue. The greeting is sent if the dialogue contains one.
fn server(dialogue: &Dialogue) -> Server {
    let greeting = dialogue.turns.iter().find_map(|turn| match turn {
        Turn::Server(line) => Some(String::from_utf8(line.clone()).unwrap()),
        _ => None,
    });
    let timestamp = greeting.as_deref().and_then(|line| Some(&line[line.find('<')?..=line.find('>')?]));
    let mut config = ServerConfig::default();
    config.starttls = true;
    let mut server = Server::with(store(dialogue), config, Channel::TrustedPlaintext, timestamp);
    if dialogue.setup.iter().any(|setup| setup == "login") {
        server = server.log_in();
    }
    for setup in &dialogue.setup {
        if let Some(number) = setup.strip_prefix("deleted ") {
            assert!(server.say(&format!("DELE {number}")).starts_with("+OK "));
        }
    }
    server
}

/// What is sent for a line from the server, with CRLF.
fn expand(line: &[u8]) -> Vec<u8> {
    for (number, message) in (1..).zip(messages()) {
        if line == format!("<message {number}>").as_bytes() {
            let wire = wire(&message);
            return wire[..wire.len() - 3].to_vec();
        }
    }
    [line, b"\r\n"].concat()
}

/// What the client sends, and the server's answer to it. Nothing is sent for the greeting.
fn exchanges(dialogue: &Dialogue) -> Vec<(Option<Vec<u8>>, Vec<u8>, bool)> {
    let mut exchanges: Vec<(Option<Vec<u8>>, Vec<u8>, bool)> = Vec::new();
    for turn in &dialogue.turns {
        match turn {
            Turn::Client(line) => exchanges.push((Some(line.clone()), Vec::new(), false)),
            Turn::Server(line) | Turn::ServerDiffers(line) => {
                if exchanges.is_empty() {
                    exchanges.push((None, Vec::new(), false));
                }
                let (_, answer, differs) = exchanges.last_mut().unwrap();
                answer.extend(expand(line));
                *differs |= matches!(turn, Turn::ServerDiffers(_));
            }
            Turn::Mark(_) => {}
            other => panic!("{other:?}"),
        }
    }
    exchanges
}

fn dialogues() -> Vec<Dialogue> {
    let files = ["rfc1939.txt", "rfc2449.txt", "rfc2595.txt"];
    let dialogues: Vec<_> = files.iter().flat_map(|file| read(&data().join("rfc").join(file))).collect();
    assert!(dialogues.len() >= 18);
    dialogues
}

fn first_line(answer: &[u8]) -> (&[u8], &[u8]) {
    let end = answer.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
    answer.split_at(end)
}

/// The significant words of a reply: the status, and the numbers after it if the command has
/// any.
fn meaning<'l>(command: &[u8], line: &'l [u8]) -> Vec<&'l [u8]> {
    let words: Vec<_> = line.trim_ascii_end().split(|&octet| octet == b' ').collect();
    let data =
        words[0] == b"+OK" && [&b"STAT"[..], b"LIST ", b"UIDL "].iter().any(|c| command.starts_with(c));
    words[..if data { 3 } else { 1 }].to_vec()
}

// Sections 4 to 7 and 10 of RFC 1939, RFC 2449 sections 5 and 8, RFC 2595 section 4
#[test]
fn our_server_answers_as_the_rfcs_do() {
    for dialogue in dialogues() {
        let mut server = server(&dialogue);
        for (command, answer, differs) in exchanges(&dialogue) {
            let name = format!(
                "{}: {}",
                dialogue.name,
                String::from_utf8_lossy(command.as_deref().unwrap_or_default())
            );
            let ours = match &command {
                None => server.take(),
                Some(line) => server.send(&[line, &b"\r\n"[..]].concat()),
            };
            let command = command.unwrap_or_default();
            let ((our_line, our_rest), (line, rest)) = (first_line(&ours), first_line(&answer));
            if differs {
                assert_ne!(our_line[0], line[0], "{name}");
                continue;
            }
            // This example has a different maildrop.
            if dialogue.name != "section 7: APOP" {
                assert_eq!(meaning(&command, our_line), meaning(&command, line), "{name}");
            }
            if command == b"CAPA" {
                assert!(our_rest.ends_with(b"\r\n.\r\n") && rest.ends_with(b"\r\n.\r\n"), "{name}");
            } else {
                assert_eq!(our_rest.escape_ascii().to_string(), rest.escape_ascii().to_string(), "{name}");
            }
            // 2449-8.11: where the RFC shows a code, we send one.
            if line.starts_with(b"-ERR [") {
                let end = line.iter().position(|&octet| octet == b']').unwrap();
                assert_eq!(our_line[..=end], line[..=end], "{name}");
            }
        }
        let ends = dialogue.turns.last() == Some(&Turn::Mark("EOF".into()));
        assert_eq!(server.closed().is_some(), ends, "{}", dialogue.name);
    }
}

// 1939-3.16, 1939-3.28, 1939-3.29, 2449-8.01
#[test]
fn our_client_understands_the_rfcs_server() {
    for dialogue in dialogues() {
        let mut logs = Vec::new();
        for lengths in [WHOLE, OCTETS, &[2, 3], &[7]] {
            let mut client = Client::new();
            if dialogue.setup.iter().any(|setup| setup == "login") {
                client.feed(b"+OK\r\n", lengths);
                client.send("USER mrose").unwrap();
                client.feed(b"+OK\r\n", lengths);
                client.send("PASS tanstaaf").unwrap();
                client.feed(b"+OK\r\n", lengths);
            }
            for (command, answer, _) in exchanges(&dialogue) {
                let name = format!(
                    "{}: {}",
                    dialogue.name,
                    String::from_utf8_lossy(command.as_deref().unwrap_or_default())
                );
                let before = client.log().len();
                if let Some(command) = &command {
                    let sent = client.send(core::str::from_utf8(command).unwrap());
                    // The client refuses STLS under TLS before it is sent.
                    if command == b"STLS" && client.connection().channel() == Channel::Tls {
                        assert!(sent.is_err());
                        continue;
                    }
                    sent.unwrap_or_else(|error| panic!("{name}: {error}"));
                    // 1939-3.03: exactly this line was written.
                    assert!(client.take().ends_with(&[command, &b"\r\n"[..]].concat()), "{name}");
                }
                client.feed(&answer, lengths);
                assert_eq!((client.error(), client.received()), (None, &b""[..]), "{name}");
                assert_eq!(client.connection().outstanding(), 0, "{name}");
                let seen = &client.log()[before..];
                assert!(!seen.is_empty(), "{name}");
                check(command.as_deref().unwrap_or_default(), &answer, seen, &name);
            }
            logs.push(client.log().to_vec());
        }
        assert!(logs.iter().all(|log| *log == logs[0]), "{}", dialogue.name);
    }
}

/// What the client reports matches the answer.
fn check(command: &[u8], answer: &[u8], seen: &[Seen], name: &str) {
    let (line, rest) = first_line(answer);
    let positive = line.starts_with(b"+OK");
    match &seen[0] {
        Seen::Greeting(first) | Seen::Reply(_, first, _) => assert_eq!(first.positive, positive, "{name}"),
        Seen::StartTls => assert!(positive && command == b"STLS", "{name}"),
        other => panic!("{name}: {other:?}"),
    }
    let entries: Vec<_> = seen
        .iter()
        .filter_map(|seen| if let Seen::Entry(entry) = seen { Some(entry.as_str()) } else { None })
        .collect();
    if positive && (command == b"LIST" || command == b"UIDL") {
        let lines = core::str::from_utf8(rest).unwrap().lines();
        assert!(lines.eq(entries.iter().copied().chain(["."])), "{name}: {entries:?}");
    } else if command == b"CAPA" {
        assert_eq!(entries.len(), rest.split(|&octet| octet == b'\n').count() - 2, "{name}: {entries:?}");
    } else if positive && (command.starts_with(b"RETR ") || command.starts_with(b"TOP ")) {
        let message = &messages()[usize::from(command.starts_with(b"RETR 2"))];
        assert!(seen.contains(&Seen::Data(message.clone())), "{name}");
        assert!(matches!(seen.last(), Some(Seen::End(_))), "{name}");
    }
    let data = [&b"STAT"[..], b"LIST ", b"UIDL "].iter().any(|word| command.starts_with(word));
    if let (Seen::Reply(_, _, entry), true, true) = (&seen[0], data, positive) {
        let text = core::str::from_utf8(line).unwrap().trim_end().strip_prefix("+OK ").unwrap();
        assert_eq!(entry.as_deref(), Some(text), "{name}");
    }
}

#[test]
fn both_together_say_what_the_rfcs_clients_say() {
    for dialogue in dialogues().iter().filter(|dialogue| dialogue.setup.iter().all(|s| s != "login")) {
        let commands: Vec<_> = exchanges(dialogue)
            .into_iter()
            .filter_map(|(command, _, _)| command)
            .map(|command| String::from_utf8(command).unwrap())
            .collect();
        let mut transcripts = Vec::new();
        for lengths in [WHOLE, OCTETS, &[3, 2]] {
            let mut pair = Pair::new(Client::new(), server(dialogue)).with_lengths(lengths, lengths);
            pair.run(commands.iter().map(String::as_str));
            // The client does not send STLS under TLS.
            let unsent = pair.unsent();
            assert!(unsent.is_empty() || unsent == ["STLS"], "{}: {unsent:?}", dialogue.name);
            assert_eq!(pair.lines_of('C'), &commands[..commands.len() - unsent.len()], "{}", dialogue.name);
            transcripts.push(pair.transcript().to_owned());
        }
        assert!(transcripts.iter().all(|transcript| *transcript == transcripts[0]));
    }
}
