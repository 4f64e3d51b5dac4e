//! Attackers who guess passwords keep the server busy with checks, and other users hardly notice.

use core::time::Duration;
use std::fs;
use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;

use pop3_sasl::Mechanism;
use pop3_sasl::client::Credentials;

use crate::support::{House, RUNTIMES, Raw, Server, program};
use crate::talk::Talk;

/// The number of attacking addresses, and of connections from each.
const ADDRESSES: usize = 8;
const CONNECTIONS: usize = 8;

/// Users who do nothing wrong.
const OTHERS: [&str; 3] = ["bob", "carol", "dave"];

/// A house where alice and the others have the same password, stored as argon2id.
fn house() -> House {
    let house = House::new();
    house.deliver(&[b"Subject: a\n\nb\n".to_vec()]);
    let mut passwd = program();
    let mut passwd = passwd
        .args(["passwd", "alice", "--form", "argon2id"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    passwd.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let line = String::from_utf8(passwd.wait_with_output().unwrap().stdout).unwrap();
    let mut users = line.clone();
    for name in OTHERS {
        house.maildir(&format!("mail/{name}"));
        users += &line.replace("alice:", &format!("{name}:"));
    }
    fs::write(house.path("users"), users).unwrap();
    house
}

/// A connection from this address, after the greeting.
fn come_from(server: &Server, address: &str) -> Raw {
    let mut stream = TcpStream::connect(("127.0.0.1", server.plain)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    stream.set_nodelay(true).unwrap();
    write!(stream, "PROXY TCP4 {address} 127.0.0.1 4711 110\r\n").unwrap();
    let mut raw = Raw { reader: BufReader::new(stream.try_clone().unwrap()), stream };
    assert!(raw.line().starts_with("+OK"));
    raw
}

fn log_in(raw: &mut Raw, name: &str) {
    raw.stream.write_all(format!("USER {name}\r\nPASS secret\r\n").as_bytes()).unwrap();
    assert!(raw.line().starts_with("+OK"));
    let reply = raw.line();
    assert!(reply.starts_with("+OK"), "{name}: {reply}");
}

/// How many wrong passwords have been checked so far.
fn checked(house: &House) -> usize {
    house.log().matches("login refused").count()
}

#[test]
fn guessers_do_not_keep_others_from_their_mail() {
    for runtime in RUNTIMES {
        attacked(runtime);
    }
}

fn attacked(runtime: &str) {
    let house = house();
    // Few threads, so that few connections can occupy all of them, if they can occupy any. async-std and smol
    // depend on this.
    let options = ["--runtime", runtime, "--proxy-from", "127.0.0.0/8", "--allow-insecure-auth"];
    let server = house.start(house.server(&options).env("BLOCKING_MAX_THREADS", "4"));
    let mut session = come_from(&server, "192.0.2.1");
    log_in(&mut session, "alice");
    let mut others: Vec<_> =
        (0..OTHERS.len()).map(|at| come_from(&server, &format!("192.0.2.{}", 2 + at))).collect();
    let mut attack = Vec::new();
    for number in 0..ADDRESSES * CONNECTIONS {
        let mut raw = come_from(&server, &format!("198.51.100.{}", number % ADDRESSES));
        raw.stream.write_all(if number % 2 == 0 { b"USER alice\r\n" } else { b"USER nobody\r\n" }).unwrap();
        assert!(raw.line().starts_with("+OK"));
        attack.push(raw);
    }
    for raw in &mut attack {
        raw.stream.write_all(b"PASS wrong\r\n").unwrap();
    }
    // By then the server knows that each address is guessing.
    while checked(&house) < 2 * ADDRESSES {
        thread::yield_now();
    }
    let before = checked(&house);
    for _ in 0..20 {
        assert!(session.say("RETR 1").starts_with("+OK"), "{runtime}");
        while session.line() != ".\r\n" {}
    }
    let checked_for_mail = checked(&house) - before;
    assert!(checked_for_mail < ADDRESSES * CONNECTIONS / 2, "{runtime}: {checked_for_mail}");
    for (raw, name) in others.iter_mut().zip(OTHERS) {
        let before = checked(&house);
        log_in(raw, name);
        let first = checked(&house) - before;
        // On a busy machine, some are checked before the server has read the login. Without turns it would be far more.
        assert!(first <= 2 * ADDRESSES, "{runtime}: {name} came behind {first}");
    }
    let done = checked(&house);
    assert!(done < ADDRESSES * CONNECTIONS, "{runtime}: all were checked, and the test has seen nothing");
    assert!(session.say("QUIT").starts_with("+OK"));
    // Connections that still wait do not delay the shutdown.
    assert!(server.ends_well(), "{runtime}");
    // A user whose check waited when the server ended was told that the credentials are not at fault.
    let mut replies = attack.iter_mut().map(|raw| {
        let mut reply = String::new();
        let _ = raw.reader.read_to_string(&mut reply);
        reply
    });
    assert!(replies.all(|reply| !reply.contains("+OK")), "{runtime}");
}

#[test]
fn bad_tokens_delay_only_their_sender() {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(move || {
                let house = House::new();
                fs::write(house.path("users"), "alice:{TOKEN}\n").unwrap();
                let begun = house.path("begun");
                let command = format!(
                    "read -r token; test $token = good || {{ echo >> {}; sleep 1; exit 1; }}",
                    begun.display()
                );
                let options =
                    ["--runtime", runtime, "--proxy-from", "127.0.0.0/8", "--token-command", &command];
                let server = house.serve(&options);
                let mut guessers: Vec<_> =
                    (0..36).map(|number| Talk::proxied(server.plain, 1 + number % 3)).collect();
                for talk in &mut guessers {
                    talk.send("AUTH XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciBiYWQBAQ==");
                }
                // All commands that may run do so.
                while fs::read(&begun).is_ok_and(|lines| lines.len() < 16) || !begun.exists() {
                    thread::yield_now();
                }
                let mut talk = Talk::proxied(server.plain, 99);
                let login = talk.auth(Mechanism::XOAuth2, &Credentials::new("alice").with_token("good"));
                assert!(login.is_good(), "{runtime}: {login:?}");
                assert!(talk.say("QUIT").starts_with("+OK"));
            });
        }
    });
}

/// The memory of the server that no file backs, in KiB.
fn resident(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn guesses_take_no_more_memory_than_the_threads_that_check_them() {
    // One hash, and a machine with this many processors computes so many at once.
    const HASH: usize = 19 * 1024;
    let threads = thread::available_parallelism().unwrap().get();
    for runtime in RUNTIMES {
        let house = house();
        let server =
            house.serve(&["--runtime", runtime, "--proxy-from", "127.0.0.1", "--allow-insecure-auth"]);
        let before = resident(&server);
        let mut guesses: Vec<_> =
            (0..40).map(|number| come_from(&server, &format!("198.51.100.{number}"))).collect();
        for raw in &mut guesses {
            raw.stream.write_all(b"USER alice\r\nPASS wrong\r\n").unwrap();
        }
        for raw in &mut guesses {
            let replies = [raw.line(), raw.line()];
            assert!(replies[1].starts_with("-ERR [AUTH]"), "{runtime}: {replies:?}");
        }
        let grown = resident(&server).saturating_sub(before);
        assert!(grown < (threads + 1) * HASH, "{runtime}: {grown} KiB for {threads} threads");
    }
}
