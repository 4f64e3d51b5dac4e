//! The state of the log of `pop3 serve` decides nothing, and nobody else can write lines in it.

use core::iter;
use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;

use base64ct::{Base64, Encoding as _};

use crate::support::{House, PASSWORD, RUNTIMES, Server};

/// Everything that the server sends in reply to these octets, until it closes.
fn answers(port: u16, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut said = Vec::new();
    // Closing with unread octets causes a reset.
    let _ = stream.write_all(octets);
    let _ = stream.read_to_end(&mut said);
    String::from_utf8(said).unwrap()
}

/// Each wrong password on a connection is refused later than the one before, and the fourth login is not
/// checked, even with the right password. The server continues to serve, and still ends on request.
fn guess_and_end(house: &House, server: Server, what: &str) {
    let guesses = "USER alice\r\nPASS wrong\r\n".repeat(100);
    let said =
        answers(server.plain, format!("{guesses}USER alice\r\nPASS {PASSWORD}\r\nSTAT\r\n").as_bytes());
    assert_eq!(said.matches("-ERR [AUTH]").count(), 3, "{what}: {said}");
    assert!(!said.contains("+OK 1 "), "{what}: {said}");
    let mut session = server.connect();
    assert!(session.log_in().starts_with("+OK"), "{what}");
    assert_eq!(session.say("STAT"), "+OK 1 3\r\n", "{what}");
    assert!(session.say("QUIT").starts_with("+OK"), "{what}");
    assert!(server.ends_well(), "{what}: it does not end");
    assert_eq!(house.stored().len(), 1);
}

#[test]
fn a_log_that_cannot_be_written_changes_nothing() {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            for dead_pipe in [false, true] {
                scope.spawn(move || {
                    let log: Stdio = if dead_pipe {
                        io::pipe().unwrap().1.into()
                    } else {
                        fs::File::options().write(true).open("/dev/full").unwrap().into()
                    };
                    let house = House::new();
                    house.deliver(&[b"a\n".to_vec()]);
                    let server = house.start(house.server(&["--runtime", runtime]).stderr(log));
                    guess_and_end(&house, server, &format!("{runtime}, dead pipe: {dead_pipe}"));
                });
            }
        }
    });
}

#[test]
fn a_log_that_nobody_reads_delays_nobody() {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(move || {
                let (kept, log) = io::pipe().unwrap();
                let house = House::new();
                house.deliver(&[b"a\n".to_vec()]);
                let server = house.start(house.server(&["--runtime", runtime]).stderr(log));
                // Each causes a line. A pipe holds 64 KiB.
                for _ in 0..500 {
                    assert!(answers(server.plain, b"QUIT\r\n").contains("bye"), "{runtime}");
                }
                guess_and_end(&house, server, runtime);
                drop(kept);
            });
        }
    });
}

/// More lines than the pipe and the server can hold. When somebody reads again, the log says how many are missing.
#[test]
fn dropped_lines_are_counted() {
    let (log, end) = io::pipe().unwrap();
    let house = House::new();
    let server = house.start(house.server(&[]).stderr(end));
    const SESSIONS: usize = 6_000;
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..SESSIONS / 4 {
                    assert!(answers(server.plain, b"QUIT\r\n").contains("bye"));
                }
            });
        }
    });
    let mut lines = BufReader::new(log).lines().map(Result::unwrap);
    // Reading has made room. After that the missing lines are reported.
    let mut before = 0;
    let told = lines.by_ref().find(|line| {
        before += usize::from(line.contains(" session="));
        line.contains("could not be written")
    });
    let told = told.unwrap();
    let dropped: usize = fields(&told)["lines"].parse().unwrap();
    assert!(server.ends_well());
    let after = lines.filter(|line| line.contains(" session=")).count();
    assert!(dropped > 0 && before > 100);
    // One line for the beginning of each session, and one for its end.
    assert_eq!(before + dropped + after, 2 * SESSIONS, "{before} {dropped} {after}");
}

/// The fields of a line in the text format, as a log parser reads them: `name=value`, where a value with
/// blanks is in quotes.
fn fields(line: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once('=') {
        let name = before.rsplit(' ').next().unwrap().to_owned();
        let (value, behind) = match behind.strip_prefix('"') {
            None => {
                let end = behind.find(' ').unwrap_or(behind.len());
                (behind[..end].to_owned(), &behind[end..])
            }
            Some(quoted) => {
                let mut value = String::new();
                let mut characters = quoted.char_indices();
                let end = loop {
                    match characters.next().unwrap_or_else(|| panic!("an open quote: {line}")) {
                        (at, '"') => break at + 1,
                        (_, '\\') => value.extend(characters.next().map(|(_, escaped)| escaped)),
                        (_, character) => value.push(character),
                    }
                };
                (value, &quoted[end..])
            }
        };
        assert!(fields.insert(name, value).is_none(), "two fields of one name: {line}");
        rest = behind;
    }
    fields
}

