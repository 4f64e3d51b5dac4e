//! A connection to a server, octet by octet, with a deadline for everything.
//!
//! It reads leniently, as each strictness is a row of its own: letters of any case in the status, LF
//! where CRLF is due. Nothing here knows what a right answer is, but one thing is refused: a QUIT that
//! would remove messages when that was not asked for.

mod dialogue;

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use rustls::{ClientConnection, InvalidMessage, StreamOwned};

use crate::record::Record;
pub(crate) use crate::reply::{Answer, Reply, trimmed};
use crate::show::escaped;
use crate::verdict::{Stop, ensure, fail, skip};

/// The most octets of one line or one reply.
const MOST_OCTETS: usize = 64 * 1024 * 1024;

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: Stream,
    input: Vec<u8>,
    /// Where in `input` the unread octets begin.
    start: usize,
    end: Option<End>,
    pub(crate) record: Record,
    pub(crate) number: usize,
    pub(crate) timeout: Duration,
    /// How long is waited to see that nothing comes.
    pub(crate) pause: Duration,
    pub(crate) greeting: Vec<u8>,
    pub(crate) guard: Guard,
    /// How many commands were refused.
    pub(crate) refusals: u32,
    /// Whether it has logged in.
    pub(crate) logged_in: bool,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    /// While a handshake is under way, and after one that failed.
    None,
}

/// What keeps messages from being removed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guard {
    /// Whether removing was asked for.
    pub(crate) may_remove: bool,
    /// Whether the server removes at QUIT what was fetched (EXPIRE 0).
    pub(crate) fetching_removes: bool,
    /// Whether the server was seen to remove what was marked by a session that was cut.
    pub(crate) cut_removes: bool,
    /// Whether a message may be marked.
    pub(crate) marked: bool,
    /// Whether a message was fetched.
    pub(crate) fetched: bool,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By FIN; in TLS, without close_notify.
    Closed,
    /// By TLS's close_notify.
    CloseNotify,
    /// By RST.
    Reset,
    /// By a fault, as of TLS.
    Broken(String),
}

/// What came of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    Established,
    /// The certificate is not trusted.
    Untrusted(String),
    /// The server ended the connection or sent something else.
    Refused(String),
}

impl Wire {
    pub(crate) fn new(
        stream: TcpStream,
        record: Record,
        timeout: Duration,
        pause: Duration,
        guard: Guard,
    ) -> Self {
        let number = record.connection();
        Self {
            stream: Stream::Plain(stream),
            input: Vec::new(),
            start: 0,
            end: None,
            record,
            number,
            timeout,
            pause,
            greeting: Vec::new(),
            guard,
            refusals: 0,
            logged_in: false,
        }
    }

    /// Sends octets as they are.
    pub(crate) fn send(&mut self, octets: &[u8]) -> Result<(), Stop> {
        self.record.sent(self.number, octets);
        self.send_unseen(octets)
    }

    /// Sends octets of which the record shows something else.
    pub(crate) fn send_as(&mut self, shown: &str, octets: &[u8]) -> Result<(), Stop> {
        self.record.sent(self.number, shown.as_bytes());
        self.send_unseen(octets)
    }

