//! How many system calls a session and a message take, counted by strace.
//!
//! One server does something a number of times, and another one twice as often. The difference has nothing in it that is
//! done once, such as the start of the process. The bounds are a little above what was counted.

use core::time::Duration;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Instant, SystemTime};

use crate::support::{House, Raw, Server};

const SESSIONS: usize = 40;
const MESSAGES: usize = 200;

/// The calls whose number depends on what else the machine does: those with which the threads of a runtime wait for each
/// other and for sockets, and those that start another thread of its pool. Counters of events (eventfd) are read and
/// written; sockets and mail have calls of their own.
const BY_CHANCE: &[&str] = &[
    "brk",
    "clone3",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "failed",
    "futex",
    "gettid",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "poll",
    "prctl",
    "read",
    "rseq",
    "rt_sigprocmask",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "sigaltstack",
    "timerfd_settime",
    "write",
];

/// Where nothing is ready yet, these calls fail. They are counted as `failed`.
const SOCKETS: [&str; 3] = ["accept4", "recvfrom", "sendto"];

/// The most calls of one time: all but those by chance, and all.
#[derive(Clone, Copy)]
struct Bound(f64, f64);

/// Of a session with login and QUIT, of a message that is fetched alone, and of one in a pipeline.
struct Bounds {
    session: Bound,
    alone: Bound,
    pipelined: Bound,
}

/// The same where the file system can't tell what is in memory, as on tmpfs. Every runtime uses its pool then.
const SESSION_IN_THE_POOL: Bound = Bound(63.9, 250.0);
const ALONE_IN_THE_POOL: Bound = Bound(11.5, 60.0);
const PIPELINED_IN_THE_POOL: Bound = Bound(7.0, 20.0);

#[test]
fn tokio_makes_few_system_calls() {
    check(
        "tokio",
        &Bounds { session: Bound(34.9, 150.0), alone: Bound(6.4, 15.0), pipelined: Bound(4.8, 8.0) },
    );
}

#[test]
fn async_std_makes_few_system_calls() {
    check(
        "async-std",
        &Bounds { session: Bound(36.9, 250.0), alone: Bound(6.4, 40.0), pipelined: Bound(4.8, 8.0) },
    );
}

#[test]
fn smol_makes_few_system_calls() {
    check(
        "smol",
        &Bounds { session: Bound(37.9, 200.0), alone: Bound(6.4, 40.0), pipelined: Bound(4.8, 8.0) },
    );
}

#[test]
fn threads_make_few_system_calls() {
    check("std", &Bounds { session: Bound(38.9, 90.0), alone: Bound(6.4, 9.0), pipelined: Bound(4.9, 8.0) });
}

/// How long a maildrop may take to settle.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the clients of one server do.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Log in to an empty maildrop that has not changed for a while, and quit.
    Sessions(usize),
    /// Ask for each message when the one before has come.
    Alone(usize),
    /// Ask for all messages at once.
    Pipelined(usize),
}

fn check(runtime: &str, bounds: &Bounds) {
    if !can_trace() {
        return;
    }
    let faults = [
        compare(runtime, Work::Sessions, SESSIONS, bounds.session, SESSION_IN_THE_POOL),
        compare(runtime, Work::Alone, MESSAGES, bounds.alone, ALONE_IN_THE_POOL),
        compare(runtime, Work::Pipelined, MESSAGES, bounds.pipelined, PIPELINED_IN_THE_POOL),
    ];
    let faults: Vec<String> = faults.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What is wrong with the calls of one server that does this, and of another that does it twice as often.
fn compare(
    runtime: &str,
    work: fn(usize) -> Work,
    times: usize,
    on_the_spot: Bound,
    in_the_pool: Bound,
) -> Option<String> {
    let (before, mut after) = (trace(runtime, work(times)), trace(runtime, work(2 * times)));
    for (name, calls) in &mut after {
        *calls = calls.saturating_sub(before.get(name).copied().unwrap_or(0));
    }
    // CI has a kernel and no sandbox that would be in the way.
    let promised = std::env::var_os("CI").is_some() && can_tell_what_is_in_memory(&std::env::temp_dir());
    let tried = after.get("preadv2").is_some_and(|calls| *calls >= times);
    let bound = if promised || tried { on_the_spot } else { in_the_pool };
    let sum = |counts: &dyn Fn(&str) -> bool| {
        let counted = after.iter().filter(|(name, _)| counts(name)).map(|(_, calls)| calls);
        counted.sum::<usize>() as f64 / times as f64
    };
    let (own, all) = (sum(&|name| !BY_CHANCE.contains(&name)), sum(&|_| true));
    after.retain(|_, calls| *calls > 0);
    let said = format!(
        "{runtime}, {:?}: {own:.1} calls each of {}, {all:.1} of {} in all; {after:?}",
        work(times),
        bound.0,
        bound.1
    );
    println!("{said}");
    (own > bound.0 || all > bound.1).then_some(said)
}

/// Whether the file system is one on which the program reads without its pool.
fn can_tell_what_is_in_memory(path: &Path) -> bool {
    let kind = Command::new("stat").args(["-f", "-c", "%T"]).arg(path).output().unwrap();
    matches!(kind.stdout.trim_ascii(), b"ext2/ext3" | b"xfs" | b"btrfs" | b"f2fs" | b"bcachefs")
}

/// Whether strace can be used here. CI has promised that it can.
fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-qq", "-c", "-o", "/dev/null", "true"]).output();
    let why = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("{error}; install it: apt-get install strace"),
    };
    assert!(std::env::var_os("CI").is_none(), "strace can't be used, and CI needs it: {why}");
    // Not captured by the test harness.
    let _ = writeln!(io::stderr(), "NOT TESTED: system calls, because strace can't be used: {why}");
    false
}

