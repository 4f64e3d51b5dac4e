//! A POP3 server and a client without std: octets in, octets out, and an allocator.
//!
//! There are no sockets, clocks, threads or files here, only the core. Connect it to any link (a serial line, a stack
//! on a microcontroller, an enclave): pass the octets that arrive to [`Server::receive`] or [`Client::receive`], in
//! pieces of any size, and send what it returns. The continuous integration builds this package for a target without
//! std, so no dependency can require it.
#![no_std]

extern crate alloc;

mod client;

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::BytesMut;
use pop3_proto::server::{
    Accepted, Answer, Request, ServerConfig, ServerConnection, ServerMisuse, ServerStep,
};
use pop3_proto::{Channel, Deletions, Input, Instant, Rejection, Snapshot, UniqueId, dots};

pub use client::Client;

/// A maildrop in memory, and the one session that reads it.
#[derive(Debug)]
pub struct Server {
    connection: ServerConnection,
    messages: Vec<Option<&'static [u8]>>,
    password: &'static [u8],
    /// Octets that were received but not consumed: the start of a line.
    pending: Vec<u8>,
    open: bool,
}

impl Server {
    /// A server for one session over a link that needs no TLS.
    #[must_use]
    pub fn new(password: &'static [u8], messages: &[&'static [u8]], now: Instant) -> Self {
        let config = Arc::new(ServerConfig::default());
        Self {
            connection: ServerConnection::new(config, Channel::TrustedPlaintext, None, now),
            messages: messages.iter().copied().map(Some).collect(),
            password,
            pending: Vec::new(),
            open: true,
        }
    }

    /// Receives octets, and returns the octets to send.
    ///
    /// # Errors
    /// [`ServerMisuse`] if this example answers the core incorrectly, which would be a bug in it.
    pub fn receive(&mut self, octets: &[u8], now: Instant) -> Result<Vec<u8>, ServerMisuse> {
        let mut out = BytesMut::new();
        self.pending.extend_from_slice(octets);
        let received = core::mem::take(&mut self.pending);
        let mut input = Input::new(&received);
        while self.open {
            match self.connection.poll(now, &mut input, &mut out) {
                ServerStep::Ask(request) => self.answer(request, now, &mut out)?,
                ServerStep::Flush => {}
                ServerStep::Read | ServerStep::Wait => break,
                // After a refused login, the input waits for the next call, at a later time.
                ServerStep::Pause(_) => break,
                // No certificate was configured, so STLS is never offered. Both mean the end.
                ServerStep::StartTls | ServerStep::Close(_) => self.open = false,
            }
        }
        self.pending.extend_from_slice(received.get(input.consumed()..).unwrap_or_default());
        Ok(out.to_vec())
    }

    /// Returns whether the session continues. If not, close the link.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// How many messages are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.messages.iter().flatten().count()
    }

    /// Whether no message is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The store: three questions, answered from an array.
    fn answer(&mut self, request: Request, now: Instant, out: &mut BytesMut) -> Result<(), ServerMisuse> {
        let answer = match request {
            Request::Password { password, .. } if password.same_octets(self.password) => self.snapshot(),
            Request::Password { .. } => Answer::Reject(Rejection::credentials()),
            Request::Fetch { message, .. } => match self.messages.get(message.index()).copied().flatten() {
                Some(content) => {
                    self.connection.answer(Answer::Message, now, out)?;
                    // TOP may need less than this; the core truncates it.
                    let _wanted = self.connection.body(content, out)?;
                    Answer::EndOfMessage
                }
                None => Answer::Unavailable(Rejection::permanent("it is gone")),
            },
            Request::Commit(deletions) => self.remove(&deletions),
            // No mechanism is offered, and no proxy is trusted.
            other @ (Request::Sasl(_) | Request::Proxied(_) | _) => other.decline(),
        };
        self.connection.answer(answer, now, out)
    }

    fn snapshot(&self) -> Answer {
        const UIDS: [&[u8]; 4] = [b"first", b"second", b"third", b"fourth"];
        let mut snapshot = Snapshot::new();
        for (content, uid) in self.messages.iter().flatten().zip(UIDS) {
            if let Ok(uid) = UniqueId::parse(uid) {
                snapshot.push(dots::wire_size(content), uid);
            }
        }
        Answer::Accept(Accepted::from(snapshot))
    }

    fn remove(&mut self, deletions: &Deletions) -> Answer {
        for message in deletions.iter() {
            if let Some(slot) = self.messages.get_mut(message.index()) {
                *slot = None;
            }
        }
        Answer::committed(0)
    }
}
