//! A session of the server: its lines, its TLS and its end.

mod commands;
mod logins;

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use logins::Exchange;
use rustls::{ServerConnection, StreamOwned};

use super::{Flaw, House, Seen};

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

pub(super) struct Session<'a> {
    house: &'a House,
    stream: Option<Stream>,
    input: Vec<u8>,
    logged_in: bool,
    utf8: bool,
    user: Option<String>,
    /// The name from the last USER.
    last: String,
    /// Whether the marks are from the previous session.
    inherited: bool,
    name: Vec<u8>,
    challenge: String,
    timestamp: String,
    exchange: Option<Exchange>,
    marks: Vec<usize>,
    bad: usize,
    failures: usize,
    counts: HashMap<String, usize>,
    tls: bool,
    holds_lock: bool,
    /// Whether the next LF belongs to the CR before it.
    behind_cr: bool,
}

/// What happens after a reply.
enum Then {
    Go,
    Close,
    StartTls,
}

impl<'a> Session<'a> {
    pub(super) fn new(house: &'a House, stream: TcpStream) -> Self {
        let number = house.count.fetch_add(1, Ordering::Relaxed);
        let number = if house.fault.flaw == Flaw::SameTimestamp { 0 } else { number };
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self {
            house,
            stream: Some(Stream::Plain(stream)),
            input: Vec::new(),
            logged_in: false,
            utf8: false,
            user: None,
            last: String::new(),
            inherited: false,
            name: Vec::new(),
            challenge: String::new(),
            timestamp: format!("<{number}.7@fake.example>"),
            exchange: None,
            marks: Vec::new(),
            bad: 0,
            failures: 0,
            counts: HashMap::new(),
            tls: false,
            holds_lock: false,
            behind_cr: false,
        }
    }

    fn flaw(&self, flaw: Flaw) -> bool {
        self.house.fault.flaw == flaw
    }

    pub(super) fn run(mut self) {
        let greeting = format!("+OK fake ready {}\r\n", self.timestamp).into_bytes();
        let greeting = self.changed("", "", b"", greeting);
        if self.write(&greeting) {
            while let Some(line) = self.line() {
                let (reply, then) = self.answer(&line);
                if !self.write(&reply) {
                    break;
                }
                match then {
                    Then::Go => {}
                    Then::Close => {
                        if self.flaw(Flaw::AnswersAfterQuit) && !self.input.is_empty() {
                            self.write(b"+OK more\r\n");
                        }
                        if !self.flaw(Flaw::StaysAfterQuit) || self.logged_in || self.bad > 25 {
                            break;
                        }
                    }
                    Then::StartTls => {
                        if !self.start_tls() {
                            break;
                        }
                    }
                }
            }
        }
        self.end();
    }

    /// The end of the session, however it ended.
    fn end(&mut self) {
        if self.logged_in && self.flaw(Flaw::CommitAtCut) {
            self.commit();
        }
        if self.flaw(Flaw::MarksStay) && self.logged_in && !self.inherited {
            self.house.marks.lock().unwrap().clone_from(&self.marks);
        }
        if self.holds_lock {
            self.house.locked.store(false, Ordering::SeqCst);
        }
        if let Some(Stream::Tls(stream)) = &mut self.stream
            && self.house.fault.flaw != Flaw::NoCloseNotify
        {
            stream.conn.send_close_notify();
            let _ = stream.conn.complete_io(&mut stream.sock);
        }
    }

    fn commit(&mut self) {
        let mut mail = self.house.mail.lock().unwrap();
        let mut marks = core::mem::take(&mut self.marks);
        if self.house.fault.flaw == Flaw::RemovesNothing {
            return;
        }
        if self.house.fault.flaw == Flaw::RemovesMore && !marks.is_empty() {
            marks.push(1);
        }
        let mut number = 0;
        mail.retain(|_| {
            number += 1;
            !marks.contains(&number)
        });
    }

    fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            let cr = self.flaw(Flaw::CrEndsLine);
            if self.behind_cr && !self.input.is_empty() {
                self.behind_cr = false;
                if self.input.first() == Some(&b'\n') {
                    self.input.remove(0);
                }
            }
            let end = self.input.iter().position(|octet| *octet == b'\n' || cr && *octet == b'\r');
            let long = self.flaw(Flaw::SplitsLongLines)
                && self.input.len() > 20_000
                && end.is_none_or(|end| end > 20_000);
            if long {
                return Some(self.input.drain(..20_000).collect());
            }
            if let Some(end) = end {
                let mut line: Vec<u8> = self.input.drain(..=end).collect();
                self.behind_cr = line.ends_with(b"\r");
                while matches!(line.last(), Some(b'\r' | b'\n')) {
                    line.pop();
                }
                return Some(line);
            }
            let mut chunk = [0; 4_096];
            let read = match self.stream.as_mut()? {
                Stream::Plain(stream) => stream.read(&mut chunk),
                Stream::Tls(stream) => stream.read(&mut chunk),
            };
            match read {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.input.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn write(&mut self, octets: &[u8]) -> bool {
        match self.stream.as_mut() {
            Some(Stream::Plain(stream)) => stream.write_all(octets).is_ok(),
            Some(Stream::Tls(stream)) => stream.write_all(octets).and_then(|()| stream.flush()).is_ok(),
            None => false,
        }
    }

    fn start_tls(&mut self) -> bool {
        if self.flaw(Flaw::SpeaksBehindStls) {
            self.write(b"+OK hurry\r\n");
        }
        if self.flaw(Flaw::SpeaksAtHandshake) {
            let Some(Stream::Plain(stream)) = &self.stream else { return false };
            let _ = stream.peek(&mut [0]);
            self.write(b"+OK hurry\r\n");
        }
        let left = core::mem::take(&mut self.input);
        let Some(Stream::Plain(mut stream)) = self.stream.take() else { return false };
        if self.flaw(Flaw::ClearAfterBadHandshake) {
            let mut first = [0];
            if stream.peek(&mut first).is_ok() && first[0] != 22 {
                self.stream = Some(Stream::Plain(stream));
                return true;
            }
        }
        let mut connection = ServerConnection::new(Arc::clone(&self.house.tls)).unwrap();
        while connection.is_handshaking() {
            if connection.complete_io(&mut stream).is_err() {
                return false;
            }
        }
        self.stream = Some(Stream::Tls(Box::new(StreamOwned::new(connection, stream))));
        self.tls = true;
        if self.flaw(Flaw::RunsWhatWasInjected) {
            self.input = left;
        }
        if !self.flaw(Flaw::BelievesClearText) {
            self.user = None;
        }
        if self.flaw(Flaw::GreetsAgain) {
            self.write(b"+OK hello again\r\n");
        }
        true
    }

    fn changed(&self, keyword: &str, argument: &str, line: &[u8], reply: Vec<u8>) -> Vec<u8> {
        let seen = Seen {
            keyword,
            argument,
            line,
            logged_in: self.logged_in,
            tls: self.tls,
            user: &self.last,
            marked: self.marks.len(),
            before: self.counts.get(keyword).copied().unwrap_or(0),
        };
        (self.house.fault.reply)(&seen, reply)
    }

    fn answer(&mut self, line: &[u8]) -> (Vec<u8>, Then) {
        let text = String::from_utf8_lossy(line).into_owned();
        let (word, argument) = text.split_once(' ').map_or((&*text, None), |(word, rest)| (word, Some(rest)));
        let keyword = word.to_uppercase();
        let exchange = self.exchange.is_some();
        let (reply, then) = if exchange && !(self.flaw(Flaw::CommandsInExchange) && keyword == "QUIT") {
            (self.respond(&text), Then::Go)
        } else if !exchange && self.is_bad(line) {
            (b"-ERR bad octets\r\n".to_vec(), Then::Go)
        } else {
            self.command(&keyword, argument, &text)
        };
        let shown = if exchange { "(response)" } else { &*keyword };
        let reply = self.changed(shown, argument.unwrap_or_default(), line, reply);
        *self.counts.entry(shown.to_owned()).or_default() += 1;
        self.bad = if reply.starts_with(b"-ERR") { self.bad + 1 } else { self.bad };
        if self.bad > 25 && !self.flaw(Flaw::NeverTiresOfBadCommands) || self.failures > 3 {
            return (reply, Then::Close);
        }
        if self.flaw(Flaw::LosesBurst) && keyword == "XYZZ" {
            self.input.clear();
        }
        (reply, then)
    }

    /// Control octets, and octets that are not UTF-8 where a name is allowed.
    fn is_bad(&self, line: &[u8]) -> bool {
        line.len() > 1_024
            || line.iter().any(|octet| *octet < b' ' || *octet == 0x7f)
            || core::str::from_utf8(line).is_err()
            || core::str::from_utf8(line).is_ok_and(|line| line.contains(['\u{e000}', '\u{fffd}']))
    }
}
