//! A POP3 server that answers at once, as a transport of the client.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};

use pop3_driver::Transport;
use pop3_driver::tls::{self, TlsInfo};
use pop3_proto::Instant;
use pop3_simulation::Chance;

/// The messages on the server, with their unique-ids.
pub(crate) type Maildrop = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// What is called for the messages that the client has marked, before they are removed.
pub(crate) type AtQuit = Box<dyn FnMut(&[Vec<u8>]) + Send>;

/// One session.
pub(crate) struct Session {
    maildrop: Maildrop,
    listed: Vec<(String, Vec<u8>)>,
    marked: BTreeSet<usize>,
    has_uids: bool,
    at_quit: AtQuit,
    /// After so many octets, the connection is cut.
    left: usize,
    /// Whether QUIT reaches the server if the connection is cut at it.
    input: Vec<u8>,
    output: VecDeque<u8>,
    has_ended: bool,
}

impl Session {
    pub(crate) fn new(maildrop: &Maildrop, has_uids: bool, chance: &Chance, at_quit: AtQuit) -> Self {
        let listed = maildrop.lock().unwrap().clone();
        let octets: usize = listed.iter().map(|(_, message)| message.len() + 100).sum();
        let is_cut = chance.per_mille(200);
        let mut session = Self {
            maildrop: Arc::clone(maildrop),
            listed,
            marked: BTreeSet::new(),
            has_uids,
            at_quit,
            left: if is_cut { chance.below(octets + 500) } else { usize::MAX },
            input: Vec::new(),
            output: VecDeque::new(),
            has_ended: false,
        };
        session.say("+OK hello");
        session
    }

    fn say(&mut self, line: &str) {
        self.output.extend(line.bytes().chain(*b"\r\n"));
    }

    fn list(&mut self, each: impl Fn(&(String, Vec<u8>)) -> String) {
        self.say("+OK");
        for (index, message) in self.listed.clone().iter().enumerate() {
            if !self.marked.contains(&index) {
                self.say(&format!("{} {}", index + 1, each(message)));
            }
        }
        self.say(".");
    }

    fn answer(&mut self, line: &str) {
        let (command, argument) = line.split_once(' ').unwrap_or((line, ""));
        let index = argument.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let index = index.filter(|index| *index < self.listed.len() && !self.marked.contains(index));
        match (command, index) {
            ("CAPA", _) => {
                let uidl = if self.has_uids { "UIDL\r\n" } else { "" };
                self.say(&format!("+OK\r\nUSER\r\nPIPELINING\r\n{uidl}."));
            }
            ("LIST", None) => self.list(|(_, message)| message.len().to_string()),
            ("UIDL", None) if self.has_uids => self.list(|(uid, _)| uid.clone()),
            ("RETR", Some(index)) => {
                self.say("+OK");
                let message = self.listed[index].1.clone();
                for line in message.split_inclusive(|&octet| octet == b'\n') {
                    let stuffing = if line.starts_with(b".") { &b"."[..] } else { b"" };
                    self.output.extend(stuffing.iter().chain(line));
                }
                self.say(".");
            }
            ("DELE", Some(index)) => {
                self.marked.insert(index);
                self.say("+OK");
            }
            ("STAT", _) => {
                let left = self.listed.len() - self.marked.len();
                self.say(&format!("+OK {left} 1"));
            }
            ("QUIT", _) => {
                self.quit();
                self.say("+OK");
            }
            ("USER" | "PASS" | "NOOP", _) => self.say("+OK"),
            _ => self.say("-ERR"),
        }
    }

    fn quit(&mut self) {
        self.has_ended = true;
        let marked: Vec<_> = self.marked.iter().map(|&index| self.listed[index].1.clone()).collect();
        (self.at_quit)(&marked);
        self.maildrop.lock().unwrap().retain(|(_, message)| !marked.contains(message));
    }
}

impl Transport for Session {
    fn now(&self) -> Instant {
        Instant::new(core::time::Duration::ZERO)
    }

    async fn read(&mut self, buffer: &mut [u8], _: Instant) -> io::Result<usize> {
        let count = buffer.len().min(self.output.len()).min(self.left);
        self.left -= count;
        self.output.drain(..count).zip(buffer).for_each(|(octet, place)| *place = octet);
        Ok(count)
    }

    async fn write(&mut self, octets: &[u8], _: Instant) -> io::Result<usize> {
        if self.has_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.input.extend_from_slice(octets);
        while let Some(end) = self.input.windows(2).position(|window| window == b"\r\n") {
            let line: Vec<u8> = self.input.drain(..end + 2).collect();
            // A server that has nothing more to send has lost the client.
            if self.left == 0 {
                break;
            }
            self.answer(str::from_utf8(&line[..end]).expect("commands are ASCII"));
        }
        Ok(octets.len())
    }

    async fn flush(&mut self, _: Instant) -> io::Result<()> {
        Ok(())
    }

    async fn pause(&mut self, _: Instant) {}

    async fn close(&mut self, _: Instant) {}

    async fn secure(self, _: Instant) -> io::Result<Self> {
        Err(tls::unavailable())
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        false
    }
}
