//! The memory that sessions take while they wait for their clients: the octets that are allocated, as an allocator counts
//! them. This is one test, because nothing else may allocate in the meantime.
#![cfg(all(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]

use core::fmt::Write as _;
use core::net::SocketAddr;
use core::time::Duration;
use std::alloc::System;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use cap::Cap;
use pop3_serve::{ConnectionLimits, ServeConfig, Server, ServerRuntime, Stop, UsersFile};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Sessions that are there before others are counted, so that what they share is not counted.
const FIRST: usize = 8;

/// Sessions that are counted.
const COUNTED: usize = 32;

/// Messages of a user of each kind.
const FEW: usize = 20;
const MANY: usize = 80;

/// The most octets that a session with [`FEW`] messages may take.
const TASK: usize = 5_000;

/// The same for one with a thread, which has a buffer while it waits, and what the standard library keeps of a thread.
const THREAD: usize = 7_200;

/// The most octets that a message may take.
const MESSAGE: usize = 60;

/// The least: its size and its unique-id.
const LEAST: usize = 20;

const RUNTIMES: [ServerRuntime; 4] =
    [ServerRuntime::Tokio, ServerRuntime::AsyncStd, ServerRuntime::Smol, ServerRuntime::Threads];

/// Waits until no more than `most` octets are allocated. A server may still be at work after its client has the reply.
fn settled(most: usize) -> usize {
    let begun = Instant::now();
    loop {
        let allocated = ALLOCATOR.allocated();
        if allocated <= most || begun.elapsed() > Duration::from_secs(20) {
            return allocated;
        }
        thread::yield_now();
    }
}

fn log_in(address: SocketAddr, user: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let mut replies = BufReader::new(&stream);
    let mut line = String::new();
    for command in ["", &format!("USER {user}\r\n"), "PASS secret\r\n", "STAT\r\n"] {
        (&stream).write_all(command.as_bytes()).unwrap();
        line.clear();
        replies.read_line(&mut line).unwrap();
        assert!(line.starts_with("+OK"), "{line}");
    }
    stream
}

/// Octets for each session of users of this kind.
fn each(address: SocketAddr, kind: &str, most: usize) -> usize {
    let name = |index| format!("{kind}{index}");
    let mut sessions: Vec<_> = Vec::with_capacity(FIRST + COUNTED);
    sessions.extend((0..FIRST).map(|index| log_in(address, &name(index))));
    // Until nothing changes any more. If that is seen too early, too much is counted as the first sessions'.
    let (mut before, mut same) = (ALLOCATOR.allocated(), 0);
    while same < 1_000 {
        thread::yield_now();
        let now = ALLOCATOR.allocated();
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    sessions.extend((FIRST..FIRST + COUNTED).map(|index| log_in(address, &name(index))));
    let counted = settled(before + COUNTED * most).saturating_sub(before) / COUNTED;
    for mut session in sessions {
        // The server closes the connection behind its session.
        session.write_all(b"QUIT\r\n").unwrap();
        session.read_to_end(&mut Vec::new()).unwrap();
    }
    counted
}

#[test]
fn a_session_that_waits_takes_few_octets_and_each_message_takes_few_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut users = String::new();
    for (kind, messages) in [("few", FEW), ("many", MANY)] {
        for user in 0..FIRST + COUNTED {
            writeln!(users, "{kind}{user}:{{PLAIN}}secret").unwrap();
            let maildir = folder.path().join(format!("mail/{kind}{user}"));
            for part in ["new", "cur", "tmp"] {
                fs::create_dir_all(maildir.join(part)).unwrap();
            }
            for message in 0..messages {
                let (seconds, micros) = (1_700_000_000 + message * 977, message * 7919 % 1_000_000);
                let name = format!("new/{seconds}.M{micros:06}P{}.mail.example.org,S=18", 1000 + message);
                fs::write(maildir.join(name), "Subject: a\n\nhello\n").unwrap();
            }
        }
    }
    fs::write(folder.path().join("users"), users).unwrap();
    for runtime in RUNTIMES {
        let users = Arc::new(UsersFile::load(&folder.path().join("users")).unwrap());
        let config = ServeConfig::new(folder.path().join("mail"))
            .listen(([127, 0, 0, 1], 0).into())
            .with_limits(ConnectionLimits::new(1_000, 1_000, 1_000));
        let server = Server::bind(config, users).unwrap();
        let (_, address) = server.addresses().next().unwrap();
        let stop = Stop::new();
        let serving = thread::spawn({
            let stop = stop.clone();
            move || server.run(runtime, &stop)
        });
        let most = if runtime == ServerRuntime::Threads { THREAD } else { TASK };
        let few = each(address, "few", most);
        // Less than the messages themselves would mean that nothing is counted.
        assert!((FEW * LEAST..=most).contains(&few), "{few} octets for a session on {runtime:?}");
        let more = (MANY - FEW) * MESSAGE;
        let many = each(address, "many", most + more);
        let least = few + (MANY - FEW) * LEAST;
        assert!((least..=few + more).contains(&many), "{many} octets for a large session on {runtime:?}");
        stop.stop();
        serving.join().unwrap().unwrap();
    }
}
