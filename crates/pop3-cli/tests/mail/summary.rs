//! What a fetch prints for scripts.

use std::process::Output;

use serde_json::Value;

use crate::support::{House, RUNTIMES, Scripted, code, errors, script};

fn mail() -> Vec<Vec<u8>> {
    (1..=4).map(|size| [&b"Subject: x\r\n\r\n"[..], &b"0123456789\r\n".repeat(size)].concat()).collect()
}

/// Fetches from a server of four messages whose reply to one command is changed.
fn fetch(at: &'static str, answer: &'static str, options: &[&str]) -> Output {
    let house = House::new();
    let changed = script(mail(), move |line| (line == at).then(|| Some(answer.as_bytes().to_vec())));
    let server = Scripted::start(b"+OK\r\n", vec![changed]);
    let to = house.to("dir");
    let output = house.fetch(&server.url(), &[&["--to", &to], options].concat()).output().unwrap();
    server.said();
    output
}

fn json(text: &[u8]) -> Value {
    let text = str::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_is_skipped_on_purpose_is_no_failure() {
    for runtime in RUNTIMES {
        for options in [&["--max-size", "40"][..], &["--limit", "1"], &["--limit", "1", "--max-size", "40"]] {
            let options = [options, &["--runtime", runtime]].concat();
            let output = fetch("", "", &[&options[..], &["--quiet"]].concat());
            assert_eq!((code(&output), errors(&output).as_str()), (0, ""), "{options:?}");
            assert!(output.stdout.is_empty());
            // Without --quiet, the program prints it.
            let output = fetch("", "", &options);
            let text = format!("{}{}", errors(&output), String::from_utf8_lossy(&output.stdout));
            assert_eq!(code(&output), 0, "{text}");
            assert!(text.contains("skipped") || text.contains("left for the next run"), "{text}");
        }
    }
    // But failures are printed.
    let output = fetch("RETR 1", "-ERR no\r\n", &["--quiet", "--max-size", "40"]);
    assert_eq!((code(&output), errors(&output).lines().count()), (1, 1), "{}", errors(&output));
}

#[test]
fn json_is_printed_whatever_became_of_the_run() {
    for runtime in RUNTIMES {
        for quiet in [&["--json"][..], &["--json", "--quiet"]] {
            let options = [quiet, &["--runtime", runtime]].concat();
            for (at, answer, exit, fetched, error) in [
                ("", "", 0, 4, ""),
                ("RETR 2", "-ERR no\r\n", 1, 3, ""),
                ("PASS secret with spaces ", "-ERR [AUTH] no\r\n", 4, 0, "refused the login"),
                ("RETR 1", "* what\r\n", 5, 0, "neither with +OK"),
                ("LIST", "-ERR [SYS/TEMP] later\r\n", 6, 0, "refused LIST"),
            ] {
                let output = fetch(at, answer, &options);
                let told = json(&output.stdout);
                assert_eq!((code(&output), &told["exit"]), (exit, &exit.into()), "{at}: {told}");
                assert_eq!(told["fetched"], fetched, "{at}: {told}");
                let text = told["error"].as_str().unwrap_or_default();
                assert_eq!(told["error"].is_null(), error.is_empty(), "{told}");
                assert!(text.contains(error) && errors(&output).contains(text), "{told}");
            }
        }
    }
}

#[test]
fn json_is_printed_without_a_session_too() {
    let house = House::new();
    let to = house.to("dir");
    for (options, exit) in [(&["--to", &to][..], 3), (&["--to", "mbox:/", "--quiet"], 2)] {
        // Nobody listens on port 1.
        let output =
            house.fetch("pop3://alice@127.0.0.1:1", &[options, &["--json"]].concat()).output().unwrap();
        let told = json(&output.stdout);
        assert_eq!((code(&output), &told["exit"]), (exit, &exit.into()), "{options:?}: {told}");
        assert!(told["error"].is_string() && told["fetched"] == 0, "{told}");
        assert_eq!(errors(&output).lines().count(), 1);
    }
    let output =
        house.fetch("pop3://alice@127.0.0.1:1", &["--to", "-", "--delete", "--json"]).output().unwrap();
    assert_eq!(json(errors(&output).lines().next().unwrap().as_bytes())["exit"], 2);
    // If standard output is for messages, it is printed on standard error.
    let output = house.fetch("pop3://alice@127.0.0.1:1", &["--to", "-", "--json"]).output().unwrap();
    assert!(output.stdout.is_empty());
    assert_eq!(json(errors(&output).lines().next().unwrap().as_bytes())["exit"], 3);
}
