//! `kill -9` at any point: no message is lost or duplicated, and no lock remains.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread;

use crate::support::{House, Scripted, code, contents, errors, script, stalling};

fn messages(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|index| format!("Subject: {index}\r\n\r\nbody of {index}\r\n").into_bytes()).collect()
}

fn sorted(mut messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    messages.sort();
    messages
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_fetch_that_is_killed_is_taken_up_by_the_next() {
    let mail = messages(40);
    for (at, part) in [
        ("LIST", &b"+OK\r\n1 "[..]),
        ("RETR 1", b""),
        ("RETR 20", b"+OK\r\nSubject: 19\r\n\r\nbo"),
        ("RETR 40", b"+OK\r\nSubject: 39\r\n\r\nbody of 39\r\n."),
        ("DELE 1", b""),
        ("DELE 40", b"+O"),
        ("QUIT", b""),
    ] {
        for kind in ["dir", "maildir"] {
            let house = House::new();
            let (port, stalled) = stalling(mail.clone(), at, part);
            let url = format!("pop3://alice@127.0.0.1:{port}");
            let to = house.to(kind);
            let child = house.fetch(&url, &["--delete", "--to", &to]).stderr(Stdio::null()).spawn().unwrap();
            stalled.recv().unwrap();
            kill(child);
            // The server has seen no QUIT, or has not answered it, so all messages are still there. The account in the
            // state file contains the port, so the second server needs the same one.
            let listener = loop {
                if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
                    break listener;
                }
            };
            let mail = mail.clone();
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut script = script(mail, |_| None);
                stream.write_all(b"+OK\r\n").unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                for line in lines.map_while(Result::ok) {
                    if stream.write_all(&script(&line).unwrap()).is_err() {
                        break;
                    }
                }
            });
            let output = house.fetch(&url, &["--delete", "--to", &to]).output().unwrap();
            assert_eq!(code(&output), 0, "{at} {kind}: {}", errors(&output));
            server.join().unwrap();
            let (folder, expected) = if kind == "dir" {
                (house.path("out"), sorted(messages(40)))
            } else {
                let lf =
                    |message: Vec<u8>| String::from_utf8(message).unwrap().replace("\r\n", "\n").into_bytes();
                (house.path("out/new"), sorted(messages(40).into_iter().map(lf).collect()))
            };
            assert!(sorted(contents(&folder)) == expected, "{at} {kind}");
            assert!(contents(&house.path("out/tmp")).is_empty(), "{at} {kind}");
        }
    }
}

// 1939-6.15
#[test]
fn a_lost_reply_to_quit_neither_repeats_nor_loses() {
    // Either the server removed the messages before its reply was lost, or it did not.
    for left in [vec![], messages(5)] {
        let house = House::new();
        let to = house.to("dir");
        let lost = script(messages(5), |line| (line == "QUIT").then_some(None));
        let server = Scripted::start(b"+OK\r\n", vec![lost, script(left.clone(), |_| None)]);
        for exit in [3, 0] {
            let output = house.fetch(&server.url(), &["--delete", "--to", &to]).output().unwrap();
            assert_eq!(code(&output), exit, "{}", errors(&output));
            assert_eq!(house.fetched(), sorted(messages(5)));
        }
        let marks = server.said().iter().filter(|line| line.starts_with("DELE ")).count();
        assert_eq!(marks, 5 + left.len());
    }
}

// 1939-6.01, 1939-4.05
#[test]
fn a_server_that_is_killed_leaves_the_maildrop_whole_and_free() {
    let house = House::new();
    let mail: Vec<Vec<u8>> = (0..500).map(|index| format!("{index}\n").into_bytes()).collect();
    house.deliver(&mail);
    // In a session with messages marked as deleted.
    let mut server = house.serve(&[]);
    let mut session = server.connect();
    assert!(session.log_in().starts_with("+OK"));
    for number in 1..=500 {
        assert!(session.say(&format!("DELE {number}")).starts_with("+OK"));
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    assert_eq!(house.stored().len(), 500);
    let server = house.serve(&[]);
    assert!(server.connect().log_in().starts_with("+OK"));
}

// 1939-6.12: after a kill in the middle of the removals, the rest is intact, and the next server opens it at once.
#[test]
fn a_server_that_is_killed_in_a_commit_leaves_whole_messages() {
    const MESSAGES: usize = 3000;
    let mail: Vec<Vec<u8>> = (0..MESSAGES).map(|index| format!("{index}\n").into_bytes()).collect();
    // A kill may come after the last removal. Then the test tries again.
    for attempt in 1.. {
        assert!(attempt < 20, "no kill has hit the commit");
        let house = House::new();
        house.deliver(&mail);
        let mut server = house.serve(&[]);
        let mut session = server.connect();
        assert!(session.log_in().starts_with("+OK"));
        let marks: String = (1..=MESSAGES).map(|number| format!("DELE {number}\r\n")).collect();
        session.stream.write_all(marks.as_bytes()).unwrap();
        for _ in 0..MESSAGES {
            assert!(session.line().starts_with("+OK"));
        }
        // A message that is neither among the first nor among the last.
        let middle = house.path(&format!("mail/alice/new/{}.test.host", 1000 + MESSAGES / 4));
        assert!(middle.exists());
        session.stream.write_all(b"QUIT\r\n").unwrap();
        while middle.exists() {}
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        let left = house.stored();
        assert!(left.iter().all(|message| mail.contains(message)));
        let server = house.serve(&[]);
        let mut session = server.connect();
        assert!(session.log_in().starts_with("+OK"));
        assert!(session.say("STAT").starts_with(&format!("+OK {} ", left.len())));
        if (1..MESSAGES).contains(&left.len()) {
            break;
        }
    }
}
