//! Servers that send octet by octet: a run ends nevertheless, and a slow connection is tolerated.

use core::time::Duration;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::support::{House, RUNTIMES, code, errors, script};

/// A server that sends its reply to this command in these pieces, ten per second. If requested, it repeats the last
/// one forever.
struct Dripping {
    port: u16,
    /// Dropped when nobody listens any longer.
    listened_to: Sender<()>,
    sent: JoinHandle<usize>,
}

impl Dripping {
    /// How many pieces it could send. The client has ended.
    fn end(self) -> usize {
        drop(self.listened_to);
        self.sent.join().unwrap()
    }
}

fn dripping(at: &'static str, pieces: Vec<&'static [u8]>, for_ever: bool) -> Dripping {
    let (listened_to, goes_on) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answer = script(vec![b"Subject: a\r\n\r\nx\r\n".to_vec()], |_| None);
        stream.write_all(b"+OK\r\n").unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let mut sent = 0;
        while let Some(Ok(line)) = lines.next() {
            if line != at {
                stream.write_all(&answer(&line).unwrap()).unwrap();
                continue;
            }
            let again = pieces.last().copied().filter(|_| for_ever);
            for piece in pieces.iter().copied().chain(again.into_iter().cycle()) {
                // It would continue for five minutes.
                if sent > 3000 || stream.write_all(piece).is_err() {
                    return sent;
                }
                sent += 1;
                if goes_on.recv_timeout(Duration::from_millis(100)) != Err(RecvTimeoutError::Timeout) {
                    return sent;
                }
            }
        }
        sent
    });
    Dripping { port, listened_to, sent }
}

fn drips(at: &'static str, first: &'static [u8], options: &[&str], what: &str) {
    let runs = RUNTIMES.map(|runtime| {
        let house = House::new();
        let server = dripping(at, vec![first, b"1"], true);
        let url = format!("pop3://alice@127.0.0.1:{}", server.port);
        let to = house.to("dir");
        let options = [options, &["--runtime", runtime, "--to", &to, "--delete"]].concat();
        (runtime, house.fetch(&url, &options).spawn().unwrap(), server, house)
    });
    for (runtime, child, server, house) in runs {
        let output = child.wait_with_output().unwrap();
        let text = errors(&output);
        assert_eq!(code(&output), 3, "{runtime}: {text}");
        assert!(text.contains(what) && text.lines().count() == 1, "{runtime}: {text}");
        // The server was still sending when the client gave up.
        assert!((5..3000).contains(&server.end()), "{runtime}");
        assert!(house.fetched().is_empty());
    }
}

// SEC-08, TOL-24
#[test]
fn first_lines_that_drip_are_given_up() {
    let options = &["--timeout", "1"];
    drips("LIST", b"+", options, "timed out waiting for the reply to LIST");
    drips("RETR 1", b"+OK", options, "timed out waiting for the reply to RETR");
}

// SEC-08
#[test]
fn listings_and_messages_that_drip_are_given_up() {
    let options = &["--timeout", "60", "--min-rate", "500/1"];
    drips("UIDL", b"+OK\r\n1 ", options, "sends the reply to UIDL too slowly");
    drips("RETR 1", b"+OK\r\nSubject: ", options, "sends the reply to RETR too slowly");
}

/// A message that takes longer than the time limit for a first line, and arrives at the minimum rate.
#[test]
fn a_slow_line_is_no_fault() {
    let body: &[u8] = &[b'x'; 100];
    let pieces = [vec![&b"+OK\r\nSubject: a\r\n\r\n"[..]], vec![body; 60], vec![b"\r\n.\r\n"]].concat();
    let runs = RUNTIMES.map(|runtime| {
        let house = House::new();
        let server = dripping("RETR 1", pieces.clone(), false);
        let url = format!("pop3://alice@127.0.0.1:{}", server.port);
        let to = house.to("dir");
        let options = ["--timeout", "5", "--min-rate", "100/5", "--runtime", runtime, "--to", &to];
        (runtime, house.fetch(&url, &options).spawn().unwrap(), server, house)
    });
    for (runtime, child, server, house) in runs {
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 0, "{runtime}: {}", errors(&output));
        assert_eq!(server.end(), 62, "{runtime}");
        assert_eq!(house.fetched()[0].len(), b"Subject: a\r\n\r\n".len() + 6000 + 2, "{runtime}");
    }
}
