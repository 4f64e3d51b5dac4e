//! `pop3 check` with servers that are unusual but usable.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use rustls::{ServerConnection, StreamOwned};

use crate::odd_servers::tls_config;
use crate::support::{House, LAST, PASSWORD, RUNTIMES, Scripted, code, errors, program, script};

fn mail() -> Vec<Vec<u8>> {
    vec![b"Subject: a\r\n\r\nx\r\n".to_vec()]
}

/// Checks a server, and returns the report.
fn check(url: &str, options: &[&str]) -> String {
    let mut command = program();
    command.args(["check", url, "--timeout", "20"]).args(options).env("POP3_PASSWORD", PASSWORD);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{options:?}: {}", errors(&output));
    assert_eq!(errors(&output), "", "{options:?}");
    String::from_utf8(output.stdout).unwrap()
}

const HANG_UP: &str = "the server closes the connection without answering QUIT";

#[test]
fn a_server_that_hangs_up_at_quit_is_fine() {
    for runtime in RUNTIMES {
        for part in [None, Some(b"+O".as_slice())] {
            let answer = move |line: &str| match line {
                "STAT" => Some(Some(b"+OK 1 17\r\n".to_vec())),
                "QUIT" => Some(part.map(|part| [LAST, part].concat())),
                _ => None,
            };
            let server = Scripted::start(b"+OK ready\r\n", vec![script(mail(), answer)]);
            let page = check(&server.url(), &["--runtime", runtime]);
            assert!(page.contains("1 messages, 17 octets") && page.contains(HANG_UP), "{runtime}: {page}");
            assert_eq!(server.said().last().unwrap(), "QUIT");
        }
    }
}

/// Under TLS, which is closed without close_notify.
#[test]
fn a_server_that_hangs_up_at_quit_within_tls_is_fine() {
    let house = House::new();
    for runtime in RUNTIMES {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let config = tls_config(&house);
        let server = thread::spawn(move || {
            let tcp = listener.accept().unwrap().0;
            let mut stream = BufReader::new(StreamOwned::new(ServerConnection::new(config).unwrap(), tcp));
            stream.get_mut().write_all(b"+OK ready\r\n").unwrap();
            let stat = |line: &str| (line == "STAT").then(|| Some(b"+OK 1 17\r\n".to_vec()));
            let mut script = script(mail(), stat);
            let mut line = String::new();
            while line.trim_end() != "QUIT" {
                if !line.is_empty() {
                    stream.get_mut().write_all(&script(line.trim_end()).unwrap()).unwrap();
                }
                line.clear();
                stream.read_line(&mut line).unwrap();
            }
        });
        let cert = house.path("cert.pem");
        let options = ["--runtime", runtime, "--ca-file", cert.to_str().unwrap()];
        let page = check(&format!("pop3s://alice@127.0.0.1:{port}"), &options);
        assert!(page.contains("1 messages, 17 octets") && page.contains(HANG_UP), "{runtime}: {page}");
        server.join().unwrap();
    }
}

#[test]
fn a_server_that_refuses_list_is_told_by_its_stat() {
    for runtime in RUNTIMES {
        let answer = |line: &str| match line {
            "STAT" => Some(Some(b"+OK 1 17\r\n".to_vec())),
            "LIST" => Some(Some(b"-ERR no \x1b[1mlists\r\n".to_vec())),
            _ => None,
        };
        let server = Scripted::start(b"+OK ready\r\n", vec![script(mail(), answer)]);
        let page = check(&server.url(), &["--runtime", runtime]);
        assert!(page.contains("maildrop          1 messages, 17 octets"), "{runtime}: {page}");
        assert!(page.contains("LIST is refused: no \\x1b[1mlists"), "{runtime}: {page}");
        let said = server.said();
        assert_eq!(said[said.len() - 3..], ["LIST", "UIDL", "QUIT"], "{runtime}");
    }
}

#[test]
fn json_tells_the_same_after_an_error_too() {
    let answer = |line: &str| match line {
        "STAT" => Some(Some(b"+OK 1 17\r\n".to_vec())),
        _ => None,
    };
    let server = Scripted::start(b"+OK ready\r\n", vec![script(mail(), answer)]);
    let json: serde_json::Value = check(&server.url(), &["--json"]).parse().unwrap();
    assert_eq!((&json["maildrop"]["octets"], &json["login"]), (&17.into(), &"USER".into()));
    assert_eq!(json["error"], serde_json::Value::Null);

    let refuse = |line: &str| line.starts_with("PASS").then(|| Some(b"-ERR [AUTH] no\r\n".to_vec()));
    let server = Scripted::start(b"+OK ready\r\n", vec![script(mail(), refuse)]);
    let mut command = program();
    let output =
        command.args(["check", &server.url(), "--json"]).env("POP3_PASSWORD", PASSWORD).output().unwrap();
    let json: serde_json::Value = String::from_utf8(output.stdout.clone()).unwrap().parse().unwrap();
    assert_eq!((code(&output), &json["error"]["kind"]), (4, &"login".into()), "{json}");
}
