//! What the server reports: metrics, health, and log lines that other programs read.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64ct::{Base64, Encoding as _};
use serde_json::Value;

use crate::changes::until;
use crate::support::{House, RUNTIMES};
use crate::talk::Talk;

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// The rows of the tables of the page that begin with a word in code, as this word and the cells after it.
fn documented() -> BTreeMap<String, Vec<String>> {
    let page = fs::read_to_string(root("docs/monitoring.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let row = |row: &str| {
        let (name, rest) = row.split_once('`').unwrap();
        (name.to_owned(), rest.split('|').skip(1).map(|cell| cell.trim().to_owned()).collect())
    };
    rows.map(row).collect()
}

/// The words in code of a cell.
fn words(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The status and the body of a response.
pub(crate) fn ask(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The names of all metrics of a text, as a page has them, and their types.
pub(crate) fn types(text: &str) -> BTreeSet<(String, String)> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let named = types.map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        let total = if kind == "counter" { "_total" } else { "" };
        (format!("{name}{total}"), kind.to_owned())
    });
    named.collect()
}

/// The names and types of all metrics of the page.
pub(crate) fn metrics_documented() -> BTreeSet<(String, String)> {
    let metrics = documented().into_iter().filter(|(name, _)| name.starts_with("pop3_"));
    metrics.map(|(name, cells)| (name, cells[0].clone())).collect()
}

/// The port of the metrics.
pub(crate) fn metrics_port(house: &House) -> u16 {
    let mut port = None;
    until(house, "the address of the metrics is logged", || {
        let log = house.log();
        let rest = log.split_once(" metrics address=127.0.0.1:").and_then(|(_, rest)| rest.split_once('\n'));
        port = rest.map(|(port, _)| port.parse().unwrap());
        port.is_some()
    });
    port.unwrap()
}

#[test]
fn metrics_count_what_has_happened() {
    for runtime in RUNTIMES {
        let house = House::new();
        house.deliver(&[b"Subject: a\n\nx\n".to_vec()]);
        let server = house.serve(&["--runtime", runtime, "--metrics", "127.0.0.1:0"]);
        let port = metrics_port(&house);
        let mut session = server.connect();
        assert!(session.log_in().starts_with("+OK"));
        let mut other = server.connect();
        assert!(other.log_in().starts_with("-ERR [IN-USE]"));
        for command in ["RETR 1", "DELE 1", "QUIT"] {
            assert!(session.say(command).starts_with("+OK"));
            while command == "RETR 1" && session.line() != ".\r\n" {}
        }
        other.say("USER alice");
        assert!(other.say("PASS wrong").starts_with("-ERR [AUTH]"));
        other.say("QUIT");
        let mut text = String::new();
        // What a session did is counted when it has ended, which its last log line tells.
        until(&house, "both sessions have ended", || {
            text = ask(port, "/metrics").1;
            text.contains("pop3_sessions_open 0\n")
        });
        for line in [
            "pop3_sessions_total 2",
            "pop3_logins_total{method=\"USER\",outcome=\"accepted\"} 1",
            "pop3_logins_total{method=\"USER\",outcome=\"refused\"} 1",
            "pop3_logins_total{method=\"USER\",outcome=\"not_opened\"} 1",
            "pop3_commands_total 10",
            "pop3_messages_sent_total{command=\"retr\"} 1",
            "pop3_message_octets_sent_total{command=\"retr\"} 17",
            "pop3_messages_removed_total 1",
            "pop3_size_cache_misses_total 1",
            "pop3_session_duration_seconds_count 2",
            "pop3_login_duration_seconds_bucket{le=\"+Inf\"} 3",
            "pop3_limits_hit_total{limit=\"user\"} 0",
            "pop3_log_lines_dropped_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{runtime} {line}:\n{text}");
        }
        assert!(text.ends_with("# EOF\n") && text.contains("# TYPE pop3_sessions counter\n"), "{text}");
        // Those of databases are in another table.
        let mut expected = metrics_documented();
        expected.retain(|(name, _)| !name.starts_with("pop3_database_"));
        assert_eq!(types(&text), expected);
        assert_eq!(ask(port, "/healthz"), (200, "ok\n".to_owned()));
        assert_eq!(ask(port, "/readyz").0, 200);
        assert_eq!(ask(port, "/nothing").0, 404);
        assert!(server.ends_well(), "{runtime}");
    }
}

