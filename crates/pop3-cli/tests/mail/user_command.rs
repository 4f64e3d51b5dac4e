//! `pop3 user`: what it does to the users file, and that the server reads it.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, code, errors, program};
use crate::talk::Talk;

/// Runs `pop3 user` on the users file of the house, with this on standard input.
fn user(house: &House, arguments: &[&str], input: &str) -> Output {
    let mut child = program()
        .arg("user")
        .args(arguments)
        .arg("--users")
        .arg(house.path("users"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It need not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn done(house: &House, arguments: &[&str], input: &str) -> String {
    let output = user(house, arguments, input);
    assert_eq!(code(&output), 0, "{arguments:?}: {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(house: &House, arguments: &[&str], input: &str, why: &str) {
    let before = fs::read(house.path("users")).unwrap();
    let output = user(house, arguments, input);
    assert_eq!(code(&output), 2, "{arguments:?}: {}", errors(&output));
    assert!(errors(&output).contains(why), "{arguments:?}: {}", errors(&output));
    assert_eq!(fs::read(house.path("users")).unwrap(), before);
}

#[test]
fn users_come_change_and_go() {
    for format in ["pop3", "passwd-file"] {
        let house = House::new();
        fs::remove_file(house.path("users")).unwrap();
        let run = |command: &str, name: &str, input: &str| {
            done(&house, &[command, name, "--users-format", format], input)
        };
        run("add", "alice", "first\n");
        run("add", "bob", "second\n");
        let log_in = |mechanism: Mechanism, name: &str, password: &str| {
            let server = house.serve(&["--users-format", format]);
            let mut talk = Talk::plain(server.plain);
            talk.auth(mechanism, &Credentials::new(name).with_password(password)).is_good()
        };
        assert!(log_in(Mechanism::Plain, "alice", "first"));
        assert!(!log_in(Mechanism::Plain, "alice", "second"));
        run("passwd", "alice", "third\n");
        assert!(log_in(Mechanism::Plain, "alice", "third") && !log_in(Mechanism::Plain, "alice", "first"));
        if format == "pop3" {
            assert!(log_in(Mechanism::ScramSha256, "alice", "third"));
        }
        let listed = done(&house, &["list", "--users-format", format], "");
        let names: Vec<_> = listed.lines().map(|line| line.split('\t').next().unwrap()).collect();
        assert_eq!(names, ["alice", "bob"]);
        assert!(listed.contains("\thash"), "{listed}");
        refused(&house, &["add", "alice", "--users-format", format], "x\n", "already contains alice");
        run("del", "alice", "");
        assert!(!log_in(Mechanism::Plain, "alice", "third"));
        refused(&house, &["del", "alice", "--users-format", format], "", "does not contain alice");
        refused(&house, &["passwd", "alice", "--users-format", format], "x\n", "does not contain alice");
    }
}

#[test]
fn what_can_not_be_done_changes_nothing() {
    let house = House::new();
    fs::write(house.path("users"), "# kept\nalice:{PLAIN}x\n").unwrap();
    refused(&house, &["add", "../x"], "secret\n", "is not a valid user name");
    refused(&house, &["add", "bob"], "\n", "the password is empty");
    refused(&house, &["add", "ALICE", "--fold-names"], "x\n", "already contains alice");
    refused(
        &house,
        &["add", "bob", "--users-format", "passwd-file", "--form", "scram-sha-512"],
        "x\n",
        "passwd-file",
    );
    done(&house, &["add", "bob", "--form", "argon2id"], "x\n");
    let text = fs::read_to_string(house.path("users")).unwrap();
    assert!(
        text.starts_with("# kept\nalice:{PLAIN}x\nbob:$argon2id$") && text.lines().count() == 3,
        "{text}"
    );
    fs::write(house.path("users"), "alice:{PLAIN}x\nwhat is this\n").unwrap();
    refused(&house, &["add", "bob"], "x\n", "users:2: ");
}
