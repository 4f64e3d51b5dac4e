//! Plays a script on one connection.

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::mail::Mail;
use super::script::{Act, Ask, Script, usual};
use crate::heard::{Heard, Line};
use crate::show::escaped;

/// How long the greeting is held back, to see who does not wait for it.
const BEFORE_GREETING: Duration = Duration::from_millis(150);

/// How long each reply is held back, to see who does not wait for it.
const BEFORE_REPLY: Duration = Duration::from_millis(15);

/// The most octets that are sent of an endless line.
pub(crate) const ENDLESS: usize = 32 * 1024 * 1024;

/// What lies behind a connection: the one that was accepted, or TLS in it.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
    None,
}

/// One connection to a client.
pub(crate) struct Player<'a> {
    script: &'a Script,
    mail: &'a [Mail],
    tls: Option<Arc<ServerConfig>>,
    stream: Stream,
    input: Vec<u8>,
    timeout: Duration,
    marked: Vec<usize>,
    exchange: bool,
}

impl<'a> Player<'a> {
    pub(crate) fn new(
        stream: TcpStream,
        script: &'a Script,
        mail: &'a [Mail],
        tls: Option<Arc<ServerConfig>>,
        timeout: Duration,
    ) -> Self {
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(timeout));
        Self {
            script,
            mail,
            tls,
            stream: Stream::Plain(stream),
            input: Vec::new(),
            timeout,
            marked: Vec::new(),
            exchange: false,
        }
    }

    /// Plays to the end of the connection, and tells what was heard.
    pub(crate) fn play(mut self, heard: &mut Heard) {
        heard.connections += 1;
        if self.comes(BEFORE_GREETING) {
            heard.before_greeting.extend_from_slice(&self.input);
        }
        if !self.say(self.script.greeting, heard) {
            return;
        }
        if self.script.greeting.starts_with(b"-ERR") {
            // Turned away: whatever comes is not answered.
            while self.comes(self.timeout) {}
            let rest = core::mem::take(&mut self.input);
            self.note(&rest, heard, false);
            return;
        }
        let mut pipelined = false;
        while let Some(line) = self.line(heard) {
            let line = self.note(&line, heard, pipelined);
            let ask = Ask {
                keyword: &line.keyword,
                argument: core::str::from_utf8(&line.argument).unwrap_or_default(),
                mail: self.mail,
                tls: matches!(self.stream, Stream::Tls(_)),
            };
            let act = match (self.script.reply)(&ask) {
                Act::Usual => usual(&ask, self.script, &mut self.marked, self.tls.is_some()),
                act @ (Act::Say(_)
                | Act::SayAndClose(_)
                | Act::Challenge(_)
                | Act::Endless
                | Act::StartTls(_)) => act,
            };
            pipelined = self.comes(BEFORE_REPLY);
            if line.keyword == "QUIT" && self.gone() {
                heard.left_early = true;
            }
            self.exchange = false;
            let goes_on = match act {
                Act::Usual => false,
                Act::Say(octets) => self.say(&octets, heard) && line.keyword != "QUIT",
                Act::SayAndClose(octets) => {
                    self.say(&octets, heard);
                    false
                }
                Act::Challenge(octets) => {
                    self.exchange = true;
                    self.say(&octets, heard)
                }
                Act::Endless => {
                    self.endless(heard);
                    false
                }
                Act::StartTls(octets) => self.say(&octets, heard) && self.start_tls(heard),
            };
            if !goes_on {
                break;
            }
        }
        // What was sent ahead counts, though nobody answers; it may be on its way still.
        if let Stream::Plain(stream) = &self.stream {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let deadline = Instant::now() + BEFORE_GREETING;
            while Instant::now() < deadline && self.fill(BEFORE_REPLY) != Some(false) {}
        }
        let rest = core::mem::take(&mut self.input);
        if matches!(self.stream, Stream::Plain(_) | Stream::Tls(_)) {
            for line in rest.split_inclusive(|octet| *octet == b'\n') {
                self.note(line, heard, true);
            }
        }
    }

    fn note(&self, raw: &[u8], heard: &mut Heard, pipelined: bool) -> Line {
        let bare = crate::wire::trimmed(raw);
        let space = bare.iter().position(|octet| *octet == b' ');
        let (word, argument) = match space {
            _ if self.exchange => (&b""[..], bare),
            Some(at) => (&bare[..at], &bare[at + 1..]),
            None => (bare, &b""[..]),
        };
        let line = Line {
            raw: raw.to_vec(),
            keyword: String::from_utf8_lossy(word).to_uppercase(),
            argument: argument.to_vec(),
            pipelined,
            tls: matches!(self.stream, Stream::Tls(_)),
        };
        let shown = match line.keyword.as_str() {
            "" if self.exchange && bare != b"*" => "***".to_owned(),
            "PASS" | "APOP" | "AUTH" if space.is_some() => {
                // The mechanism may be seen.
                let mechanism = String::from_utf8_lossy(argument);
                let mechanism = mechanism.split(' ').next().unwrap_or_default();
                if line.keyword == "AUTH" {
                    format!("AUTH {mechanism} ...")
                } else {
                    format!("{} ***", line.keyword)
                }
            }
            _ => escaped(bare),
        };
        if !raw.is_empty() {
            heard.transcript.push(format!("{} C: {shown}", heard.connections));
            heard.lines.push(line.clone());
        }
        line
    }

    /// Sends octets; whether they were taken.
    fn say(&mut self, octets: &[u8], heard: &mut Heard) -> bool {
        for line in octets.split_inclusive(|octet| *octet == b'\n').take(12) {
            heard.transcript.push(format!(
                "{} S: {}",
                heard.connections,
                escaped(crate::wire::trimmed(line))
            ));
        }
        let size = if self.script.in_pieces && octets.len() < 4_096 { 1 } else { octets.len().max(1) };
        octets.chunks(size).all(|piece| self.write(piece))
    }

    fn write(&mut self, octets: &[u8]) -> bool {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(octets).is_ok(),
            Stream::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()).is_ok(),
            Stream::None => false,
        }
    }

    fn endless(&mut self, heard: &mut Heard) {
        let chunk = [b'x'; 65_536];
        let mut good = self.write(b"+OK ");
        while good && heard.taken < ENDLESS {
            good = self.write(&chunk);
            heard.taken += chunk.len();
        }
        heard
            .transcript
            .push(format!("{} S: +OK and {} octets without an end", heard.connections, heard.taken));
        heard.waited = good && !self.gone();
    }

    fn start_tls(&mut self, heard: &mut Heard) -> bool {
        let Stream::Plain(stream) = core::mem::replace(&mut self.stream, Stream::None) else { return false };
        let Some(config) = self.tls.clone() else { return false };
        // What came before is no TLS, unless it is the beginning of a handshake.
        let mut early = core::mem::take(&mut self.input);
        if early.is_empty() {
            let _ = stream.set_read_timeout(Some(self.timeout));
            let mut first = [0];
            if matches!(stream.peek(&mut first), Ok(1)) && first[0] != 22 {
                early = vec![first[0]];
            }
        }
        if !early.is_empty() && early.first() != Some(&22) {
            heard.before_handshake = early;
            return false;
        }
        let Ok(connection) = ServerConnection::new(config) else { return false };
        let mut tls = Box::new(StreamOwned::new(connection, stream));
        if !early.is_empty() && tls.conn.read_tls(&mut early.as_slice()).is_err() {
            return false;
        }
        let deadline = Instant::now() + self.timeout;
        while tls.conn.is_handshaking() {
            let left = deadline.saturating_duration_since(Instant::now());
            let _ = tls.sock.set_read_timeout(Some(left.max(Duration::from_millis(1))));
            if let Err(error) = tls.conn.complete_io(&mut tls.sock) {
                heard.transcript.push(format!("{} * no TLS: {error}", heard.connections));
                return false;
            }
        }
        heard.transcript.push(format!("{} * TLS established", heard.connections));
        heard.tls = Some(tls.conn.alpn_protocol().map(<[u8]>::to_vec));
        self.stream = Stream::Tls(tls);
        true
    }

    /// The next line; none at the end.
    fn line(&mut self, heard: &mut Heard) -> Option<Vec<u8>> {
        let deadline = Instant::now() + self.timeout;
        loop {
            if let Some(at) = self.input.iter().position(|octet| *octet == b'\n') {
                return Some(self.input.drain(..=at).collect());
            }
            if self.input.len() > 1024 * 1024 {
                return None;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                heard.waited = true;
                heard.transcript.push(format!("{} * nothing arrived in time", heard.connections));
                return None;
            }
            match self.fill(left) {
                Some(true) => {}
                Some(false) => {
                    heard.transcript.push(format!("{} * ended by the client", heard.connections));
                    return None;
                }
                None => {}
            }
        }
    }

    /// Whether something was received and not read within the time.
    fn comes(&mut self, time: Duration) -> bool {
        let before = self.input.len();
        before > 0 && time < BEFORE_GREETING || self.fill(time) == Some(true) && self.input.len() > before
    }

    /// Whether the client has ended the connection.
    fn gone(&mut self) -> bool {
        self.fill(Duration::from_millis(1)) == Some(false)
    }

    /// Reads: something, the end, or nothing within the time.
    fn fill(&mut self, time: Duration) -> Option<bool> {
        let time = Some(time.max(Duration::from_millis(1)));
        let mut chunk = [0; 4_096];
        let result = match &mut self.stream {
            Stream::Plain(stream) => {
                let _ = stream.set_read_timeout(time);
                stream.read(&mut chunk)
            }
            Stream::Tls(stream) => {
                let _ = stream.sock.set_read_timeout(time);
                stream.read(&mut chunk)
            }
            Stream::None => Ok(0),
        };
        match result {
            Ok(0) => Some(false),
            Ok(count) => {
                self.input.extend_from_slice(chunk.get(..count).unwrap_or_default());
                Some(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => None,
            Err(_) => Some(false),
        }
    }
}