/// Names that try to be something else in a log.
const HOSTILE: [&str; 6] = [
    "alice",
    "x\" peer=192.0.2.66 user=\"y",
    "login refused session=1 peer=192.0.2.66 user=\"x\"",
    "a\n2026-11-30T09:40:35.123456Z  WARN login refused session=1 peer=192.0.2.66 user=\"x\"",
    "{\"timestamp\":\"2026-11-30T09:40:35Z\",\"level\":\"WARN\",\"message\":\"login refused\",\"session\":1,\"peer\":\"192.0.2.66\",\"user\":\"",
    "a\\\" \\\n<4>login not checked: too many from this address session=1 peer=192.0.2.66",
];

/// Lets clients at 127.0.1.1 and further addresses fail with these names.
fn fail_with(house: &House, format: &str) -> String {
    let server = house.serve(&["--log-format", format, "--proxy-from", "127.0.0.1"]);
    for (name, last) in HOSTILE.iter().zip(1..) {
        let mut talk = Talk::proxied(server.plain, last);
        let words = Base64::encode_string(format!("\0{name}\0wrong").as_bytes());
        assert!(talk.say(&format!("AUTH PLAIN {words}")).starts_with("-ERR"), "{name}");
        if !name.contains('\n') {
            talk.say(&format!("USER {name}"));
            assert!(talk.say("PASS wrong").starts_with("-ERR"), "{name}");
        }
        talk.say("QUIT");
    }
    let mut talk = Talk::proxied(server.plain, 99);
    talk.say("USER alice");
    assert!(talk.say(&format!("PASS {}", crate::support::PASSWORD)).starts_with("+OK"));
    talk.say("QUIT");
    assert!(server.ends_well());
    house.log()
}

#[test]
fn fail2ban_bans_those_who_fail_and_nobody_else() {
    // A name with the end of a line is not understood, so its login is not tried.
    let tried = HOSTILE.iter().zip(1..).filter(|(name, _)| !name.contains('\n'));
    let expected: BTreeSet<_> = tried.map(|(_, last)| format!("127.0.1.{last}")).collect();
    for format in ["text", "journald", "json"] {
        let house = House::new();
        let log = fail_with(&house, format);
        // As fail2ban gets it from the journal.
        let journal = |line: &str| {
            assert!(line.starts_with('<') && line.as_bytes()[2] == b'>', "{line}");
            format!("Nov 30 09:40:35 host pop3[4711]: {}\n", &line[3..])
        };
        let log = if format == "journald" { log.lines().map(journal).collect() } else { log };
        let file = house.path("fail2ban.log");
        fs::write(&file, &log).unwrap();
        let filter = root("packaging/fail2ban/filter.d/pop3-serve.conf");
        let filter = if format == "json" {
            format!("{}[format=json]", filter.display())
        } else {
            filter.display().to_string()
        };
        let output = Command::new("fail2ban-regex").args(["-o", "ip"]).arg(&file).arg(&filter).output();
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                println!("NOT TESTED: fail2ban-regex: {error}; install it with: apt-get install fail2ban");
                assert!(std::env::var_os("CI").is_none(), "fail2ban-regex: {error}");
                return;
            }
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let banned: BTreeSet<_> = text.lines().map(|line| line.trim().to_owned()).collect();
        assert_eq!(banned, expected, "{format}: {text}\n{log}");
    }
}

#[test]
fn log_lines_have_the_values_that_are_documented() {
    let house = House::new();
    let log = fail_with(&house, "json");
    let documented = documented();
    let mut seen = BTreeSet::new();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let message = event["message"].as_str().unwrap().to_owned();
        let Some(cells) = documented.get(&message) else { continue };
        let found: BTreeSet<_> = event.as_object().unwrap().keys().cloned().collect();
        let mut expected: BTreeSet<_> = words(&cells[1]).into_iter().collect();
        expected.extend(["timestamp", "level", "message"].map(str::to_owned));
        assert_eq!((found, event["level"].as_str().unwrap()), (expected, &*cells[0]), "{message}");
        seen.insert(message);
    }
    for message in ["connection", "login", "login refused", "session"] {
        assert!(seen.contains(message), "{message}");
    }
}
