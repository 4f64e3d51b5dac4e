//! What can be observed of a session.

use core::time::Duration;

use pop3_proto::server::{ClientInfo, Close, ServerConnection};
use pop3_proto::{Instant, MessageNumber};

use super::Server;
use crate::credentials::Credentials;

/// A request from the core, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// Check the credentials of this name.
    Authenticate(Vec<u8>),
    /// Begin an exchange of this mechanism, with this initial response.
    Begin(String, Option<Vec<u8>>),
    /// Continue with this response.
    Respond(Vec<u8>),
    /// End the exchange.
    Cancel,
    /// A proxy speaks for this client.
    Proxied(ClientInfo),
    /// Return this message.
    Fetch(MessageNumber),
    /// Remove these messages.
    Commit(Vec<u32>),
}

impl Server {
    /// What the store was asked so far.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// The credentials that the store was asked to check so far.
    #[must_use]
    pub fn credentials(&self) -> &[Credentials] {
        &self.credentials
    }

    /// Why the connection was closed, if it was.
    #[must_use]
    pub const fn closed(&self) -> Option<Close> {
        self.closed
    }

    /// How long each reply was delayed, in order.
    #[must_use]
    pub fn pauses(&self) -> &[Duration] {
        &self.pauses
    }

    /// The largest size of the output.
    #[must_use]
    pub const fn highest(&self) -> usize {
        self.highest
    }

    /// The largest number of octets that were received but not consumed.
    #[must_use]
    pub const fn most_received(&self) -> usize {
        self.most_received
    }

    /// How often output was written.
    #[must_use]
    pub const fn writes(&self) -> usize {
        self.writes
    }

    /// How often TLS began.
    #[must_use]
    pub const fn handshakes(&self) -> usize {
        self.handshakes
    }

    /// The octets that were received but not consumed.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The core.
    #[must_use]
    pub const fn connection(&self) -> &ServerConnection {
        &self.connection
    }

    /// The core, for a test that drives it.
    pub const fn connection_mut(&mut self) -> &mut ServerConnection {
        &mut self.connection
    }

    /// The clock.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }
}

/// Everything that can be observed of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// What was sent.
    pub sent: Vec<u8>,
    /// What the store was asked.
    pub asked: Vec<Asked>,
    /// Why it was closed.
    pub closed: Option<Close>,
    /// What remained in the store.
    pub left: Vec<String>,
}

/// Runs a session. Each flight of octets is received in pieces of these lengths. Then the client closes
/// its side, if requested.
///
/// Checks what must hold for any input: the output is bounded, replies are lines of at most 512 octets, and
/// nothing is removed without a commit.
///
/// # Panics
/// If that does not hold.
#[must_use]
pub fn run(mut server: Server, flights: &[&[u8]], lengths: &[usize], ends: bool) -> Seen {
    let before = server.store.messages.len();
    for flight in flights {
        server.feed(flight, lengths);
    }
    if ends && server.closed().is_none() {
        server.end();
        assert!(server.closed().is_some(), "the end of the input ends the session");
    }
    let committed: usize = server
        .asked()
        .iter()
        .map(|asked| if let Asked::Commit(numbers) = asked { numbers.len() } else { 0 })
        .sum();
    assert!(server.store.messages.len() + committed >= before, "only a commit removes");
    Seen {
        sent: server.take(),
        asked: server.asked().to_vec(),
        closed: server.closed(),
        left: server.store.messages.iter().map(|message| message.uid.clone()).collect(),
    }
}
