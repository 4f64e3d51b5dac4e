//! `pop3 conformance` with our own server and our own fetcher.

use std::process::Stdio;

use crate::support::{House, PASSWORD, program};

/// Rows without a failed login, whose reply would be delayed.
const QUICK: &str = "NUM,LST,RET,UID,MUL,1939-6.01,1939-6.10";

#[test]
fn our_server_passes_and_keeps_its_messages() {
    let house = House::new();
    house.deliver(&[b"Subject: one\n\n.dot\n.\nend\n".to_vec(), b"Subject: two\n\nbody\n".to_vec()]);
    let server = house.serve(&[]);
    let run = |options: &[&str]| {
        let mut command = program();
        command.args(["conformance", &server.url("pop3"), "--only", QUICK]).args(options);
        command.env("POP3_PASSWORD", PASSWORD).output().unwrap()
    };
    let output = run(&["--verbose"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("1939-6.10    MUST      not applicable  needs --destructive"), "{text}");
    assert!(text.contains("C: PASS ***") && !text.contains(PASSWORD), "{text}");
    assert!(text.lines().last().unwrap().contains(" passed, 0 failed, "), "{text}");
    assert_eq!(house.stored().len(), 2);
    // If permitted, it removes the last message. It prints the same as JSON.
    let output = run(&["--destructive", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["failed"], 0, "{json:#}");
    let rows = json["rows"].as_array().unwrap();
    let removal = rows.iter().find(|row| row["row"] == "1939-6.10").unwrap();
    assert_eq!(removal["outcome"], "passed");
    assert_eq!(house.stored(), [b"Subject: one\n\n.dot\n.\nend\n".to_vec()]);
}

#[test]
fn who_is_not_let_in_is_told_so() {
    let house = House::new();
    let server = house.serve(&[]);
    let mut command = program();
    command.args(["conformance", &server.url("pop3")]).env("POP3_PASSWORD", "wrong");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let nobody = program()
        .args(["conformance", "pop3://alice@127.0.0.1:1"])
        .env("POP3_PASSWORD", "wrong")
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(3), "{nobody:?}");
}

#[test]
fn our_fetcher_passes() {
    let house = House::new();
    let (cert, key) = (house.path("cert.pem"), house.path("key.pem"));
    let exec = format!(
        "'{}' fetch pop3://$POP3_USER@$POP3_HOST:$POP3_PORT --tls $POP3_TLS --ca-file '{}' --to dir:'{}' \
         --state '{}'-$POP3_SCENARIO --delete --quiet --timeout 5",
        env!("CARGO_BIN_EXE_pop3"),
        cert.display(),
        house.path("out").display(),
        house.path("state").display()
    );
    let output = program()
        .args([
            "conformance",
            "--client",
            "--listen",
            "127.0.0.1:0",
            "--timeout",
            "20",
            "--exec",
            &exec,
            "--tls-cert",
        ])
        .arg(cert)
        .arg("--tls-key")
        .arg(key)
        .stderr(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    // The rows that do not apply need a login method that the fetcher does not choose.
    assert!(text.lines().last().unwrap().starts_with("6"), "{text}");
}
