//! `docs/json.md` lists exactly the keys that the commands print.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{House, LAST, PASSWORD, Scripted, program, script};

/// The keys in the table of each section.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/json.md");
    let page = fs::read_to_string(page).unwrap();
    let sections = page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'));
    let key = |line: &str| line.strip_prefix("| `")?.split_once('`').map(|(key, _)| key.to_owned());
    sections.map(|(name, text)| (name.to_owned(), text.lines().filter_map(key).collect())).collect()
}

/// Adds the keys of a value.
fn collect(value: &Value, prefix: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                // Their names are data.
                let key = if matches!(prefix, "percentiles_us." | "errors.") { "*" } else { key };
                let path = format!("{prefix}{key}");
                let below = if value.is_array() { format!("{path}[].") } else { format!("{path}.") };
                found.insert(path);
                collect(value, &below, found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, prefix, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The keys in these outputs, each of one object or of one in each line.
fn keys(outputs: &[Output]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for output in outputs {
        let values = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
        let values: Vec<Value> = values.map(Result::unwrap).collect();
        assert!(!values.is_empty(), "{output:?}");
        values.iter().for_each(|value| collect(value, "", &mut found));
    }
    found
}

/// Runs the program with this password.
fn run(password: &str, words: &[&str]) -> Output {
    program().args(words).arg("--json").env("POP3_PASSWORD", password).output().unwrap()
}

#[test]
fn the_page_has_the_keys_that_the_commands_print() {
    let house = House::new();
    house.deliver(&[b"Subject: a\n\nx\n".to_vec()]);
    let server = house.serve(&[]);
    let (url, tls) = (server.url("pop3"), server.url("pop3s"));
    let (cert, state, to) = (house.path("cert.pem"), house.path("state"), house.to("dir"));
    let cert = ["--ca-file", cert.to_str().unwrap()];
    let answer = |line: &str| match line {
        "STAT" => Some(Some(b"+OK 1 17\r\n".to_vec())),
        "QUIT" => Some(Some(LAST.to_vec())),
        _ => None,
    };
    let odd = Scripted::start(b"+OK ready\r\n", vec![script(vec![b"x\r\n".to_vec()], answer)]);
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/transcripts/popa3d.txt");
    let outputs = BTreeMap::from([
        ("fetch", vec![run(PASSWORD, &["fetch", &url, "--to", &to, "--state", state.to_str().unwrap()])]),
        (
            "check",
            vec![
                run(PASSWORD, &["check", &url, "--tls", "starttls", cert[0], cert[1]]),
                run(PASSWORD, &["check", &tls]),
                run(PASSWORD, &["check", &odd.url()]),
            ],
        ),
        (
            "bench",
            vec![
                run(PASSWORD, &["bench", &url, "--sessions", "1", "--connections", "1"]),
                run("wrong", &["bench", &url, "--sessions", "1", "--connections", "1"]),
            ],
        ),
        ("conformance", vec![run(PASSWORD, &["conformance", &url, "--only", "NUM"])]),
        ("lint", vec![run("", &["lint", recording.to_str().unwrap()])]),
    ]);
    let found: BTreeMap<_, _> =
        outputs.iter().map(|(name, outputs)| ((*name).to_owned(), keys(outputs))).collect();
    assert_eq!(found, documented());
    odd.said();
}
