//! Quirks of real servers: the lenient client accepts each entry of `tests/data/quirks.txt`, and the strict
//! one refuses it. `docs/quirks.md` is generated from the same file. After a change, run this test with
//! `UPDATE_DOCS=1`.

use core::fmt::Write as _;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pop3_proto::client::ClientConfig;
use pop3_proto::{Channel, Quirk};
use pop3_tests::client::{Client, Seen};
use pop3_tests::configured;
use pop3_tests::split::{OCTETS, WHOLE};

const INTRODUCTION: &str = "\
# Quirks

A quirk is a protocol violation by a real server that the client tolerates. In lenient mode, which is the default, the
client continues and reports the quirk with the event that it concerns. You find it in `ClientEvent::quirks` of the core, in
`Client::quirks` of the driver, and in the lines `odd` of `pop3 check`. In strict mode (`ClientConfig::strict`, `--strict`), a
quirk ends the connection.

Some violations could make the client believe that it has a message, a deletion or a login when it has not. These are
errors in both modes. The connection then becomes unusable, because the client can no longer tell which reply belongs
to which command.

`UPDATE_DOCS=1 cargo test -p pop3-tests --test quirks` generates this page from `tests/data/quirks.txt`. That file
contains a dialogue for each entry, and the test plays all of them.
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Quirk(Quirk),
    Fine,
    Error(String),
}

#[derive(Debug)]
struct Entry {
    kind: Kind,
    title: String,
    rows: String,
    thread: String,
    seen: String,
    from: String,
    test: String,
    /// Commands, each with what the server sends to it. The first command may be missing.
    turns: Vec<(String, Vec<u8>)>,
    ends: bool,
}

fn unescape(text: &str) -> Vec<u8> {
    let (mut octets, mut chars) = (Vec::new(), text.chars());
    while let Some(character) = chars.next() {
        if character != '\\' {
            octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        octets.push(match chars.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).expect("two digits")
            }
            other => panic!("no escape: {other:?}"),
        });
    }
    octets
}

fn entries() -> Vec<Entry> {
    let text = fs::read_to_string(root().join("tests/data/quirks.txt")).unwrap();
    let blocks = text.split("\n\n").filter(|block| block.trim_start().starts_with('['));
    blocks.map(entry).collect()
}

fn entry(block: &str) -> Entry {
    let mut lines = block.trim_matches('\n').lines();
    let (name, title) = lines.next().unwrap().strip_prefix('[').unwrap().split_once("] ").unwrap();
    let kind = match name.strip_prefix("error ") {
        Some(error) => Kind::Error(error.to_owned()),
        None if name == "fine" => Kind::Fine,
        None => {
            let quirk = Quirk::ALL.iter().copied().find(|quirk| format!("{quirk:?}") == name);
            Kind::Quirk(quirk.unwrap_or_else(|| panic!("no quirk {name}")))
        }
    };
    let mut entry = Entry {
        kind,
        title: title.to_owned(),
        rows: String::new(),
        thread: String::new(),
        seen: String::new(),
        from: String::new(),
        test: String::new(),
        turns: Vec::new(),
        ends: false,
    };
    for line in lines {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        if key == "C" {
            entry.turns.push((value.to_owned(), Vec::new()));
            continue;
        }
        if key.starts_with('S') && entry.turns.is_empty() {
            entry.turns.push(Default::default());
        }
        let mut say = |octets: &[u8]| entry.turns.last_mut().unwrap().1.extend_from_slice(octets);
        match key {
            "S" => say(format!("{value}\r\n").as_bytes()),
            "S raw" => say(&unescape(value)),
            "S x3000" => say(format!("{}\r\n", value.repeat(3000)).as_bytes()),
            "S end" => entry.ends = true,
            "rows" => entry.rows = value.to_owned(),
            "thread" => entry.thread = value.to_owned(),
            "seen" => entry.seen = value.to_owned(),
            "from" => entry.from = value.to_owned(),
            "test" => entry.test = value.to_owned(),
            _ => panic!("{line}"),
        }
    }
    assert_eq!(entry.turns.is_empty(), !entry.test.is_empty(), "{block}");
    entry
}

/// What the client reports for the last command.
fn play(entry: &Entry, strict: bool, lengths: &[usize]) -> Vec<Seen> {
    let mut client = Client::with(configured::<ClientConfig>(|it| it.strict = strict), Channel::Tls);
    if entry.from != "greeting" {
        client.receive(b"+OK\r\n");
    }
    if entry.from.is_empty() {
        for command in ["USER mrose", "PASS tanstaaf"] {
            client.send(command).unwrap();
            client.receive(b"+OK\r\n");
        }
    }
    let mut before = 0;
    for (command, octets) in &entry.turns {
        before = client.log().len();
        if !command.is_empty() {
            client.send(command).unwrap();
        }
        client.feed(octets, lengths);
    }
    if entry.ends {
        client.end();
    }
    client.log()[before..].to_vec()
}

fn warnings(seen: &[Seen]) -> Vec<Quirk> {
    seen.iter().filter_map(|seen| if let Seen::Warning(quirk) = seen { Some(*quirk) } else { None }).collect()
}

