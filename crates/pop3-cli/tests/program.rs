//! The program from outside: what it prints where, and its exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn pop3(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pop3"));
    command.args(arguments).env_remove("POP3_PASSWORD").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    pop3(arguments).output().unwrap()
}

fn with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child =
        pop3(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments may be gone before it has read anything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Exit code 2, nothing on stdout, one line on stderr that has this text.
fn assert_refused(output: &Output, text: &str) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("pop3: ") && stderr.contains(text), "{stderr}");
}

#[test]
fn passwd_prints_a_line_for_the_users_file() {
    let output = with_input(&["passwd", "alice"], b"a secret \r\nsecond line\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let line = String::from_utf8(output.stdout).unwrap();
    let hash = line.strip_prefix("alice:").and_then(|line| line.strip_suffix('\n')).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$"), "{hash}");
    assert!(password_auth::verify_password("a secret ", hash).is_ok());
    assert!(password_auth::verify_password("a secret", hash).is_err());
}

#[test]
fn passwd_refuses_names_and_passwords_that_do_not_work() {
    for name in ["", "..", ".alice", "a/b", "a b", "a:b", "a\nb"] {
        assert_refused(&with_input(&["passwd", name], b"secret\n"), "can't be a user");
    }
    assert_refused(&with_input(&["passwd", "alice"], b""), "empty");
    assert_refused(&with_input(&["passwd", "alice"], b"\n"), "empty");
    assert_refused(&with_input(&["passwd", "alice"], b"a\0b\n"), "NUL");
    assert_refused(&with_input(&["passwd", "alice"], &[b'x'; 5_000]), "4,096");
}

#[test]
fn usage_errors_are_one_line_and_exit_2() {
    assert_refused(&run(&["serve"]), "--maildrops");
    assert_refused(&run(&["fetch", "pop3://h"]), "--to");
    assert_refused(&run(&["fetch", "pop3://h", "--to", "mh:x"]), "maildir:DIR");
    assert_refused(&run(&["fetch", "pop3://h", "--to", "-", "--timeout", "0"]), "at least 1");
    assert_refused(&run(&["fetch", "pop3://h", "--to", "-", "--tls", "maybe"]), "maybe");
    assert_refused(&run(&["frobnicate"]), "frobnicate");
    assert_refused(&run(&["check"]), "URL");
    assert_refused(&run(&["serve", "--maildrops", "d", "--users", "u", "--tls-cert", "c"]), "--tls-key");
    let output = run(&["serve", "--\x1b[31mred\x07"]);
    assert_refused(&output, "unexpected argument");
    assert!(!output.stderr.contains(&0x1b) && !output.stderr.contains(&0x07), "{output:?}");
}

#[test]
fn help_and_version_are_no_errors() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["serve", "fetch", "check", "demo", "passwd", "Exit codes"] {
        assert!(help.contains(word), "{help}");
    }
    for command in ["serve", "fetch", "check", "demo", "passwd"] {
        assert_eq!(run(&[command, "--help"]).status.code(), Some(0), "{command}");
    }
    let version = run(&["--version"]);
    assert_eq!(String::from_utf8(version.stdout).unwrap(), concat!("pop3 ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(run(&[]).status.code(), Some(2));
}