/// Names that clients may send, sorted.
const NAMES: [&str; 5] =
    ["=", "J\u{f6}rg", "back\\slash\\", "evil peer=10.9.8.7 user=root", "evil\" peer=\"10.9.8.7"];

/// Everything from a client that appears in the log: names, traces, addresses, files.
fn injected(format: &str) -> Vec<String> {
    let house = House::new();
    fs::write(house.path("users"), format!("alice:{{PLAIN}}{PASSWORD}\nanonymous:{{TOKEN}}\n")).unwrap();
    house.maildir("mail/anonymous");
    let odd = "1.evil\n2026-01-01 INFO session peer=10.9.8.7 user=root";
    std::os::unix::fs::symlink("/dev/zero", house.path("mail/alice/new").join(odd)).unwrap();
    let options = ["--log-format", format, "--proxy-from", "127.0.0.0/8", "--log", "debug"];
    let options =
        [&options[..], &["--utf8", "--xclient-from", "192.0.2.0/24", "--allow-insecure-auth"]].concat();
    let server = house.serve(&[&options[..], &["--auth-mechanisms", "plain,anonymous"]].concat());
    thread::scope(|scope| {
        for (index, name) in NAMES.iter().enumerate() {
            let port = server.plain;
            scope.spawn(move || {
                let login = format!("UTF8\r\nUSER {name}\r\nPASS x\r\nQUIT\r\n");
                let from = format!("PROXY TCP4 198.51.100.{index} 127.0.0.1 4711 110\r\n");
                let said = answers(port, format!("{from}{login}").as_bytes());
                assert!(said.contains("-ERR [AUTH]"), "{name}: {said}");
            });
        }
    });
    let mapped = "PROXY TCP6 ::ffff:203.0.113.5 ::1 4711 110\r\n";
    let said = answers(server.plain, format!("{mapped}USER alice\r\nPASS {PASSWORD}\r\nQUIT\r\n").as_bytes());
    assert!(said.contains("bye"), "{said}");
    let trace = Base64::encode_string(b"evil peer=10.9.8.7");
    let xclient = "PROXY TCP4 192.0.2.1 127.0.0.1 1 110\r\nXCLIENT ADDR=::ffff:203.0.113.6 PORT=4712\r\n";
    let said = answers(server.plain, format!("{xclient}AUTH ANONYMOUS {trace}\r\nQUIT\r\n").as_bytes());
    assert!(said.contains("bye"), "{said}");
    assert!(server.ends_well());
    house.log().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn clients_cannot_add_fields_to_a_log_line() {
    let lines = injected("text");
    let mut names = Vec::new();
    let mut peers = Vec::new();
    for line in &lines {
        // Each line is one of ours, and contains no control character.
        assert!(line.starts_with("20") && line.contains("Z ") && !line.contains(char::is_control), "{line}");
        let fields = fields(line);
        let values = iter::once(fields.get("peer")).chain(iter::once(fields.get("user"))).flatten();
        assert!(!values.into_iter().any(|value| value == "10.9.8.7" || value == "root"), "{line}");
        if line.contains("login refused") {
            names.push(fields["user"].clone());
        }
        peers.extend(fields.get("peer").cloned());
        if let Some(seconds) = fields.get("seconds") {
            assert_eq!(seconds.split_once('.').map(|(_, behind)| behind.len()), Some(3), "{line}");
        }
        assert!(!line.contains("::ffff:"), "{line}");
    }
    names.sort();
    assert_eq!(names, NAMES, "{lines:#?}");
    for peer in ["203.0.113.5:4711", "203.0.113.6:4712"] {
        assert!(peers.iter().any(|shown| shown == peer), "{lines:#?}");
    }
    assert!(
        lines.iter().any(|line| line.contains("skipped a file") && line.contains("1.evil")),
        "{lines:#?}"
    );
}

#[test]
fn text_from_clients_is_escaped_once_in_json() {
    let lines = injected("json");
    let mut names = Vec::new();
    for line in &lines {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        if event["message"] == "login refused" {
            names.push(event["user"].as_str().unwrap().to_owned());
        }
        if event["message"] == "session" {
            let seconds = event["seconds"].as_f64().unwrap() * 1000.0;
            assert!((seconds - seconds.round()).abs() < 1e-6, "{line}");
        }
        if event["message"] == "anonymous" {
            assert_eq!(event["trace"], "evil peer=10.9.8.7", "{line}");
        }
    }
    names.sort();
    assert_eq!(names, NAMES, "{lines:#?}");
    let odd = "1.evil\n2026-01-01 INFO session peer=10.9.8.7 user=root";
    let named = lines.iter().any(|line| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["file"].as_str().is_some_and(|file| file.contains(odd))
    });
    assert!(named, "{lines:#?}");
}
