//! The observer: each rule has a dialogue that breaks it, and valid dialogues break none.

use std::collections::BTreeSet;

use pop3_observer::{Observer, ObserverConfig, ObserverEvent, Rule, Side};
use pop3_proto::{Channel, ReplyShape};
use pop3_tests::dialogue::{Dialogue, data, read};
use pop3_tests::observed::{Fed, feed, tell};
use pop3_tests::split::{OCTETS, WHOLE};

const LOGIN: &str = "S: +OK ready\nC: USER mrose\nS: +OK next\nC: PASS tanstaaf\nS: +OK welcome\n";

fn config(dialogue: &Dialogue) -> ObserverConfig {
    let plain = dialogue.setup.iter().any(|setup| setup == "plain");
    let channel = if plain { Channel::Plaintext } else { Channel::TrustedPlaintext };
    ObserverConfig::new().with_channel(channel).with_data(true)
}

fn fed(dialogue: &Dialogue) -> Vec<Fed> {
    let mut fed = Vec::new();
    if dialogue.setup.iter().any(|setup| setup == "login") {
        for line in LOGIN.lines() {
            let side = if line.starts_with('C') { Side::Client } else { Side::Server };
            fed.push(Fed::Octets(side, format!("{}\r\n", &line[3..]).into_bytes()));
        }
    }
    fed.extend(feed(dialogue));
    fed
}

