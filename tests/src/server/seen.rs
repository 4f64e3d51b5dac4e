//! What can be seen of a session from outside.

use core::time::Duration;

use pop3_proto::server::{ClientInfo, Close, ServerConnection};
use pop3_proto::{Instant, MessageNumber};

use super::Server;
use crate::credentials::Credentials;

/// A request that came out of the core, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Asked {
    /// Check credentials of this name.
    Authenticate(Vec<u8>),
    /// Begin an exchange of this mechanism, with this initial response.
    Begin(String, Option<Vec<u8>>),
    /// Go on with this response.
    Respond(Vec<u8>),
    /// End the exchange.
    Cancel,
    /// A proxy speaks for this client.
    Proxied(ClientInfo),
    /// Give this message.
    Fetch(MessageNumber),
    /// Remove these messages.
    Commit(Vec<u32>),
}

impl Server {
    /// What was asked of the store so far.
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

    /// How long replies were held back, in order.
    #[must_use]
    pub fn pauses(&self) -> &[Duration] {
        &self.pauses
    }

    /// The most octets that were ever in the output.
    #[must_use]
    pub const fn highest(&self) -> usize {
        self.highest
    }

    /// The most octets that were ever received and not consumed.
    #[must_use]
    pub const fn most_received(&self) -> usize {
        self.most_received
    }

    /// How often the output was written.
    #[must_use]
    pub const fn writes(&self) -> usize {
        self.writes
    }

    /// How often TLS was begun.
    #[must_use]
    pub const fn handshakes(&self) -> usize {
        self.handshakes
    }

    /// The octets received and not consumed.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The core.
    #[must_use]
    pub const fn connection(&self) -> &ServerConnection {
        &self.connection
    }

    /// The core, to be driven by the test itself.
    pub const fn connection_mut(&mut self) -> &mut ServerConnection {
        &mut self.connection
    }

    /// The clock.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }
}

/// All that can be seen of a session from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// What was sent.
    pub sent: Vec<u8>,
    /// What was asked of the store.
    pub asked: Vec<Asked>,
    /// Why it was closed.
    pub closed: Option<Close>,
    /// What was left in the store.
    pub left: Vec<String>,
}

/// Runs a session: each flight of octets is received in pieces of these lengths; then the client
/// closes its side, if it is to do so.
///
/// What must hold for any input is checked on the way: the output is bounded, replies are lines of
/// at most 512 octets, nothing is removed without a commit.
///
/// # Panics
/// When it does not hold.
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
