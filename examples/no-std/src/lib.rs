//! A POP3 server and a client without std: octets in, octets out, and an allocator.
//!
//! There is no socket, clock, thread or file here, only the core. Whoever has a link to the other
//! side (a serial line, a stack on a microcontroller, an enclave) gives [`Server::receive`] or
//! [`Client::receive`] what came in, in whatever pieces, and sends what it returns. The continuous integration builds this
//! package where there is no std to be found, so that none can creep in by a dependency either.
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
    /// Received, and not yet understood: the start of a line.
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

    /// Takes what came in, and returns what is to be sent.
    ///
    /// # Errors
    /// [`ServerMisuse`] if this example answers the core wrongly, which would be a mistake in it.
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
                // After a refused login: what came in waits for the next call, at a later time.
                ServerStep::Pause(_) => break,
                // No certificate was configured, so STLS is never offered: both mean the end.
                ServerStep::StartTls | ServerStep::Close(_) => self.open = false,
            }
        }
        self.pending.extend_from_slice(received.get(input.consumed()..).unwrap_or_default());
        Ok(out.to_vec())
    }

    /// Whether the session goes on; once it doesn't, close the link.
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

    /// The store: three questions, and an array to answer them from.
    fn answer(&mut self, request: Request, now: Instant, out: &mut BytesMut) -> Result<(), ServerMisuse> {
        let answer = match request {
            Request::Password { password, .. } if password.same_octets(self.password) => self.snapshot(),
            Request::Password { .. } => Answer::Reject(Rejection::credentials()),
            Request::Fetch { message, .. } => match self.messages.get(message.index()).copied().flatten() {
                Some(content) => {
                    self.connection.answer(Answer::Message, now, out)?;
                    // TOP may want less than there is; the core cuts.
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
