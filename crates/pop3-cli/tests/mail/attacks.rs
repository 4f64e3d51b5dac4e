//! Attacks on `pop3 serve`: they have no effect on other users.

use core::sync::atomic::{AtomicBool, Ordering};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::thread;

use base64ct::{Base64, Encoding as _};
use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, PASSWORD, RUNTIMES};
use crate::talk::Talk;

/// What a hostile client sends after the greeting, whatever the server sends, before it disappears.
fn hostile() -> Vec<Vec<u8>> {
    let encoded = |octets: &[u8]| Base64::encode_string(octets);
    let token = encoded(b"user=alice\x01auth=Bearer wrong\x01\x01");
    let first = encoded(b"n,,n=alice,r=abcdefgh");
    let mut all: Vec<Vec<u8>> = [
        "AUTH PLAIN\r\n*\r\n".repeat(20),
        format!("AUTH PLAIN {}\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n", encoded(b"\0alice\0wrong")),
        format!("AUTH PLAIN {}\r\n", encoded(b"bob\0alice\0wrong")),
        format!("AUTH SCRAM-SHA-256 {first}\r\nc=\r\n"),
        format!("AUTH SCRAM-SHA-256 {first}\r\n*\r\n").repeat(12),
        format!("AUTH SCRAM-SHA-256 {first}\r\nDELE 1\r\nQUIT\r\n"),
        format!("AUTH SCRAM-SHA-512-PLUS {}\r\n", encoded(b"p=tls-exporter,,n=alice,r=abcdefgh")),
        format!("AUTH SCRAM-SHA-1 {}\r\n", encoded(b"y,,n=alice,r=abcdefgh")),
        format!("AUTH XOAUTH2 {token}\r\n"),
        format!("AUTH XOAUTH2 {token}\r\n*\r\n"),
        format!("AUTH LOGIN\r\n{}\r\n{}\r\n", encoded(b"alice"), encoded(b"wrong")),
        format!("AUTH LOGIN\r\n{}", encoded(b"alice")),
        "AUTH CRAM-MD5 AAAA\r\nAUTH CRAM-MD5\r\nAAAA\r\n".to_owned(),
        "AUTH EXTERNAL =\r\nAUTH ANONYMOUS =\r\nAUTH X\r\nAUTH\r\nAUTH  \r\n".to_owned(),
        "STLS\r\nAUTH PLAIN\r\n".to_owned(),
        "USER alice\r\nPASS wrong\r\nUSER alice\r\nPASS wrong\r\n".to_owned(),
        "UTF8\r\nLANG *\r\nXCLIENT ADDR=127.0.0.1\r\nPROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\n".to_owned(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .collect();
    all.push([&b"AUTH PLAIN "[..], &[b'A'; 100_000]].concat());
    all.push([&b"AUTH PLAIN\r\n"[..], &[0; 5000], b"\r\n", &[0xff; 3000]].concat());
    all.push(b"\n\r\0\x16\x03\x01".repeat(500));
    all
}

// SEC-02, SEC-04
#[test]
fn hostile_exchanges_do_not_disturb_others() {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(move || disturbed(runtime));
        }
    });
}

