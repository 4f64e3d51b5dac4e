//! How much memory a peer can make the server use: almost none. The server runs in a process of its
//! own, so that the system can report its peak memory.

use core::time::Duration;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use pop3_async_std::{AsyncStd, Smol};

use crate::runtime::{Runtime, Std, Tokio};
use crate::server::{Mode, Raw, Server};

const LARGE: usize = 20_000_000;

/// Selects the runtime for the server process.
const RUNTIME: &str = "POP3_TESTS_MEMORY_RUNTIME";

// 1939-5.44, SEC-04
#[test]
fn tokio() {
    attack("tokio");
}

// 1939-5.44, SEC-04
#[test]
fn async_std() {
    attack("async_std");
}

// 1939-5.44, SEC-04
#[test]
fn smol() {
    attack("smol");
}

// 1939-5.44, SEC-04
#[test]
fn std() {
    attack("std");
}

/// The server process. It prints its port, and for each line that it reads its peak memory
/// use.
#[test]
fn the_process_of_a_server() {
    match std::env::var(RUNTIME).as_deref() {
        Ok("tokio") => serve::<Tokio>(),
        Ok("async_std") => serve::<AsyncStd>(),
        Ok("smol") => serve::<Smol>(),
        Ok("std") => serve::<Std>(),
        _ => {}
    }
}

fn serve<R: Runtime>() {
    let server = Server::<R>::start(Mode::Trusted).deliver([vec![b'x'; LARGE]]);
    for user in ["b", "c"] {
        server.store.add_user(user, "tanstaaf");
    }
    println!("\n#port {}", server.port);
    for line in std::io::stdin().lines() {
        line.expect("the other side of the pipe");
        let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
        println!("#peak {}", peak.trim().trim_end_matches(" kB"));
    }
}

struct Process {
    child: Child,
    ask: ChildStdin,
    said: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(runtime: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("the path of this test"))
            .args(["--exact", "memory::the_process_of_a_server", "--nocapture"])
            .env(RUNTIME, runtime)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test again");
        let ask = child.stdin.take().expect("a pipe");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, ask, said }
    }

    fn number(&mut self, prefix: &str) -> u64 {
        loop {
            let mut line = String::new();
            assert!(self.said.read_line(&mut line).expect("a pipe") > 0, "the process has ended");
            if let Some(number) = line.strip_prefix(prefix) {
                return number.trim().parse().expect("a number");
            }
        }
    }

    /// The peak memory use in KiB.
    fn peak(&mut self) -> u64 {
        writeln!(self.ask).expect("a pipe");
        self.number("#peak ")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log_in(port: u16, user: &str) -> Raw {
    let mut raw = Raw::connect(port);
    assert!(raw.line().starts_with("+OK"));
    assert!(raw.say(format!("USER {user}\r\n")).starts_with("+OK"));
    assert!(raw.say("PASS tanstaaf\r\n").starts_with("+OK"));
    raw
}

/// Sends until the server stops reading.
fn push(raw: &mut Raw, octets: &[u8]) {
    let stream = raw.bare().get_mut();
    stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a time-out");
    match stream.write_all(octets) {
        Ok(()) => {}
        Err(error) => assert!(
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "the server waits, and does not close: {error}"
        ),
    }
}

fn attack(runtime: &str) {
    let mut process = Process::start(runtime);
    let port = u16::try_from(process.number("#port ")).expect("a port");

    // First a normal session, so that what every session needs is not counted below.
    let mut raw = log_in(port, "mrose");
    assert!(raw.say("RETR 1\r\n").starts_with("+OK"));
    std::io::copy(&mut raw.bare().take(LARGE as u64 + 5), &mut std::io::sink()).expect("a message");
    let before = process.peak();

    // The client requests 20 GB and reads nothing.
    push(&mut raw, &b"RETR 1\r\n".repeat(1000));
    // 100,000 replies, and the client reads none of them.
    let mut noop = log_in(port, "b");
    push(&mut noop, &b"NOOP\r\n".repeat(100_000));
    // A line that is too long is refused before it ends, and the server continues after it.
    let mut line = log_in(port, "c");
    assert!(line.say([b'a'; 60_000]).starts_with("-ERR"));
    line.send("\r\n");
    assert!(line.say("NOOP\r\n").starts_with("+OK"));

    // The same during AUTH, where lines may be longer.
    let mut raw_auth = Raw::connect(port);
    raw_auth.line();
    assert_eq!(raw_auth.say("AUTH PLAIN\r\n"), "+ \r\n");
    assert!(raw_auth.say([b'A'; 60_000]).starts_with("-ERR"));
    raw_auth.send("\r\n");
    assert!(raw_auth.say("USER mrose\r\n").starts_with("+OK"));

    // A line of 64 MB is not read to its end.
    assert!(raw_auth.say("AUTH PLAIN\r\n").starts_with('+'));
    let stream = raw_auth.bare().get_mut();
    let taken = (0..64).take_while(|_| stream.write_all(&vec![b'A'; 1 << 20]).is_ok()).count();
    assert!(taken < 32, "the server took {taken} MB");

    let grown = process.peak() - before;
    assert!(grown < 3 * 1024, "the server took {grown} KiB more than the {before} KiB before");
    // The server still serves.
    assert!(line.say("STAT\r\n").starts_with("+OK"));
    assert!(raw.line().starts_with("+OK"));
}
