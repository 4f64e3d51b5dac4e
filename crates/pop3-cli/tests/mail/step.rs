//! Servers that get out of step, estimate sizes, or delete what they have sent. Nothing is lost, and nothing wrong
//! is stored.

use std::fs;
use std::process::Output;

use crate::support::{House, RUNTIMES, Script, Scripted, code, errors, script};

const CAPA: &[u8] = b"+OK\r\nUIDL\r\nUSER\r\n.\r\n";
const PIPELINING: &[u8] = b"+OK\r\nUIDL\r\nUSER\r\nPIPELINING\r\n.\r\n";

/// Four messages, all of the same size or each of a different one.
fn mail(one_size: bool) -> Vec<Vec<u8>> {
    let line = |index| if one_size { "x".to_owned() } else { "x".repeat(index) };
    (1..=4).map(|index| format!("Subject: {index}\r\n\r\n{}\r\n", line(index)).into_bytes()).collect()
}

fn retr(message: &[u8]) -> Vec<u8> {
    [format!("+OK {} octets\r\n", message.len()).as_bytes(), message, b".\r\n"].concat()
}

/// A server of these messages, with or without PIPELINING. `change` may answer first.
fn server(
    mail: Vec<Vec<u8>>,
    pipelining: bool,
    mut change: impl FnMut(&str) -> Option<Vec<u8>> + Send + 'static,
) -> Script {
    let usual = mail.clone();
    script(mail, move |line| {
        if let Some(changed) = change(line) {
            return Some(Some(changed));
        }
        let number = line.strip_prefix("RETR ").map(|number| number.parse::<usize>().unwrap());
        match number {
            Some(number) => Some(Some(retr(&usual[number - 1]))),
            None if line == "CAPA" => Some(Some(if pipelining { PIPELINING } else { CAPA }.to_vec())),
            None => None,
        }
    })
}

fn run(house: &House, url: &str, runtime: &str, options: &[&str]) -> Output {
    let to = house.to("dir");
    house.fetch(url, &[options, &["--runtime", runtime, "--to", &to]].concat()).output().unwrap()
}

fn count(said: &[String], what: &str) -> usize {
    said.iter().filter(|line| line.starts_with(what)).count()
}

/// Where a surplus reply is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// After the message, in the same packet.
    Behind(usize),
    /// Where the reply to the next RETR is expected.
    Before(usize),
    /// Before the reply to NOOP.
    Noop,
}

/// Fetches from a server that sends a surplus reply, and then from the same server without it.
fn surplus(extra: &'static [u8], at: At, pipelining: bool, one_size: bool, runtime: &str) {
    let what = format!("{:?} {at:?} {pipelining} {one_size} {runtime}", extra.escape_ascii().to_string());
    let house = House::new();
    let messages = mail(one_size);
    let theirs = messages.clone();
    let mut done = false;
    let faulty = server(messages.clone(), pipelining, move |line| {
        let number = line.strip_prefix("RETR ").map(|number| number.parse::<usize>().unwrap());
        let (before, usual, behind) = match (at, number) {
            _ if done => return None,
            (At::Behind(n), Some(number)) if n == number => (&b""[..], retr(&theirs[n - 1]), extra),
            (At::Before(n), Some(number)) if n == number => (extra, retr(&theirs[n - 1]), &b""[..]),
            (At::Noop, None) if line == "NOOP" => (extra, b"+OK\r\n".to_vec(), &b""[..]),
            _ => return None,
        };
        done = true;
        Some([before, &usual, behind].concat())
    });
    let good = server(messages.clone(), pipelining, |_| None);
    let server = Scripted::start(b"+OK\r\n", vec![faulty, good]);
    let output = run(&house, &server.url(), runtime, &["--delete"]);
    let text = errors(&output);
    assert_eq!(code(&output), 5, "{what}: {text}");
    let told = [
        "no longer match the commands",
        "asked for",
        "neither with",
        "on its own",
        "not requested",
        "reply to STAT",
    ];
    assert!(told.iter().any(|told| text.contains(told)), "{what}: {text}");
    let fetched = house.fetched();
    assert!(
        fetched.len() < 4 && fetched.iter().all(|message| messages.contains(message)),
        "{what}: {fetched:?}"
    );

    let output = run(&house, &server.url(), runtime, &["--delete"]);
    assert_eq!(code(&output), 0, "{what}: {}", errors(&output));
    assert_eq!(house.fetched(), messages, "{what}");
    let said = server.said();
    let second = said.iter().rposition(|line| line.starts_with("USER")).unwrap();
    assert_eq!((count(&said[..second], "DELE"), count(&said[..second], "QUIT")), (0, 0), "{what}");
    assert_eq!((count(&said[second..], "DELE"), count(&said[second..], "QUIT")), (4, 1), "{what}");
}