#[test]
fn each_rule_is_found_where_it_is_broken_and_nowhere_else() {
    let dialogues = read(&data().join("observer/rules.txt"));
    let (mut shown, mut wrong) = (BTreeSet::new(), Vec::new());
    for dialogue in &dialogues {
        let (told, violations) = tell(config(dialogue), &fed(dialogue), WHOLE);
        let found: Vec<_> = violations.iter().map(|violation| violation.rule.name()).collect();
        let wanted = dialogue.setup.iter().find_map(|setup| setup.strip_prefix("expect")).unwrap();
        let wanted: Vec<_> = wanted.split_whitespace().collect();
        if found != wanted {
            wrong.push(format!("{}: {found:?} and not {wanted:?}", dialogue.name));
        }
        shown.extend(violations.iter().map(|violation| violation.rule));
        for lengths in [OCTETS, &[2], &[5, 1, 64]] {
            assert_eq!(tell(config(dialogue), &fed(dialogue), lengths).0, told, "{}", dialogue.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let missing: Vec<_> = Rule::ALL.iter().filter(|rule| !shown.contains(rule)).collect();
    assert!(missing.is_empty(), "no dialogue breaks {missing:?}");
}

// 5034-4.30
#[test]
fn no_secret_is_told_or_shown() {
    let secret = "c2VjcmV0LVNFQ1JFVA==";
    let mut observer = Observer::new(ObserverConfig::new().with_data(true));
    let mut told = String::new();
    let mut sink = |event: ObserverEvent<'_>| {
        told.push_str(&format!("{event:?}\n"));
        if let ObserverEvent::Command(sent) = event {
            // The debug form shows the octets of a line as numbers.
            told.push_str(&format!("{sent}\n"));
        }
    };
    observer.server(b"+OK <1.2@h>\r\n", &mut sink);
    for (line, answer) in [
        (format!("PASS {secret}"), "-ERR no\r\n"),
        (format!(" pass\t{secret}"), "-ERR no\r\n"),
        (format!("PASS {secret}\0"), "-ERR no\r\n"),
        (format!("APOP mrose {secret}"), "-ERR no\r\n"),
        (format!("AUTH PLAIN {secret}"), "-ERR no\r\n"),
        (format!("AUTH {secret}"), "-ERR no\r\n"),
        (secret.to_owned(), "-ERR no\r\n"),
        ("AUTH PLAIN".to_owned(), "+ \r\n"),
        (secret.to_owned(), "+ c2VjcmV0LVNFQ1JFVA==\r\n"),
        (secret.to_owned(), "-ERR no\r\n"),
        ("AUTH LOGIN".to_owned(), ""),
        (secret.to_owned(), ""),
    ] {
        observer.client(format!("{line}\r\n").as_bytes(), &mut sink);
        observer.server(answer.as_bytes(), &mut sink);
    }
    // A line without an end so far.
    observer.client(format!("PASS {secret}").as_bytes(), &mut sink);
    let shown = format!("{observer:?}");
    for text in [secret, &format!("{:?}", secret.as_bytes())[1..40]] {
        assert!(!shown.contains(text), "{shown}");
        assert!(!told.contains(text), "{told}");
    }
    assert!(told.contains("AUTH PLAIN ***") && told.contains("APOP ***"));
}

// SEC-04
#[test]
fn what_is_kept_and_done_is_bounded() {
    // If each octet caused a new search or a copy of the line, this would take hours.
    let mut observer = Observer::new(ObserverConfig::new());
    let mut events = 0_u32;
    let mut sink = |_: ObserverEvent<'_>| events += 1;
    observer.server(b"+OK hi\r\n", &mut sink);
    for octet in core::iter::repeat_n(b'x', 2_000_000) {
        observer.client(&[octet], &mut sink);
        observer.server(&[octet], &mut sink);
    }
    assert_eq!(events, 1, "the greeting");

    // Commands that get no reply.
    let (told, _) = tell(
        ObserverConfig::new().with_max_outstanding(100),
        &[
            Fed::Octets(Side::Server, b"+OK hi\r\n".to_vec()),
            Fed::Octets(Side::Client, b"NOOP\r\n".repeat(1000)),
        ],
        WHOLE,
    );
    assert_eq!(told.iter().filter(|event| event.starts_with("Command")).count(), 101);
    assert_eq!(told.last().unwrap(), "GaveUp");

    // More messages than are remembered. Nothing is reported about all of them then, and nothing wrong.
    let mut listing = b"+OK hi\r\n+OK\r\n+OK\r\n+OK 1000 5000\r\n+OK\r\n".to_vec();
    (1..=1000).for_each(|number| listing.extend(format!("{number} 5\r\n").into_bytes()));
    listing.extend_from_slice(b".\r\n+OK 7 35\r\n");
    let commands = b"USER a\r\nPASS b\r\nSTAT\r\nLIST\r\nSTAT\r\n".to_vec();
    for (max, broken) in [(2000, true), (10, false)] {
        let fed = [Fed::Octets(Side::Client, commands.clone()), Fed::Octets(Side::Server, listing.clone())];
        let (_, violations) = tell(ObserverConfig::new().with_max_messages(max), &fed, &[7]);
        let found = violations.iter().any(|violation| violation.rule == Rule::StatChanged);
        assert_eq!(found, broken, "{max}: {violations:?}");
    }
}

#[test]
fn what_comes_first_may_be_tls() {
    let hello = Fed::Octets(Side::Client, b"\x16\x03\x01\x02\x00\x01\n\n".to_vec());
    let greeting = Fed::Octets(Side::Server, b"+OK hi\r\n".to_vec());
    let (told, violations) =
        tell(ObserverConfig::new(), &[hello, greeting.clone(), Fed::Encrypted, greeting], OCTETS);
    assert_eq!((told[0].as_str(), told[1].as_str(), violations.len()), ("Opaque", "Encrypted", 0));
    assert!(told[2].starts_with("Greeting"));
}

#[test]
fn the_shape_of_an_unknown_reply_can_be_told() {
    let mut observer = Observer::new(ObserverConfig::new().with_channel(Channel::TrustedPlaintext));
    let mut told = Vec::new();
    let mut sink = |event: ObserverEvent<'_>| told.push(format!("{event:?}"));
    observer.server(b"+OK hi\r\n", &mut sink);
    observer.client(b"XBODY\r\n", &mut sink);
    observer.expect(ReplyShape::Body);
    observer.server(b"+OK\r\n+OK in it\r\n.\r\n", &mut sink);
    assert!(told.last().unwrap().starts_with("End"), "{told:?}");
}

#[test]
fn docs_lint_lists_the_rules() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join("docs/lint.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, _) = text.split_once("<!-- rules -->\n").expect("a mark before the table");
    let mut wanted = format!(
        "{head}<!-- rules -->\n\n| requirement | who | level | what is broken |\n|---|---|---|---|\n"
    );
    let rows = std::fs::read_to_string(data().join("conformance.txt")).unwrap();
    for rule in Rule::ALL {
        let (row, side, level) = (rule.row(), rule.side(), rule.level());
        assert!(
            rows.lines().any(|line| line.split([' ', '|', '\t']).any(|word| word == row)),
            "{row} is no requirement of tests/data/conformance.txt"
        );
        wanted.push_str(&format!("| {row} | {side} | {level} | {} |\n", rule.text().replace('|', "\\|")));
    }
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &wanted).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap() == wanted,
        "docs/lint.md is out of date: UPDATE_DOCS=1 makes it anew"
    );
}
