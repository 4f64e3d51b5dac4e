//! The memory that a long listing needs.

use std::fs;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::support::{House, RUNTIMES};

const MESSAGE: &[u8] = b"Subject: one of many\r\n\r\nx\r\n";

/// A server with this many messages with unique-ids of 70 octets, for this many sessions. Each time a client
/// has sent QUIT, it reports the number of messages for that client, and delays the reply.
fn serve(messages: usize, sessions: usize) -> (u16, Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (done, seen) = channel();
    thread::spawn(move || {
        for _ in 0..sessions {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut to = BufWriter::with_capacity(1 << 16, stream);
            to.write_all(b"+OK\r\n").unwrap();
            to.flush().unwrap();
            let mut given = 0;
            while let Some(Ok(line)) = lines.next() {
                match line.split(' ').next().unwrap() {
                    "QUIT" => {
                        done.send(given).unwrap();
                        continue;
                    }
                    "CAPA" => to.write_all(b"+OK\r\nUIDL\r\nUSER\r\nPIPELINING\r\n.\r\n").unwrap(),
                    "LIST" => {
                        to.write_all(b"+OK\r\n").unwrap();
                        for number in 1..=messages {
                            write!(to, "{number} {}\r\n", MESSAGE.len()).unwrap();
                        }
                        to.write_all(b".\r\n").unwrap();
                    }
                    "UIDL" => {
                        to.write_all(b"+OK\r\n").unwrap();
                        for number in 1..=messages {
                            write!(to, "{number} {}\r\n", uid(number)).unwrap();
                        }
                        to.write_all(b".\r\n").unwrap();
                    }
                    "RETR" => {
                        given += 1;
                        to.write_all(b"+OK\r\n").unwrap();
                        to.write_all(MESSAGE).unwrap();
                        to.write_all(b".\r\n").unwrap();
                    }
                    "STAT" => write!(to, "+OK {messages} {}\r\n", messages * MESSAGE.len()).unwrap(),
                    _ => to.write_all(b"+OK\r\n").unwrap(),
                }
                to.flush().unwrap();
            }
        }
    });
    (port, seen)
}

/// The peak memory of a fetch until it has sent QUIT, in KiB.
fn peak(house: &House, port: u16, seen: &Receiver<usize>, options: &[&str], expected: usize) -> u64 {
    let url = format!("pop3://alice@127.0.0.1:{port}");
    let to = house.to("mbox");
    let options = [options, &["--to", &to, "--timeout", "120"]].concat();
    let mut child = house.fetch(&url, &options).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(seen.recv().unwrap(), expected);
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// The peak memory for a million messages, in KiB.
const BOUND: u64 = 96 * 1024;

/// How many messages are listed. A million would take a minute in a build without optimisation.
const MESSAGES: usize = 50_000;

/// Measures what these messages need compared with one, and computes what a million would need.
fn is_within_bound(small: u64, large: u64, runtime: &str) {
    // In 1/1000 KiB. The slack is the variation of buffers and heaps.
    let each = (large.saturating_sub(small + 512) * 1_000).div_ceil(MESSAGES as u64);
    let million = small + each * 1_000;
    assert!(
        million < BOUND,
        "{runtime}: {small} KiB for 1, {large} KiB for {MESSAGES}, {million} KiB for 1000000"
    );
}

#[test]
fn a_listing_takes_little_memory_for_each_message() {
    for runtime in RUNTIMES {
        let options: &[&str] = &["--runtime", runtime, "--limit", "3"];
        let (port, seen) = serve(1, 1);
        let small = peak(&House::new(), port, &seen, options, 1);
        let (port, seen) = serve(MESSAGES, 1);
        let large = peak(&House::new(), port, &seen, options, 3);
        is_within_bound(small, large, runtime);
    }
}

/// Messages that were fetched before are remembered, which needs memory of its own.
#[test]
fn messages_that_are_known_take_little_memory() {
    let runtime = RUNTIMES[0];
    let options: &[&str] = &["--runtime", runtime];
    let (port, seen) = serve(1, 1);
    let small = peak(&House::new(), port, &seen, options, 1);
    let (port, seen) = serve(MESSAGES, 1);
    let house = House::new();
    fs::write(house.path(&format!("state-{port}")), state_file(port)).unwrap();
    let large = peak(&house, port, &seen, options, 0);
    is_within_bound(small, large, runtime);
}

/// A state file that contains all messages of the server.
fn state_file(port: u16) -> String {
    let mut file = state_line(&format!("pop3-state-3 0123 alice@127.0.0.1:{port} -"));
    for number in 1..=MESSAGES {
        let key = Sha256::new().chain_update(b"uid\0").chain_update(uid(number)).finalize();
        let key = key[..16].iter().fold(String::new(), |key, octet| format!("{key}{octet:02x}"));
        file += &state_line(&format!("s {key} 0 1 {} 0 % 1 -", MESSAGE.len()));
    }
    file + &state_line("p")
}

/// A line of a state file: its checksum, and the text.
pub(crate) fn state_line(text: &str) -> String {
    let sum = Sha256::digest(text.as_bytes());
    format!("{:02x}{:02x}{:02x}{:02x} {text}\n", sum[0], sum[1], sum[2], sum[3])
}

/// A unique-id of 70 octets. They are not in the order of the numbers.
fn uid(number: usize) -> String {
    format!("{:070x}", (number as u32).wrapping_mul(0x9e37_79b9))
}