const LINE: &[u8] = b"+OK extra\r\n";
const REFUSAL: &[u8] = b"-ERR extra\r\n";
const WHOLE: &[u8] = b"+OK extra\r\nnot\r\na message\r\n.\r\n";
/// The second message of the same size, again.
const AGAIN: &[u8] = b"+OK 17 octets\r\nSubject: 2\r\n\r\nx\r\n.\r\n";
/// Sent as a message of the other size.
const EMPTY: &[u8] = b"+OK\r\n.\r\n";

#[test]
fn a_reply_too_many_is_no_content() {
    for runtime in RUNTIMES {
        for pipelining in [false, true] {
            for at in [At::Behind(2), At::Before(3)] {
                surplus(LINE, at, pipelining, pipelining, runtime);
            }
        }
    }
}

#[test]
fn a_reply_too_many_of_any_kind_and_anywhere_is_noticed() {
    let mut runtimes = RUNTIMES.iter().cycle();
    for extra in [LINE, REFUSAL, WHOLE, AGAIN, EMPTY] {
        for at in [At::Behind(2), At::Before(3), At::Behind(4), At::Before(1), At::Noop] {
            for pipelining in [false, true] {
                if extra == LINE && matches!(at, At::Behind(2) | At::Before(3)) {
                    continue;
                }
                surplus(extra, at, pipelining, true, runtimes.next().unwrap());
            }
        }
    }
    surplus(WHOLE, At::Before(3), true, false, "tokio");
    surplus(REFUSAL, At::Before(3), false, false, "std");
}

#[test]
fn what_came_before_the_doubt_is_stored_and_what_came_behind_it_is_not() {
    for runtime in RUNTIMES {
        let house = House::new();
        let messages = mail(false);
        let second = [retr(&messages[1]), LINE.to_vec()].concat();
        let faulty = server(messages.clone(), true, move |line| (line == "RETR 2").then(|| second.clone()));
        let server = Scripted::start(b"+OK\r\n", vec![faulty]);
        let output = run(&house, &server.url(), runtime, &["--delete"]);
        assert_eq!(code(&output), 5, "{runtime}: {}", errors(&output));
        assert!(
            errors(&output).contains("message 3 arrived twice with different content"),
            "{}",
            errors(&output)
        );
        assert_eq!(house.fetched(), messages[..2], "{runtime}");
        let said = server.said();
        assert_eq!((count(&said, "DELE"), count(&said, "QUIT"), count(&said, "RETR 3")), (0, 0, 2));
    }
}

#[test]
fn a_message_that_begins_as_a_reply_is_fetched_twice_and_stored() {
    for pipelining in [false, true] {
        for begin in ["+OK 23 octets", "-ERR", "+ok"] {
            let house = House::new();
            let odd = format!("{begin}\r\nSubject: odd\r\n\r\nx\r\n").into_bytes();
            let messages = vec![odd, mail(true)[0].clone()];
            let server = Scripted::start(b"+OK\r\n", vec![server(messages.clone(), pipelining, |_| None)]);
            let output = run(&house, &server.url(), "tokio", &["--delete"]);
            assert_eq!(code(&output), 0, "{}", errors(&output));
            assert_eq!(house.fetched(), messages);
            let said = server.said();
            assert_eq!((count(&said, "RETR 1"), count(&said, "RETR 2"), count(&said, "DELE")), (2, 1, 2));
        }
    }
}

/// With listed sizes that belong to other messages.
fn estimating(messages: &[Vec<u8>], sizes: &[usize], pipelining: bool) -> Script {
    let rows: String = (1..).zip(sizes).map(|(number, size)| format!("{number} {size}\r\n")).collect();
    server(messages.to_vec(), pipelining, move |line| {
        (line == "LIST").then(|| format!("+OK\r\n{rows}.\r\n").into_bytes())
    })
}

fn of_size(octets: usize) -> Vec<u8> {
    let begin = format!("Subject: {octets}\r\n\r\n");
    format!("{begin}{}\r\n", "x".repeat(octets - begin.len() - 2)).into_bytes()
}