/// The system calls of a server for this work, by name and in total.
fn trace(runtime: &str, work: Work) -> BTreeMap<String, usize> {
    let house = House::new();
    if !matches!(work, Work::Sessions(_)) {
        house.deliver(&vec![b"The quick brown fox jumps over the lazy dog.\n".repeat(90); 20]);
    }
    for folder in ["new", "cur"] {
        // What has changed just now is read more often.
        let folder = fs::File::open(house.path("mail/alice").join(folder)).unwrap();
        folder.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).unwrap();
    }
    if matches!(work, Work::Sessions(_)) {
        settle(&house, runtime);
    }
    let counts = house.path("counts");
    assert!(Command::new("mkfifo").arg(&counts).status().unwrap().success());
    let server = house.server(&["--runtime", runtime]);
    let mut strace = Command::new("strace");
    // With -D, the child is the server, and strace is a process of its own that ends some time after the server.
    strace
        .args(["-D", "-f", "-qq", "-c", "-o"])
        .arg(&counts)
        .arg(server.get_program())
        .args(server.get_args());
    strace.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(fs::File::create(house.path("log")).unwrap());
    let counts = thread::spawn(move || fs::read_to_string(counts).unwrap());
    let server = house.start(&mut strace);
    match work {
        Work::Sessions(times) => (0..times).for_each(|_| quit(log_in(&server))),
        Work::Alone(times) => fetch_alone(log_in(&server), times),
        Work::Pipelined(times) => fetch_at_once(log_in(&server), times),
    }
    assert!(server.ends_well(), "{}", house.log());
    let counts = counts.join().unwrap();
    let row = |line: &str| {
        // Time in per cent, seconds, microseconds each, calls, errors if there are any, name.
        let words: Vec<&str> = line.split_whitespace().collect();
        let calls: usize = words.get(3)?.parse().ok()?;
        let name = *words.last()?;
        let failed = words.get(4).and_then(|word| word.parse().ok()).unwrap_or(0);
        Some((name.to_owned(), calls, if SOCKETS.contains(&name) { failed } else { 0 }))
    };
    let mut calls = BTreeMap::new();
    for (name, all, failed) in counts.lines().filter_map(row) {
        *calls.entry("failed".to_owned()).or_default() += failed;
        calls.insert(name, all - failed);
    }
    // It is complete: its last line has the sum.
    let total = calls.remove("total");
    assert_eq!(total, Some(calls.values().sum::<usize>()), "{counts}");
    if cfg!(debug_assertions) {
        // The standard library then checks each descriptor before it closes it.
        let closed = calls["close"];
        calls.entry("fcntl".to_owned()).and_modify(|calls| *calls = calls.saturating_sub(closed));
    }
    calls
}

/// Logs in until the state of the maildrop is remembered, which is when it has not changed for two seconds.
fn settle(house: &House, runtime: &str) {
    let server = house.start(&mut house.server(&["--runtime", runtime]));
    let begun = Instant::now();
    while !house.path("mail/alice/pop3.sizes").exists() {
        assert!(begun.elapsed() < PATIENCE, "{}", house.log());
        quit(log_in(&server));
    }
    assert!(server.ends_well(), "{}", house.log());
}

fn log_in(server: &Server) -> Raw {
    let mut client = server.connect();
    assert!(client.log_in().starts_with("+OK"));
    client
}

fn fetch_alone(mut client: Raw, times: usize) {
    for at in 0..times {
        client.stream.write_all(retr(at).as_bytes()).unwrap();
        message(&mut client);
    }
    quit(client);
}

fn fetch_at_once(mut client: Raw, times: usize) {
    let mut stream = client.stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            let commands: String = (0..times).map(retr).collect();
            stream.write_all(commands.as_bytes()).unwrap();
        });
        (0..times).for_each(|_| message(&mut client));
    });
    quit(client);
}

fn retr(at: usize) -> String {
    format!("RETR {}\r\n", 1 + at % 20)
}

/// Reads the reply to RETR.
fn message(client: &mut Raw) {
    let first = client.line();
    assert!(first.starts_with("+OK"), "{first}");
    while client.line() != ".\r\n" {}
}

/// Waits for the end of the connection, so that the session is over.
fn quit(mut client: Raw) {
    assert!(client.say("QUIT").starts_with("+OK"));
    let mut rest = Vec::new();
    client.reader.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
}