fn disturbed(runtime: &str) {
    let house = House::new();
    house.deliver(&[b"Subject: one\n\n1\n".to_vec()]);
    house.maildir("mail/bob");
    fs::write(house.path("users"), format!("alice:{{PLAIN}}{PASSWORD}\nbob:{{PLAIN}}other\n")).unwrap();
    let options =
        ["--runtime", runtime, "--proxy-from", "127.0.0.0/8", "--token-command", "exit 1", "--utf8"];
    let server = house.serve(&options);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for attacker in 0..3 {
            let (port, over) = (server.plain, &over);
            scope.spawn(move || {
                // Not too many: a connection with a delayed refusal keeps its place until then.
                for (number, octets) in hostile().iter().cycle().take(120).enumerate() {
                    if over.load(Ordering::Acquire) && number > 40 {
                        break;
                    }
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    let last = number % 250;
                    let header = format!("PROXY TCP4 127.7.{attacker}.{last} 127.0.0.1 4711 110\r\n");
                    // The server may close at any octet.
                    let _ = stream.write_all(header.as_bytes()).and_then(|()| stream.write_all(octets));
                    if number % 3 == 0 {
                        let _ = stream.shutdown(Shutdown::Write);
                        let mut replies = Vec::new();
                        let _ = stream.read_to_end(&mut replies);
                        let replies = String::from_utf8_lossy(&replies).into_owned();
                        let good = |line: &str| !line.starts_with("+OK 1 ") && !line.contains("maildrop has");
                        assert!(replies.lines().all(good), "{replies}");
                    }
                }
            });
        }
        let mechanisms = [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::Login, Mechanism::ScramSha512];
        for (number, mechanism) in mechanisms.into_iter().cycle().take(12).enumerate() {
            for (name, password, state) in [("alice", PASSWORD, "+OK 1 "), ("bob", "other", "+OK 0 ")] {
                let mut talk = Talk::proxied(server.plain, 200 + number as u8);
                let login = talk.auth(mechanism, &Credentials::new(name).with_password(password));
                assert!(login.is_good(), "{runtime} {mechanism:?} {name}: {login:?}");
                let said = talk.say("STAT");
                assert!(said.starts_with(state), "{runtime} {name}: {said}");
                assert!(talk.say("QUIT").starts_with("+OK"));
            }
        }
        over.store(true, Ordering::Release);
    });
    assert_eq!(house.stored().len(), 1, "nothing is removed");
    assert!(!house.log().contains("panicked"), "{}", house.log());
}

// SEC-01, SEC-09
#[test]
fn a_flood_of_exchanges_ends_the_connection() {
    let house = House::new();
    let server = house.serve(&[]);
    for flood in
        ["AUTH PLAIN\r\n*\r\n", "AUTH PLAIN AAAA\r\n", "AUTH SCRAM-SHA-256 AAAA\r\n", "AUTH NONE\r\n"]
    {
        let mut stream = TcpStream::connect(("127.0.0.1", server.plain)).unwrap();
        let mut reader = stream.try_clone().unwrap();
        let writer = thread::spawn(move || {
            let _ = stream.write_all(flood.repeat(100_000).as_bytes());
        });
        let mut replies = Vec::new();
        let _ = reader.read_to_end(&mut replies);
        writer.join().unwrap();
        let lines = replies.iter().filter(|octet| **octet == b'\n').count();
        assert!((2..=1 + 2 * 10).contains(&lines), "{flood}: {lines}");
    }
}

// PRS-13: XCLIENT from anybody else is an invalid command.
#[test]
fn only_proxies_may_send_the_address_of_a_client() {
    let house = House::new();
    for options in [&[][..], &["--proxy-from", "192.0.2.0/24", "--xclient-from", "::ffff:0:0/96"]] {
        let server = house.serve(options);
        let mut talk = Talk::plain(server.plain);
        assert!(!talk.list("CAPA").iter().any(|line| line.starts_with("XCLIENT")));
        assert_eq!(talk.say("XCLIENT ADDR=192.0.2.1 LOGIN=alice"), "-ERR unknown command");
        assert_eq!(talk.say("PROXY TCP4 192.0.2.1 192.0.2.2 1 110"), "-ERR unknown command");
        assert!(talk.say("STAT").starts_with("-ERR"));
    }
    // Two forms of one address count as one.
    let server = house.serve(&["--proxy-from", "127.0.0.0/8", "--max-connections-per-ip", "1"]);
    let greeting = |header: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", server.plain)).unwrap();
        stream.write_all(format!("{header}\r\n").as_bytes()).unwrap();
        let mut begin = [0; 4];
        stream.read_exact(&mut begin).unwrap();
        (stream, String::from_utf8(begin.to_vec()).unwrap())
    };
    let (_first, reply) = greeting("PROXY TCP4 192.0.2.1 127.0.0.1 1 110");
    assert_eq!(reply, "+OK ");
    assert_eq!(greeting("PROXY TCP6 ::ffff:192.0.2.1 ::1 1 110").1, "-ERR");
    assert_eq!(greeting("PROXY TCP4 192.0.2.2 127.0.0.1 1 110").1, "+OK ");
}
