//! A server behind a transport that is pending before each operation.

use core::future::poll_fn;
use core::task::Poll;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use pop3_driver::tls::TlsInfo;
use pop3_driver::{Transport, timed_out};
use pop3_proto::Instant;

/// A server at the other end of a transport that is pending once before each operation. The transport accepts and
/// returns a few octets at a time, and passes octets to the server only when it is flushed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Halting(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) now: Instant,
    /// The last poll was pending.
    halted: bool,
    unflushed: Vec<u8>,
    received: Vec<u8>,
    pub(crate) outgoing: VecDeque<u8>,
    /// What the server received.
    pub(crate) lines: Vec<String>,
    /// It sends nothing more.
    pub(crate) silent: bool,
}

pub(crate) const MAIL: &str = "Subject: a\r\n\r\n.\r\n..dots\r\n\r\rlast\r\n";

fn stuffed() -> String {
    MAIL.split_inclusive('\n')
        .map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() })
        .collect()
}

impl State {
    fn answer(&mut self, line: &str) {
        let keyword = line.split(' ').next().unwrap_or_default();
        let reply = match keyword {
            "CAPA" => {
                "+OK\r\nPIPELINING\r\nUIDL\r\nTOP\r\nUSER\r\nLANG\r\nUTF8\r\nSASL PLAIN\r\n.\r\n".into()
            }
            "STAT" => "+OK 3 99\r\n".into(),
            "LIST" if line == "LIST" => "+OK\r\n1 33\r\n2 33\r\n3 34\r\n.\r\n".into(),
            "UIDL" if line == "UIDL" => "+OK\r\n1 a\r\n2 b\r\n3 c\r\n.\r\n".into(),
            "LIST" => format!("+OK {} 33\r\n", &line[5..]),
            "UIDL" => format!("+OK {} x\r\n", &line[5..]),
            "RETR" | "TOP" => format!("+OK {} octets\r\n{}.\r\n", MAIL.len(), stuffed()),
            "XTND" => "+OK text\r\none\r\ntwo\r\n.\r\n".into(),
            "LANG" => "+OK de Deutsch\r\n".into(),
            "AUTH" => "+ \r\n".into(),
            "DELE" if line == "DELE 2" => "-ERR there is no such message\r\n".into(),
            _ => "+OK\r\n".to_owned(),
        };
        self.outgoing.extend(reply.as_bytes());
    }

    /// Passes octets to the server, which answers complete lines.
    fn deliver(&mut self) {
        self.received.append(&mut self.unflushed);
        while !self.silent
            && let Some(end) = self.received.iter().position(|&octet| octet == b'\n')
        {
            let line: Vec<u8> = self.received.drain(..=end).collect();
            let line = String::from_utf8(line).expect("text");
            let line = line.strip_suffix("\r\n").expect("CRLF").to_owned();
            self.answer(&line);
            self.lines.push(line);
        }
    }
}

impl Halting {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    /// Is pending once, and then performs the operation.
    async fn after_a_halt<R>(&self, act: impl Fn(&mut State) -> R) -> R {
        poll_fn(|context| {
            let mut state = self.state();
            state.halted = !state.halted;
            if state.halted {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(act(&mut state))
        })
        .await
    }
}

impl Transport for Halting {
    fn now(&self) -> Instant {
        self.state().now
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let octets = self.after_a_halt(|state| {
            assert!(state.unflushed.is_empty(), "an answer is awaited to what was not flushed");
            if state.outgoing.is_empty() {
                state.now = state.now.max(deadline);
                return Err(timed_out());
            }
            let count = state.outgoing.len().min(7);
            Ok(state.outgoing.drain(..count).collect::<Vec<_>>())
        });
        let octets = octets.await?;
        buffer[..octets.len()].copy_from_slice(&octets);
        Ok(octets.len())
    }

    async fn write(&mut self, octets: &[u8], _deadline: Instant) -> io::Result<usize> {
        let taken = &octets[..octets.len().min(5)];
        self.after_a_halt(|state| state.unflushed.extend_from_slice(taken)).await;
        Ok(taken.len())
    }

    async fn flush(&mut self, _deadline: Instant) -> io::Result<()> {
        self.after_a_halt(State::deliver).await;
        Ok(())
    }

    async fn pause(&mut self, until: Instant) {
        self.after_a_halt(|state| state.now = state.now.max(until)).await;
    }

    async fn close(&mut self, _deadline: Instant) {}

    async fn secure(self, _deadline: Instant) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        false
    }
}
