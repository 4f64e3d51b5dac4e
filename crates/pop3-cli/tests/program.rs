//! The program from outside: its output and its exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use pop3_sasl::scram::{Hash, Keys};

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
    // A program that refuses its arguments may exit before it has read anything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Exit code 2, nothing on stdout, and one line on stderr that contains this text.
fn assert_refused(output: &Output, text: &str) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("pop3: ") && stderr.contains(text), "{stderr}");
}

#[test]
fn passwd_prints_lines_for_the_users_file() {
    let output = with_input(&["passwd", "alice", "--iterations", "4097"], b"a secret \r\nsecond line\n");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let forms: Vec<_> = text.lines().map(|line| line.strip_prefix("alice:").unwrap()).collect();
    assert_eq!((forms.len(), text.ends_with('\n')), (4, true));
    assert!(forms[0].starts_with("$argon2id$v=19$"), "{text}");
    assert!(password_auth::verify_password("a secret ", forms[0]).is_ok());
    assert!(password_auth::verify_password("a secret", forms[0]).is_err());
    for (hash, form) in Hash::ALL.iter().copied().zip(&forms[1..]) {
        let keys = Keys::parse(form.as_bytes()).unwrap();
        assert_eq!((keys.hash(), keys.iterations(), keys.salt().len()), (hash, 4097, 16));
        assert!(keys.verify_password(b"a secret ") && !keys.verify_password(b"a secret"));
        assert!(!forms.iter().any(|other| other != form && other.contains(&form[14..30])), "its own salt");
    }
}

