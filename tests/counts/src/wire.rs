//! Transports in memory that allocate nothing: a client that sends what is written down, and a server that answers by
//! the first word.

use core::future::pending;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use pop3_driver::Transport;
use pop3_driver::tls::{TlsInfo, unavailable};
use pop3_proto::Instant;

/// What the other side of a [`Wire`] does.
pub(crate) trait Peer: Send {
    /// Takes what is written.
    fn take(&mut self, octets: &[u8]);

    /// Puts the next octets into the buffer. None are the end.
    fn give(&mut self, buffer: &mut [u8]) -> usize;
}

/// A connection to a peer. Time stands still on it.
pub(crate) struct Wire<P>(pub(crate) P);

impl<P: Peer> Transport for Wire<P> {
    fn now(&self) -> Instant {
        Instant::EPOCH
    }

    async fn read(&mut self, buffer: &mut [u8], _: Instant) -> io::Result<usize> {
        Ok(self.0.give(buffer))
    }

    async fn write(&mut self, octets: &[u8], _: Instant) -> io::Result<usize> {
        self.0.take(octets);
        Ok(octets.len())
    }

    async fn flush(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    async fn pause(&mut self, _: Instant) {
        pending().await
    }

    async fn close(&mut self, _: Instant) {}

    async fn secure(self, _: Instant) -> io::Result<Self> {
        Err(unavailable())
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        false
    }
}

/// A client that logs in, sends some commands so many times, and quits.
pub(crate) struct Commands {
    commands: Vec<u8>,
    times: u32,
    /// Where it is in the commands.
    at: usize,
    begun: bool,
    /// Whether it sends the commands one by one, or as many as there is room for.
    one_by_one: bool,
}

impl Commands {
    pub(crate) fn new(commands: &[u8], times: u32, one_by_one: bool) -> Self {
        Self { commands: commands.to_vec(), times, at: 0, begun: false, one_by_one }
    }
}

impl Peer for Commands {
    fn take(&mut self, octets: &[u8]) {
        assert!(!octets.is_empty());
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let octets = if !core::mem::replace(&mut self.begun, true) {
            &b"USER mrose\r\nPASS tanstaaf\r\n"[..]
        } else if self.times == 0 {
            b"QUIT\r\n"
        } else {
            let rest = &self.commands[self.at..];
            let line = rest.iter().position(|&octet| octet == b'\n').map_or(rest.len(), |end| end + 1);
            let rest = if self.one_by_one { &rest[..line] } else { &rest[..rest.len().min(buffer.len())] };
            self.at += rest.len();
            if self.at == self.commands.len() {
                self.at = 0;
                self.times -= 1;
            }
            rest
        };
        buffer[..octets.len()].copy_from_slice(octets);
        octets.len()
    }
}

/// A server that answers each line by its first word.
pub(crate) struct Replies {
    replies: Vec<(&'static [u8], Vec<u8>)>,
    /// Which replies are due. The first one may be given in part.
    due: VecDeque<usize>,
    given: usize,
}

impl Replies {
    /// The first one is the greeting. All else is answered with `+OK`.
    pub(crate) fn new(replies: Vec<(&'static [u8], Vec<u8>)>) -> Self {
        let mut all = vec![(&b""[..], b"+OK\r\n".to_vec())];
        all.extend(replies);
        Self { replies: all, due: VecDeque::from([0]), given: 0 }
    }
}

impl Peer for Replies {
    fn take(&mut self, octets: &[u8]) {
        assert!(octets.ends_with(b"\n"), "the client writes whole lines");
        for line in octets.split_inclusive(|&octet| octet == b'\n') {
            let reply = self.replies.iter().rposition(|(word, _)| line.starts_with(word));
            self.due.extend(reply);
        }
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(&due) = self.due.front() {
            let reply = &self.replies[due].1[self.given..];
            let fits = reply.len().min(buffer.len() - filled);
            buffer[filled..filled + fits].copy_from_slice(&reply[..fits]);
            filled += fits;
            self.given += fits;
            if fits < reply.len() {
                break;
            }
            self.due.pop_front();
            self.given = 0;
        }
        filled
    }
}
