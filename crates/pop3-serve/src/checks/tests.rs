//! Commands and servers that check credentials, and those that do not.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn question(secret: &Secret<Vec<u8>>) -> Question<'_> {
    let peer = IpAddr::from([192, 0, 2, 1]);
    Question { kind: Kind::Token, mechanism: "XOAUTH2", name: "alice", peer, secret }
}

fn ask_within(command: &str, timeout: Duration) -> Result<Verdict, Fault> {
    let token = Secret::new(b"ya29.tanstaaf".to_vec());
    ExternalCheck::command(command, timeout).ask(&question(&token))
}

fn ask(command: &str) -> Result<Verdict, Fault> {
    ask_within(command, LONG)
}

fn named(name: &str) -> Verdict {
    Verdict::Good(Answer { name: Some(name.as_bytes().to_vec()), home: None })
}

fn at_home(name: Option<&str>, home: &str) -> Verdict {
    Verdict::Good(Answer { name: name.map(|name| name.as_bytes().to_vec()), home: Some(home.into()) })
}

#[test]
fn the_exit_code_decides() {
    assert_eq!(ask("exit 0").unwrap(), Verdict::Good(Answer::default()));
    assert_eq!(ask("exit 1").unwrap(), Verdict::Bad);
    assert_eq!(ask("echo ' alice '; echo more").unwrap(), named("alice"));
    assert_eq!(ask("echo alice; exit 1").unwrap(), Verdict::Bad);
    assert!(matches!(ask("exit 2"), Err(Fault::Ended(_))));
    assert!(matches!(ask("kill -9 $$"), Err(Fault::Ended(_))));
    assert!(matches!(ask("/nonexistent/command"), Err(Fault::Ended(_))));
}

#[test]
fn the_answer_may_name_a_home() {
    assert_eq!(ask("echo alice; echo home=/home/alice").unwrap(), at_home(Some("alice"), "/home/alice"));
    assert_eq!(ask("echo home=/a; echo x=y; echo user=bob").unwrap(), at_home(Some("bob"), "/a"));
    assert_eq!(ask("echo; echo home=/a").unwrap(), at_home(None, "/a"));
    for bad in
        ["echo home=a", "echo home=/a/../b", "echo home=", "printf 'home=/%01100d' 0", "printf %01100d 0"]
    {
        assert!(matches!(ask(bad), Err(Fault::Answer(_))), "{bad}: {:?}", ask(bad));
    }
}

#[test]
fn the_secret_is_passed_only_on_standard_input() {
    let told = "test \"$POP3_MECHANISM/$POP3_USER/$POP3_PEER\" = XOAUTH2/alice/192.0.2.1 || exit 3; \
        env | grep -q tanstaaf && exit 4; tr '\\0' ' ' </proc/$$/cmdline | grep -q 'ya[2]9' && exit 5; \
        read -r token && test \"$token\" = y'a29.tans'taaf";
    assert_eq!(ask(told).unwrap(), Verdict::Good(Answer::default()));
    assert_eq!(ask("yes | head -c 1000000").unwrap(), named("y"));
}

#[test]
fn a_secret_of_several_lines_is_wrong() {
    for secret in [&b"a\nb"[..], b"a\r", b"a\0b"] {
        let secret = Secret::new(secret.to_vec());
        assert_eq!(ExternalCheck::command("exit 0", LONG).ask(&question(&secret)).unwrap(), Verdict::Bad);
    }
}

#[test]
fn a_command_that_is_too_slow_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let command = format!("sleep 600 & echo $$ $! > {}; wait", pids.display());
    // Long enough for the shell to write the numbers first, or the check below has nothing to do.
    assert!(matches!(ask_within(&command, Duration::from_secs(2)), Err(Fault::TooSlow)));
    let pids = fs::read_to_string(pids).unwrap();
    let begun = Instant::now();
    for pid in pids.split_whitespace() {
        // A killed process takes a moment to die, and its new parent takes a moment to reap it.
        let alive = || {
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            !state.is_empty() && !state.contains(") Z ")
        };
        while alive() {
            assert!(begun.elapsed() < LONG, "{pid} lives");
            thread::yield_now();
        }
    }
}

#[test]
fn the_remains_of_commands_are_bounded() {
    let secret = Secret::new(Vec::new());
    let question = question(&secret);
    let command = command::CheckCommand::new("exit 0".into());
    let held: Vec<_> = (0..MOST + command::MOST_LEFT).map(|_| Arc::clone(&command.open)).collect();
    assert!(matches!(command.ask(&question, LONG), Err(Fault::LeftOpen)));
    drop(held);
    for _ in 0..2 * (MOST + command::MOST_LEFT) {
        assert_eq!(command.ask(&question, LONG).unwrap(), Verdict::Good(Answer::default()));
    }
}

/// Asks a server that gives this answer. Returns what it was told, too.
fn ask_socket(answer: &[u8], timeout: Duration) -> (Result<Verdict, Fault>, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let answer = answer.to_vec();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).unwrap();
        // The client may not wait for the end of it.
        let _ = stream.write_all(&answer);
        told
    });
    let secret = Secret::new(b"ya29.tanstaaf".to_vec());
    let verdict = ExternalCheck::socket(&path, timeout).ask(&question(&secret));
    (verdict, server.join().unwrap())
}

#[test]
fn a_server_on_a_socket_decides() {
    let (verdict, told) = ask_socket(b"ok\n", LONG);
    assert_eq!(verdict.unwrap(), Verdict::Good(Answer::default()));
    assert_eq!(
        told,
        "pop3-check 1\nkind=token\nmechanism=XOAUTH2\nuser=alice\npeer=192.0.2.1\nsecret=ya29.tanstaaf\n\n"
    );
    for (answer, verdict) in [
        (&b"no\n"[..], Verdict::Bad),
        (b"no", Verdict::Bad),
        (b"ok\r\nuser=bob\r\nhome=/home/bob\r\n\r\n", at_home(Some("bob"), "/home/bob")),
        (b"ok\nlater=x\nuser=bob", named("bob")),
        (b"ok\nbob", Verdict::Good(Answer::default())),
    ] {
        assert_eq!(ask_socket(answer, LONG).0.unwrap(), verdict);
    }
    for answer in [&b""[..], b"\n", b"yes", b"okay", b"OK", b"error", b"ok\nhome=x", &[b'x'; 100_000]] {
        assert!(matches!(ask_socket(answer, LONG).0, Err(Fault::Answer(_) | Fault::Socket(..))));
    }
    let long = [b"ok\n".as_slice(), &b"x=y\n".repeat(1_000)].concat();
    assert!(ask_socket(&long, LONG).0.is_err());
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let secret = Secret::new(b"x".to_vec());
    let ask = || ExternalCheck::socket(&path, Duration::from_millis(200)).ask(&question(&secret));
    assert!(matches!(ask(), Err(Fault::Socket(..))));
    // It is accepted by the system, and never answered.
    let listener = UnixListener::bind(&path).unwrap();
    assert!(matches!(ask(), Err(Fault::TooSlow)), "{:?}", ask());
    drop(listener);
    assert!(matches!(ask(), Err(Fault::Socket(..))));
}
