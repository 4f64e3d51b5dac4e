//! Silent connections keep nobody out.

use core::time::Duration;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use base64ct::{Base64, Encoding as _};

use crate::changes::until;
use crate::crowd::{await_end, from, house_of, is_closed, log_in, retrieve, stream_from};
use crate::support::{House, RUNTIMES, Server};

/// How many connections the server accepts.
const PLACES: usize = 12;

/// Address of an attacker.
const ATTACKER: u8 = 66;

/// Address of a proxy.
const PROXY: u8 = 77;

fn on_all_runtimes(test: impl Fn(&str) + Sync) {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(|| test(runtime));
        }
    });
}

fn serve(house: &House, runtime: &str, options: &[&str]) -> Server {
    let places = PLACES.to_string();
    house.serve(&[&["--runtime", runtime, "--max-connections", &places], options].concat())
}

/// Twelve connections that hold a place and do nothing with it, each in a different way.
fn silent(server: &Server) -> Vec<TcpStream> {
    let mut all = Vec::new();
    let said = |lines: &[&str]| {
        let (mut raw, greeting) = from(ATTACKER, server.plain);
        assert!(greeting.starts_with("+OK"), "{greeting}");
        for line in lines {
            assert!(raw.say(line).starts_with("+OK"), "{line}");
        }
        raw.stream
    };
    for _ in 0..2 {
        // Inside a handshake, with implicit TLS and after STLS.
        all.push(stream_from(ATTACKER, server.tls));
        all.push(said(&["STLS"]));
        // A proxy that does not send the address of its client.
        all.push(stream_from(PROXY, server.plain));
        // Silent from the beginning, and after a name.
        all.push(said(&[]));
        all.push(said(&["USER u0"]));
    }
    // Half a line.
    let mut half = said(&[]);
    half.write_all(b"USER u0\r\nPASS sec").unwrap();
    all.push(half);
    // A refusal whose reply is delayed.
    let mut refused = said(&["USER nobody"]);
    refused.write_all(b"PASS wrong\r\n").unwrap();
    all.push(refused);
    all
}

// SEC-03
#[test]
fn silent_connections_give_way() {
    on_all_runtimes(|runtime| {
        let house = house_of(PLACES);
        let server = serve(&house, runtime, &["--proxy-from", "127.0.0.77"]);
        let attackers = silent(&server);
        let closed = || attackers.iter().filter(|stream| is_closed(stream)).count();
        let mut sessions = Vec::new();
        for user in 0..PLACES {
            sessions.push(log_in(10 + user as u8, server.plain, user));
            // No more of them than necessary, except those that were too slow.
            let gave_way = || house.log().matches("closed to make room").count();
            until(&house, "one is closed", || gave_way() > user);
        }
        assert_eq!(closed(), PLACES, "{runtime}");
        // Users who are logged in stay, and a new client is told to try later.
        for attempt in 0..20 {
            let (_, greeting) = from(if attempt % 2 == 0 { ATTACKER } else { 9 }, server.plain);
            assert!(greeting.starts_with("-ERR [SYS/TEMP] "), "{runtime}: {greeting}");
        }
        for (user, session) in sessions.iter_mut().enumerate() {
            retrieve(session, user);
        }
        let log = house.log();
        assert!(log.contains("closed to make room"), "{log}");
        // All places are free again.
        for session in &mut sessions {
            assert!(session.say("QUIT").starts_with("+OK"));
            assert_eq!(session.line(), "");
        }
        until(&house, "all sessions have ended", || house.log().matches("end=quit").count() == PLACES);
        let again: Vec<_> = (0..PLACES).map(|index| from(20 + index as u8, server.plain)).collect();
        let again = again.into_iter().map(|(raw, greeting)| {
            assert!(greeting.starts_with("+OK"), "{runtime}: {greeting}");
            raw
        });
        let again: Vec<_> = again.collect();
        assert!(again.iter().all(|raw| !is_closed(&raw.stream)), "{runtime}");
    });
}

