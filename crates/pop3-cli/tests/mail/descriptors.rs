//! The server near its limit of descriptors, and at the limit.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;
use std::thread;

use crate::changes::until;
use crate::crowd::{from, house_of, is_closed, log_in, retrieve, stream_from};
use crate::support::{House, RUNTIMES, Raw, Server};

/// What an idle session may hold: its socket, the directory of its maildrop, and the lock.
const OF_A_SESSION: usize = 3;

/// A server whose shell has set this limit.
fn serve(house: &House, limit: &str, options: &[&str]) -> Server {
    let server = house.server(options);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]);
    shell.arg(server.get_program()).args(server.get_args());
    shell.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    shell.stderr(fs::File::create(house.path("log")).unwrap());
    house.start(&mut shell)
}

/// How many descriptors the server has open.
fn descriptors(server: &Server) -> usize {
    fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count()
}

/// The current limit, and the maximum to which it can be raised.
fn limits(server: &Server) -> (String, String) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.child.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    (words.next().unwrap(), words.next().unwrap())
}

/// Prevents the server from opening anything more, or allows it again.
fn set_limit(server: &Server, limit: &str) {
    let pid = server.child.id().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--nofile={limit}:")]).status().unwrap();
    assert!(set.success());
}

/// How many connections the server says it accepts.
fn places(house: &House) -> usize {
    let mut places = None;
    until(house, "the log tells the places", || {
        let log = house.log();
        let line = log.lines().find(|line| line.contains("fewer connections than")).map(str::to_owned);
        let value = line.as_deref().and_then(|line| line.split("max_connections=").nth(1)).map(str::to_owned);
        let digits = value.map(|value| value.chars().take_while(char::is_ascii_digit).collect::<String>());
        places = digits.and_then(|digits| digits.parse().ok());
        places.is_some()
    });
    places.unwrap()
}

#[test]
fn the_limit_is_raised_as_far_as_it_goes() {
    let house = house_of(0);
    let server = serve(&house, "-S -n 64", &[]);
    let (soft, hard) = limits(&server);
    assert_eq!(soft, hard);
    assert_ne!(soft, "64", "the hard limit of this machine is too low for this test");
}

// SEC-03
#[test]
fn all_admitted_clients_are_served() {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(move || crowded(runtime));
        }
    });
}

fn crowded(runtime: &str) {
    let house = house_of(40);
    // One message takes longer to read than a piece.
    let long = format!("Subject: long\n\n{}for u0\n", "a line of a long message\n".repeat(40_000));
    fs::write(house.path("mail/u0/new/1.a.b"), long).unwrap();
    let server = serve(&house, "-n 100", &["--runtime", runtime, "--max-connections-per-ip", "1000"]);
    let places = places(&house);
    assert!((18..33).contains(&places), "{runtime}: {places}");
    // What a runtime opens on its first use does not belong to a session.
    drop(log_in(9, server.plain, 0));
    until(&house, "nobody is there", || house.log().contains(" session "));
    let before = descriptors(&server);

    let mut sessions = all_at_once(&server, places);
    // The descriptors of a login are closed after the reply to it.
    for session in &mut sessions {
        assert!(session.say("NOOP").starts_with("+OK"));
    }
    let held = descriptors(&server) - before;
    assert!((places..=places * OF_A_SESSION).contains(&held), "{runtime}: {held} for {places}");

    // One client does not read what it requested. All others fetch while more connections arrive.
    sessions[0].stream.write_all(b"RETR 1\r\n").unwrap();
    let (slow, others) = sessions.split_first_mut().unwrap();
    thread::scope(|scope| {
        let port = server.plain;
        for last in 100..104 {
            scope.spawn(move || {
                for _ in 0..50 {
                    let (_, greeting) = from(last, port);
                    assert!(greeting.starts_with("-ERR [SYS/TEMP] "), "{greeting}");
                }
            });
        }
        for (index, session) in others.iter_mut().enumerate() {
            scope.spawn(move || (0..5).for_each(|_| retrieve(session, index + 1)));
        }
    });
    assert!(slow.line().starts_with("+OK"));
    let mut lines = 0;
    while slow.line() != ".\r\n" {
        lines += 1;
    }
    assert_eq!(lines, 40_003, "{runtime}");

    // Removing needs descriptors, too.
    for session in &mut sessions {
        assert!(session.say("DELE 1").starts_with("+OK"));
        assert!(session.say("QUIT").starts_with("+OK"), "{runtime}");
        assert_eq!(session.line(), "");
    }
    // Everything is closed: there is room for the same number again.
    let ended = || house.log().matches("end=quit").count() == places;
    until(&house, "all sessions have ended", ended);
    for (user, session) in all_at_once(&server, places).iter_mut().enumerate() {
        assert!(session.say("STAT").starts_with("+OK 0 "), "{runtime}: u{user}");
    }
    assert!(!house.log().contains("ERROR"), "{}", house.log());
}

/// Logs in the first users, all at the same time.
fn all_at_once(server: &Server, users: usize) -> Vec<Raw> {
    thread::scope(|scope| {
        let port = server.plain;
        let logins: Vec<_> = (0..users).map(|user| scope.spawn(move || log_in(9, port, user))).collect();
        logins.into_iter().map(|login| login.join().unwrap()).collect()
    })
}

#[test]
fn without_descriptors_sessions_wait_and_nothing_is_lost() {
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(move || starved(runtime));
        }
    });
}

fn starved(runtime: &str) {
    let house = house_of(5);
    let server = house.serve(&["--runtime", runtime]);
    let mut sessions: Vec<_> = (0..4).map(|user| log_in(9, server.plain, user)).collect();
    set_limit(&server, "5");
    // A message, a removal, and a connection for which no descriptor is left.
    for session in &mut sessions[..2] {
        session.stream.write_all(b"RETR 1\r\n").unwrap();
    }
    sessions[2].stream.write_all(b"DELE 1\r\nQUIT\r\n").unwrap();
    let late = stream_from(9, server.plain);
    let shortages =
        || house.log().lines().filter(|line| line.contains("no more files can be opened")).count();
    until(&house, "it is logged", || shortages() > 0);
    // The other sessions continue.
    for _ in 0..200 {
        assert!(sessions[3].say("STAT").starts_with("+OK 1 "));
    }
    assert!(!is_closed(&late) && sessions[..3].iter().all(|session| !is_closed_unread(&session.stream)));
    set_limit(&server, "1000");
    for (user, session) in sessions[..2].iter_mut().enumerate() {
        assert!(session.line().starts_with("+OK"), "{runtime}");
        let rest: Vec<_> = (0..4).map(|_| session.line()).collect();
        assert!(rest.contains(&format!("for u{user}\r\n")), "{runtime}: {rest:?}");
    }
    assert!(sessions[2].line().starts_with("+OK") && sessions[2].line().starts_with("+OK"), "{runtime}");
    assert!(!house.path("mail/u2/new/1.a.b").exists());
    drop(late);
    let mut another = log_in(8, server.plain, 4);
    retrieve(&mut another, 4);
    assert_eq!(shortages(), 1, "{runtime}: once a minute\n{}", house.log());
}

/// Whether the connection is closed. Nothing is read from it.
fn is_closed_unread(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let closed = matches!(stream.peek(&mut [0]), Ok(0));
    stream.set_nonblocking(false).unwrap();
    closed
}
