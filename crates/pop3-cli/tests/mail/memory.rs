//! The memory of a fetch does not grow with the size of a message.

use std::fs;
use std::process::Stdio;

use crate::support::{House, RUNTIMES, stalling};

/// The peak memory of a fetch of one message of this many octets, in KiB.
fn peak(octets: usize, runtime: &str) -> u64 {
    let house = House::new();
    let (port, stalled) = stalling(vec![b"0123456789\r\n".repeat(octets / 12)], "QUIT", b"");
    let to = house.to("dir");
    let url = format!("pop3://alice@127.0.0.1:{port}");
    let mut command = house.fetch(&url, &["--runtime", runtime, "--to", &to]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    // Everything is stored, and the program waits for the reply to QUIT.
    stalled.recv().unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(house.fetched().first().map(Vec::len), Some(octets / 12 * 12));
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

// 1939-3.38
#[test]
fn large_messages_take_no_more_than_small_ones() {
    for runtime in RUNTIMES {
        let (small, large) = (peak(100_000, runtime), peak(40_000_000, runtime));
        assert!(large < small + 4_000, "{runtime}: {small} KiB, {large} KiB");
    }
}