// SEC-03
#[test]
fn clients_that_reconnect_at_once_keep_nobody_out() {
    on_all_runtimes(|runtime| {
        const LOGINS: usize = 30;
        let house = house_of(1);
        let server = serve(&house, runtime, &["--max-connections-per-ip", "6"]);
        let port = server.plain;
        thread::scope(|scope| {
            let (stop, stopped) = channel::<()>();
            let mut held: Vec<(u8, TcpStream)> = (0..PLACES)
                .map(|index| (100 + index as u8 % 3, from(100 + index as u8 % 3, port).0.stream))
                .collect();
            scope.spawn(move || {
                let goes_on =
                    || stopped.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout);
                while goes_on() {
                    for (last, stream) in &mut held {
                        if is_closed(stream) {
                            *stream = stream_from(*last, port);
                        }
                    }
                }
            });
            for login in 0..LOGINS {
                let mut session = log_in(9, port, 0);
                retrieve(&mut session, 0);
                assert!(session.say("QUIT").starts_with("+OK"), "{runtime} {login}");
                assert_eq!(session.line(), "");
            }
            // This ends the thread.
            drop(stop);
        });
    });
}

// SEC-03
#[test]
fn a_client_that_waits_for_a_check_keeps_its_place() {
    on_all_runtimes(|runtime| {
        let house = house_of(0);
        fs::create_dir_all(house.path("mail/bob/new")).unwrap();
        fs::write(house.path("users"), "bob:{TOKEN}\n").unwrap();
        let (begun, go) = (house.path("begun"), house.path("go"));
        let command = format!("touch {}; read -r word < {}", begun.display(), go.display());
        // Reading from it waits for a writer.
        assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
        let options = ["--token-command", &command, "--token-timeout", "120"];
        let server = serve(&house, runtime, &[&options[..], &["--login-timeout", "120"]].concat());
        let (mut bob, _) = from(9, server.plain);
        let token = Base64::encode_string(b"user=bob\x01auth=Bearer token\x01\x01");
        bob.stream.write_all(format!("AUTH XOAUTH2 {token}\r\n").as_bytes()).unwrap();
        until(&house, "the check has begun", || begun.exists());
        let mut crowd = Vec::new();
        let mut let_in = 0;
        for round in 0..5 * PLACES {
            let (raw, greeting) = from(100 + (round % 50) as u8, server.plain);
            let_in += usize::from(greeting.starts_with("+OK"));
            crowd.push(raw.stream);
        }
        assert!(let_in > 2 * PLACES, "{runtime}: {let_in}");
        fs::write(&go, "word\n").unwrap();
        let reply = bob.line();
        assert!(reply.starts_with("+OK"), "{runtime}: {reply}");
        let open = crowd.iter().filter(|stream| !is_closed(stream)).count();
        assert!(open < PLACES, "{runtime}: {open}");
    });
}

// SEC-03: there may be many people behind one address.
#[test]
fn a_silent_neighbour_does_not_use_up_the_address() {
    on_all_runtimes(|runtime| {
        let house = house_of(3);
        let server = serve(&house, runtime, &["--max-connections-per-ip", "3"]);
        let silent: Vec<_> = (0..3).map(|_| from(9, server.plain).0.stream).collect();
        let mut sessions: Vec<_> = Vec::new();
        for (user, oldest) in silent[..2].iter().enumerate() {
            sessions.push(log_in(9, server.plain, user));
            await_end(oldest);
        }
        assert!(!is_closed(&silent[2]), "{runtime}");
        // Replacing a connection by one from the same address would gain nothing.
        let (_, greeting) = from(9, server.plain);
        assert!(greeting.starts_with("-ERR [SYS/TEMP] "), "{runtime}: {greeting}");
        // Others are not affected.
        sessions.push(log_in(8, server.plain, 2));
        for (user, session) in sessions.iter_mut().enumerate() {
            retrieve(session, user);
        }
    });
}