#[test]
fn complete_messages_are_stored_whatever_the_sizes_that_are_listed() {
    for runtime in RUNTIMES {
        for pipelining in [false, true] {
            for (octets, sizes) in [(&[61][..], &[1024][..]), (&[601, 1301, 61], &[1024, 2048, 1024])] {
                let house = House::new();
                let messages: Vec<_> = octets.iter().map(|octets| of_size(*octets)).collect();
                let runs = (0..2).map(|_| estimating(&messages, sizes, pipelining)).collect();
                let server = Scripted::start(b"+OK\r\n", runs);
                let mut sorted = messages.clone();
                sorted.sort();
                for (options, warnings) in [(&["--all"][..], 1), (&["--all", "--delete"], 0)] {
                    let output = run(&house, &server.url(), runtime, options);
                    let text = errors(&output);
                    assert_eq!((code(&output), text.lines().count()), (0, warnings), "{text}");
                    let mut fetched = house.fetched();
                    fetched.dedup();
                    assert_eq!(fetched, sorted);
                }
                let said = server.said();
                assert_eq!((count(&said, "QUIT"), count(&said, "DELE")), (2, octets.len()));
                // In the second run the sizes are no longer suspicious.
                let again = usize::from(pipelining && octets.len() > 1);
                assert_eq!(count(&said, "RETR"), 2 * octets.len() + again, "{said:?}");
            }
        }
    }
}

/// A server that removes at QUIT what it has sent.
#[test]
fn what_was_sent_and_not_stored_is_not_removed() {
    for runtime in RUNTIMES {
        for pipelining in [false, true] {
            let house = House::new();
            let messages = mail(false);
            let nothing =
                server(messages.clone(), pipelining, |line| (line == "RETR 2").then(|| EMPTY.to_vec()));
            let good = server(messages.clone(), pipelining, |_| None);
            let server = Scripted::start(b"+OK\r\n", vec![nothing, good]);
            let output = run(&house, &server.url(), runtime, &["--delete"]);
            let text = errors(&output);
            assert_eq!(code(&output), 1, "{text}");
            assert!(text.contains("message 2 arrived empty") && text.contains("without QUIT"), "{text}");
            assert_eq!(house.fetched(), [&messages[..1], &messages[2..]].concat());
            let output = run(&house, &server.url(), runtime, &["--delete"]);
            assert_eq!(code(&output), 0, "{}", errors(&output));
            assert_eq!(house.fetched(), messages);
            let said = server.said();
            assert_eq!((count(&said, "QUIT"), count(&said, "DELE")), (1, 4), "{said:?}");
        }
    }
}

/// The target no longer exists when the messages arrive.
#[test]
fn what_the_target_refuses_is_not_removed() {
    for runtime in RUNTIMES {
        let house = House::new();
        let tmp = house.path("out/tmp");
        let vanishing = server(mail(false), true, move |line| {
            if line == "LIST" {
                fs::remove_dir_all(&tmp).unwrap();
                fs::write(&tmp, "").unwrap();
            }
            None
        });
        let server = Scripted::start(b"+OK\r\n", vec![vanishing]);
        let output = run(&house, &server.url(), runtime, &["--delete"]);
        assert_eq!(code(&output), 1, "{}", errors(&output));
        assert!(errors(&output).contains("storing in dir:"), "{}", errors(&output));
        let said = server.said();
        assert_eq!((count(&said, "QUIT"), count(&said, "DELE")), (0, 0), "{said:?}");
    }
}

#[test]
fn standard_output_gets_nothing_that_is_in_doubt() {
    for runtime in RUNTIMES {
        let messages = mail(true);
        let second = [retr(&messages[1]), LINE.to_vec()].concat();
        let faulty = server(messages.clone(), true, move |line| (line == "RETR 2").then(|| second.clone()));
        let server = Scripted::start(b"+OK\r\n", vec![faulty]);
        let house = House::new();
        let output = house.fetch(&server.url(), &["--to", "-", "--runtime", runtime]).output().unwrap();
        assert_eq!(code(&output), 5, "{}", errors(&output));
        assert_eq!(output.stdout, messages[..2].concat());
        server.said();
    }
}

/// Messages of which some are larger than what is collected in memory.
#[test]
fn standard_output_gets_all_octets() {
    let messages = vec![of_size(70_000), of_size(300), of_size(200_000)];
    let server = Scripted::start(b"+OK\r\n", vec![server(messages.clone(), true, |_| None)]);
    let house = House::new();
    let output = house.fetch(&server.url(), &["--to", "-"]).output().unwrap();
    assert_eq!((code(&output), output.stdout == messages.concat()), (0, true), "{}", errors(&output));
    server.said();
}

#[test]
fn what_a_pipe_may_have_lost_is_not_deleted() {
    let house = House::new();
    let output = house.fetch("pop3://alice@127.0.0.1:1", &["--to", "-", "--delete"]).output().unwrap();
    let text = errors(&output);
    assert_eq!((code(&output), text.lines().count()), (2, 1), "{text}");
    assert!(text.contains("--delete can't be used with --to -"), "{text}");
}
