//! How errors present the replies of servers.

use crate::support::{House, PASSWORD, Scripted, code, errors, program, script};

fn mail() -> Vec<Vec<u8>> {
    vec![b"Subject: a\r\n\r\nfirst\r\n".to_vec(), b"Subject: b\r\n\r\nsecond\r\n".to_vec()]
}

/// A temporary refusal has one exit code, whatever was refused.
#[test]
fn what_is_refused_for_now_is_told_as_that() {
    let conformance = || {
        script(mail(), |line| line.starts_with("PASS").then(|| Some(b"-ERR [SYS/TEMP] disk\r\n".to_vec())))
    };
    let server = Scripted::start(b"+OK\r\n", vec![conformance(), conformance(), conformance()]);
    let output = program()
        .args(["conformance", &server.url(), "--only", "1939-5.28"])
        .env("POP3_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert_eq!(code(&output), 6, "{}", errors(&output));
    assert!(errors(&output).contains("[SYS/TEMP] disk"), "{}", errors(&output));
    server.said();
    for command in ["STLS", "STAT"] {
        let house = House::new();
        let reply = b"-ERR [SYS/TEMP] disk\r\n".to_vec();
        let answer = script(mail(), move |line| (line == command).then(|| Some(reply.clone())));
        let server = Scripted::start(b"+OK\r\n", vec![answer]);
        let url = server.url();
        let output = if command == "STAT" {
            program().args(["check", &url]).env("POP3_PASSWORD", PASSWORD).output().unwrap()
        } else {
            let tls = if command == "STLS" { "starttls" } else { "off" };
            house.fetch(&url, &["--tls", tls, "--to", &house.to("dir")]).output().unwrap()
        };
        let text = errors(&output);
        assert_eq!(code(&output), 6, "{command}: {text}");
        assert!(text.contains("try again later") && text.contains("[SYS/TEMP] disk"), "{text}");
        server.said();
    }
}

/// An invalid reply is shown with the command, and never with the password.
#[test]
fn what_the_server_said_is_told() {
    let long = [&b"1 "[..], &[b'x'; 5000], b"\r\n"].concat();
    let listing = |line: &[u8]| [b"+OK\r\n1 20\r\n", line, b".\r\n"].concat();
    for (command, reply, what) in [
        (
            "USER alice",
            b"250 who?\r\n".to_vec(),
            "the reply to USER begins neither with +OK nor with -ERR: \"250 who?\"",
        ),
        (
            "LIST",
            listing(b"zwei \xc3\xbc\x1b[1m\r\n"),
            "the reply to LIST contains a malformed line: \"zwei \u{fc}\\x1b[1m\"",
        ),
        ("LIST", listing(&long), "the reply to LIST contains a malformed line: \"1 xxx"),
        ("UIDL", listing(b"x\r\n"), "the reply to UIDL contains a malformed line: \"x\""),
        (
            "RETR 1",
            b"\"OK\"\r\n".to_vec(),
            "the reply to RETR begins neither with +OK nor with -ERR: \"\"OK\"\"",
        ),
        (
            "RETR 1",
            b"-ERR no\r\n-ERR idle for too long\r\n".to_vec(),
            "ended the session on its own: \"-ERR idle for too long\"",
        ),
        (
            "PASS",
            format!("PASS {PASSWORD}\r\n").into_bytes(),
            "the reply to PASS begins neither with +OK nor with -ERR: \"PASS ***\"",
        ),
        ("PASS", format!("-ERR not {PASSWORD}!\r\n").into_bytes(), "refused the login: not ***!"),
    ] {
        let house = House::new();
        let answer = script(mail(), move |line| line.starts_with(command).then(|| Some(reply.clone())));
        let server = Scripted::start(b"+OK\r\n", vec![answer]);
        let options = ["--no-pipelining", "--to", &house.to("dir")];
        let output = house.fetch(&server.url(), &options).output().unwrap();
        let text = errors(&output);
        assert!(text.contains(what), "{what}: {text}");
        assert!(!text.contains(PASSWORD.trim()) && !text.contains('\x1b'), "{text}");
        assert!(text.lines().last().unwrap().chars().count() < 400, "{text}");
        server.said();
    }
}