    fn send_unseen(&mut self, octets: &[u8]) -> Result<(), Stop> {
        for line in octets.split(|octet| *octet == b'\n') {
            let word: Vec<u8> = line.iter().take(4).map(u8::to_ascii_uppercase).collect();
            match word.as_slice() {
                b"DELE" if self.guard.cut_removes && !self.guard.may_remove => {
                    return skip("the server removes marked messages without QUIT");
                }
                b"DELE" => self.guard.marked = true,
                b"RETR" => self.guard.fetched = true,
                b"QUIT" if self.logged_in && self.quit_removes() => {
                    return fail("a QUIT that could remove messages was not sent");
                }
                _ => {}
            }
        }
        let result = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(octets),
            Stream::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
            Stream::None => Err(ErrorKind::NotConnected.into()),
        };
        // A server that has closed is found by reading, which tells what it has said before.
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock || error.kind() == ErrorKind::TimedOut => {
                fail("the server does not read what is sent")
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Whether a QUIT now would remove something that must stay.
    pub(crate) fn quit_removes(&self) -> bool {
        let guard = self.guard;
        !guard.may_remove && (guard.marked || guard.fetched && guard.fetching_removes)
    }

    /// The next line with its end; `what` is expected.
    pub(crate) fn line(&mut self, what: &str) -> Result<Vec<u8>, Stop> {
        let deadline = Instant::now() + self.timeout;
        let mut looked = 0;
        loop {
            let unread = self.input.get(self.start..).unwrap_or_default();
            let found = unread.get(looked..).unwrap_or_default().iter().position(|octet| *octet == b'\n');
            if let Some(index) = found {
                let line = unread.get(..=looked + index).unwrap_or_default().to_vec();
                self.start += line.len();
                self.record.received(self.number, &line);
                return Ok(line);
            }
            looked = unread.len();
            ensure(looked < MOST_OCTETS, || "a line does not end".to_owned())?;
            match self.fill(deadline) {
                Fill::Some => {}
                Fill::Late => {
                    return fail(format!("{what} did not arrive within {} s", self.timeout.as_secs()));
                }
                Fill::End => {
                    let unread = self.input.get(self.start..).unwrap_or_default();
                    let left = if unread.is_empty() {
                        String::new()
                    } else {
                        format!(" behind {}", escaped(unread))
                    };
                    return fail(format!("the connection ended{left} where {what} was expected"));
                }
            }
        }
    }

    /// Whether nothing comes for so long, and the connection stays open.
    pub(crate) fn quiet(&mut self, time: Duration) -> bool {
        self.unread() == 0 && matches!(self.fill(Instant::now() + time), Fill::Late)
    }

    /// Whether the server ends the connection within the time without another octet.
    pub(crate) fn ends(&mut self, time: Duration) -> bool {
        self.unread() == 0 && matches!(self.fill(Instant::now() + time), Fill::End)
    }

    /// How many octets were received and not read.
    pub(crate) fn unread(&self) -> usize {
        self.input.len() - self.start
    }

    /// Takes what was received and not read.
    pub(crate) fn take_unread(&mut self) -> Vec<u8> {
        let octets = self.input.split_off(self.start);
        if !octets.is_empty() {
            self.record.event(self.number, &format!("received {}", escaped(&octets)));
        }
        octets
    }

    /// Waits for octets, and takes them as they are.
    pub(crate) fn octets(&mut self, time: Duration) -> Vec<u8> {
        if self.unread() == 0 {
            self.fill(Instant::now() + time);
        }
        self.take_unread()
    }

    /// How the connection ended, if it has.
    pub(crate) const fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Whether the server has ended the connection by now.
    pub(crate) fn is_over(&mut self) -> bool {
        self.end.is_some() || self.unread() == 0 && matches!(self.fill(Instant::now()), Fill::End)
    }

    /// Begins TLS on the stream as it is.
    pub(crate) fn handshake(
        &mut self,
        config: std::sync::Arc<rustls::ClientConfig>,
        name: rustls::pki_types::ServerName<'static>,
    ) -> Result<Handshake, Stop> {
        let in_clear = "octets in clear text precede the handshake";
        ensure(self.unread() == 0, || in_clear.to_owned())?;
        let Stream::Plain(mut stream) = core::mem::replace(&mut self.stream, Stream::None) else {
            return fail("TLS is already active");
        };
        let mut connection = match ClientConnection::new(config, name) {
            Ok(connection) => connection,
            Err(error) => return fail(format!("no TLS client: {error}")),
        };
        let deadline = Instant::now() + self.timeout;
        while connection.is_handshaking() {
            let _ = stream.set_read_timeout(Some(left(deadline)));
            if let Err(error) = connection.complete_io(&mut stream) {
                // A server that is slow has not refused.
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    return fail(format!("the handshake did not end within {} s", self.timeout.as_secs()));
                }
                let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
                let outcome = match cause {
                    // They may arrive later than the check above.
                    Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
                        return fail(in_clear);
                    }
                    Some(rustls::Error::InvalidCertificate(fault)) => {
                        Handshake::Untrusted(format!("{fault:?}"))
                    }
                    _ => Handshake::Refused(error.to_string()),
                };
                self.record.event(self.number, &format!("no TLS: {error}"));
                self.end = Some(End::Broken(error.to_string()));
                return Ok(outcome);
            }
        }
        let version = connection.protocol_version();
        self.record.event(self.number, &format!("TLS established, {version:?}"));
        self.stream = Stream::Tls(Box::new(StreamOwned::new(connection, stream)));
        Ok(Handshake::Established)
    }

    /// What TLS has agreed on.
    pub(crate) fn tls(&self) -> Option<&ClientConnection> {
        match &self.stream {
            Stream::Tls(stream) => Some(&stream.conn),
            Stream::Plain(_) | Stream::None => None,
        }
    }

    /// Ends with QUIT, where nothing can be removed by it, and with the end of the connection.
    pub(crate) fn quit(mut self) {
        if self.end.is_none() && !(self.logged_in && self.quit_removes()) {
            let timeout = self.timeout.min(Duration::from_secs(5));
            self.timeout = timeout;
            let is_answered = self.send(b"QUIT\r\n").is_ok() && self.read_reply("QUIT").is_ok();
            let waits = is_answered && !self.record.stays_after_quit();
            if waits && !self.ends(Duration::from_millis(500)) && self.unread() == 0 {
                self.record.note_that_it_stays_after_quit();
            }
        }
    }

    /// Ends the connection without a word: by FIN, or by RST.
    pub(crate) fn cut(mut self, reset: bool) {
        self.record.event(self.number, if reset { "closed with RST" } else { "closed with FIN" });
        if reset {
            // Unread octets in the receive buffer make the system send RST.
            let _ = self.send(b"NOOP\r\n");
            if let Some(stream) = self.tcp() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let _ = stream.peek(&mut [0]);
            }
        }
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Plain(stream) => Some(stream),
            Stream::Tls(stream) => Some(&stream.sock),
            Stream::None => None,
        }
    }

    fn fill(&mut self, deadline: Instant) -> Fill {
        if self.end.is_some() {
            return Fill::End;
        }
        if self.start > 65_536 || self.start == self.input.len() {
            self.input.drain(..self.start);
            self.start = 0;
        }
        let mut chunk = [0; 16_384];
        loop {
            let Some(tcp) = self.tcp() else { return Fill::End };
            let _ = tcp.set_read_timeout(Some(left(deadline)));
            let (result, tls) = match &mut self.stream {
                Stream::Plain(stream) => (stream.read(&mut chunk), false),
                Stream::Tls(stream) => (stream.read(&mut chunk), true),
                Stream::None => return Fill::End,
            };
            let end = match result {
                Ok(0) if tls => End::CloseNotify,
                Ok(0) => End::Closed,
                Ok(count) => {
                    self.input.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    return Fill::Some;
                }
                Err(error) => {
                    let is = |kinds: &[ErrorKind]| kinds.contains(&error.kind());
                    if is(&[ErrorKind::Interrupted]) {
                        continue;
                    }
                    if is(&[ErrorKind::WouldBlock, ErrorKind::TimedOut]) {
                        if Instant::now() < deadline {
                            continue;
                        }
                        return Fill::Late;
                    }
                    if is(&[ErrorKind::UnexpectedEof]) {
                        End::Closed
                    } else if is(&[
                        ErrorKind::ConnectionReset,
                        ErrorKind::BrokenPipe,
                        ErrorKind::ConnectionAborted,
                    ]) {
                        End::Reset
                    } else {
                        End::Broken(error.to_string())
                    }
                }
            };
            self.record.event(self.number, &format!("ended by the server: {end:?}"));
            self.end = Some(end);
            return Fill::End;
        }
    }
}

enum Fill {
    Some,
    Late,
    End,
}

/// A command for a message: not all of a long one.
fn shown(command: &str) -> String {
    if command.is_empty() { "an empty line".to_owned() } else { escaped(command.as_bytes()) }
}

/// The time that is left; never nothing, which would mean for ever.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
}