#[test]
fn passwd_prints_the_forms_that_are_asked_for() {
    let text = |arguments: &[&str], input: &[u8]| {
        let output = with_input(arguments, input);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let one = text(&["passwd", "jo\u{308}rg", "--form", "scram-sha-512"], "a\u{308}\u{2168}\n".as_bytes());
    let keys = one.strip_prefix("j\u{f6}rg:SCRAM-SHA-512$32768:").unwrap();
    let keys = Keys::parse(format!("SCRAM-SHA-512$32768:{}", keys.trim_end()).as_bytes()).unwrap();
    assert!(keys.verify_password("\u{e4}IX".as_bytes()));
    let two = text(&["passwd", "a", "--form", "argon2id,scram-sha-1", "--iterations", "4096"], b"x\n");
    assert_eq!(two.lines().map(|line| &line[..9]).collect::<Vec<_>>(), ["a:$argon2", "a:SCRAM-S"]);
    // A password that SASLprep refuses can still be hashed unchanged.
    let odd = text(&["passwd", "a", "--form", "argon2id"], b"\xff\x07\n");
    assert!(password_auth::verify_password(b"\xff\x07", odd.trim_end().strip_prefix("a:").unwrap()).is_ok());
    assert_refused(&with_input(&["passwd", "a"], b"\xff\n"), "not UTF-8; --form argon2id");
    assert_refused(&with_input(&["passwd", "a"], b"tab\t\n"), "a character that SASLprep does not allow");
    assert_refused(&with_input(&["passwd", "a", "--iterations", "4095"], b"x\n"), "4096");
    assert_refused(&with_input(&["passwd", "a", "--form", "md5"], b"x\n"), "scram-sha-256");
}

#[test]
fn passwd_refuses_names_and_passwords_that_do_not_work() {
    for name in ["", "..", ".alice", "a/b", "a b", "a:b", "a\nb", "a\u{ff0f}b", "\u{202e}"] {
        assert_refused(&with_input(&["passwd", name], b"secret\n"), "is not a valid user name");
    }
    assert_refused(&with_input(&["passwd", "alice"], b""), "empty");
    assert_refused(&with_input(&["passwd", "alice"], b"\n"), "empty");
    assert_refused(&with_input(&["passwd", "alice"], b"a\0b\n"), "NUL");
    assert_refused(&with_input(&["passwd", "alice"], &[b'x'; 5_000]), "4096 octets");
}

#[test]
fn usage_errors_are_one_line_and_exit_2() {
    assert_refused(&run(&["serve"]), "--maildrops");
    assert_refused(&run(&["fetch", "pop3://h"]), "--to");
    assert_refused(&run(&["fetch", "pop3://h", "--to", "mh:x"]), "maildir:DIR");
    assert_refused(&run(&["fetch", "pop3://h", "--to", "-", "--timeout", "0"]), "at least 1");
    assert_refused(&run(&["fetch", "pop3://h", "--to", "-", "--tls", "maybe"]), "maybe");
    assert_refused(&run(&["frobnicate"]), "frobnicate");
    assert_refused(
        &run(&["serve", "--listen-tsl", "x"]),
        "did you mean --listen-tls? (see pop3 serve --help)",
    );
    assert_refused(&run(&["fetch", "pop3://h", "--to", "-", "--max-size", "10X"]), "10M");
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
    for word in ["serve", "fetch", "check", "conformance", "demo", "lint", "passwd", "generate", "Exit codes"]
    {
        assert!(help.contains(word), "{help}");
    }
    for command in ["serve", "fetch", "check", "conformance", "demo", "lint", "passwd", "generate"] {
        let help = run(&[command, "--help"]);
        assert_eq!(help.status.code(), Some(0), "{command}");
        assert_eq!(run(&["help", command]).stdout, help.stdout, "{command}");
    }
    let help = String::from_utf8(run(&["help", "fetch"]).stdout).unwrap();
    for part in ["\nTLS:\n", "\nLogin:\n", "\nExamples:\n  pop3 fetch pop3s://", "\nExit codes:\n"] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let version = run(&["--version"]);
    assert_eq!(String::from_utf8(version.stdout).unwrap(), concat!("pop3 ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(run(&[]).status.code(), Some(2));
}

#[test]
fn the_rows_of_servers_and_of_clients_are_listed() {
    for (options, group, row) in [
        (&["conformance", "--list"][..], "LST - ", "1939-5.28"),
        (&["conformance", "--client", "--list"], "dots - ", "1939-3.31"),
    ] {
        let output = run(options);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let list = String::from_utf8(output.stdout).unwrap();
        assert!(list.contains(group) && list.contains(row), "{list}");
    }
    let one = run(&["conformance", "--list", "--only", "1939-5.28"]);
    assert_eq!(String::from_utf8(one.stdout).unwrap().lines().count(), 2);
    assert_refused(&run(&["conformance", "--list", "--only", "1939-9.99"]), "1939-9.99");
    assert_refused(&run(&["conformance"]), "URL");
    assert_refused(&run(&["conformance", "--client"]), "--listen");
    assert_refused(&run(&["conformance", "pop3://127.0.0.1:1"]), "user");
}

// MDR-11
#[test]
fn store_imports_an_mbox_once() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, maildir) = (folder.path().join("spool"), folder.path().join("mail"));
    let from = format!("mbox:{}", spool.display());
    let to = format!("maildir:{}", maildir.display());
    let import = |more: &[&str]| run(&[&["store", "import", "--from", &from, "--to", &to], more].concat());
    assert_refused(&import(&[]), "spool");
    std::fs::write(&spool, "no mbox\n").unwrap();
    assert_refused(&import(&[]), "is not an mbox");
    let text =
        "From a Sat Jan  6 10:00:00 2024\nX-UIDL: first\n\nx\n\nFrom a Sat Jan  6 10:00:00 2024\n\ny\n";
    std::fs::write(&spool, text).unwrap();
    for expected in
        ["2 messages imported, 0 were imported before\n", "0 messages imported, 2 were imported before\n"]
    {
        let output = import(&["--x-uidl"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }
    let list = std::fs::read_to_string(maildir.join("dovecot-uidlist")).unwrap();
    assert!(list.contains("\n1 Pfirst :") && list.lines().count() == 3, "{list}");
    assert_eq!(std::fs::read_to_string(&spool).unwrap(), text);
    assert_eq!(import(&["--remove"]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&spool).unwrap(), "");
}