fn failure(seen: &[Seen]) -> Option<String> {
    seen.iter()
        .find_map(|seen| if let Seen::Failed(error) = seen { Some(format!("{error:?}")) } else { None })
}

// TOL-01, TOL-02, TOL-03, TOL-04, TOL-05, TOL-06, TOL-07, TOL-08, TOL-09, TOL-11, TOL-12, TOL-14,
// TOL-15, TOL-16, TOL-20, TOL-21, TOL-22, TOL-23, TOL-25: each dialogue of the file, at every split.
#[test]
fn each_quirk_is_taken_or_refused_by_its_name() {
    let mut played = BTreeSet::new();
    for entry in entries() {
        let what = format!("{:?}: {}", entry.kind, entry.title);
        if let Kind::Quirk(quirk) = entry.kind {
            assert!(played.insert(format!("{quirk:?}")), "{what} twice");
        }
        if entry.turns.is_empty() {
            continue;
        }
        let [lenient, strict] = [false, true].map(|strict| {
            let whole = play(&entry, strict, WHOLE);
            for lengths in [OCTETS, &[2], &[3, 1]] {
                assert_eq!(play(&entry, strict, lengths), whole, "{what}");
            }
            whole
        });
        match &entry.kind {
            Kind::Quirk(quirk) => {
                assert_eq!(warnings(&lenient), [*quirk], "{what}: {lenient:?}");
                assert_eq!(failure(&lenient), None, "{what}");
                assert!(lenient.len() > 1, "{what}: something comes behind the warning");
                // A challenge that cannot be read is not fatal, but the client can only cancel.
                let refused = failure(&strict) == Some(format!("Quirk({quirk:?})"))
                    || strict == [Seen::Challenge("unreadable".to_owned())];
                assert!(refused, "{what}: {strict:?}");
            }
            Kind::Fine => {
                for seen in [lenient, strict] {
                    assert_eq!((warnings(&seen), failure(&seen)), (vec![], None), "{what}");
                    assert!(!seen.is_empty(), "{what}");
                }
            }
            Kind::Error(error) => {
                for seen in [lenient, strict] {
                    let failure = failure(&seen).unwrap_or_else(|| panic!("{what}: {seen:?}"));
                    assert!(failure.starts_with(error), "{what}: {failure}");
                }
            }
        }
    }
    let all: BTreeSet<_> = Quirk::ALL.iter().map(|quirk| format!("{quirk:?}")).collect();
    assert_eq!(played, all, "each quirk has its entry");
}

#[test]
fn tests_that_are_named_exist() {
    for entry in entries().iter().filter(|entry| !entry.test.is_empty()) {
        let (path, function) = entry.test.split_once(' ').expect("a path and a function");
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(text.contains(&format!("fn {function}()")), "{function} in {path}");
    }
}

fn row(out: &mut String, name: &str, entry: &Entry) {
    let mut seen = Vec::new();
    if !entry.seen.is_empty() {
        seen.push(entry.seen.clone());
    }
    if !entry.thread.is_empty() {
        seen.push(entry.thread.clone());
    }
    writeln!(out, "| {name}{} | {} | {} |", entry.title, seen.join("; "), entry.rows).unwrap();
}

#[test]
fn docs_quirks_is_made_from_the_file() {
    let mut made = INTRODUCTION.to_owned();
    let entries = entries();
    made.push_str("\n## Tolerated, but refused in strict mode\n\n| quirk | what | seen in | requirement |\n|---|---|---|---|\n");
    for entry in &entries {
        if let Kind::Quirk(quirk) = entry.kind {
            row(&mut made, &format!("`{quirk:?}` | "), entry);
        }
    }
    made.push_str(
        "\n## Refused in both modes\n\n| error | what | seen in | requirement |\n|---|---|---|---|\n",
    );
    for entry in &entries {
        if let Kind::Error(error) = &entry.kind {
            row(&mut made, &format!("`{error}` | "), entry);
        }
    }
    made.push_str("\n## Unusual, but allowed\n\n| what | seen in | requirement |\n|---|---|---|\n");
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Fine) {
        row(&mut made, "", entry);
    }
    made.push_str(
        "\n## What a client cannot detect\n\n\
         - Some servers answer the next command before the end of a message (zone-eu/wildduck PR #950). The reply then\n  \
           looks like part of the message. If a server announces PIPELINING but handles it wrongly\n  \
           (jstedfast/MailKit #174), set `ClientConfig::pipelining` or use `--no-pipelining`.\n\
         - Some servers hang up when they receive CAPA. Set `ClientOptions::capabilities` or use `--no-capa` (TOL-17).\n\
         - A timestamp in the greeting does not mean that APOP works (jstedfast/MailKit #395). The client uses APOP only\n  \
           on request.\n\
         - A refused login without a response code can have any reason (TOL-19). The client does not guess from the text.\n\
         - No single rule says when a server is too slow, so each time limit is a setting of its own (TOL-24).\n",
    );
    let path = root().join("docs/quirks.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "docs/quirks.md is out of date: UPDATE_DOCS=1 cargo test -p pop3-tests --test quirks"
    );
}
