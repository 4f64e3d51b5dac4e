//! The server's role, driven as an embedder drives it, with a clock that the test moves.

mod seen;

pub use seen::{Asked, Seen, run};

use core::time::Duration;
use std::sync::Arc;

use bytes::BytesMut;
use pop3_proto::apop::Timestamp;
use pop3_proto::server::{Answer, Close, Request, SaslRequest, ServerConfig, ServerConnection, ServerStep};
use pop3_proto::{Channel, Input, Instant, MessageNumber, Rejection};

use pop3_observer::Side;

use crate::START;
use crate::credentials::{Credentials, Proof};
use crate::observed::Watch;
use crate::sasl::Leader;
use crate::split::pieces;
use crate::store::Store;

/// A server with its store, and everything that was sent.
#[derive(Debug)]
pub struct Server {
    /// The store.
    pub store: Store,
    connection: ServerConnection,
    leader: Leader,
    credentials: Vec<Credentials>,
    now: Instant,
    received: Vec<u8>,
    last: bool,
    out: BytesMut,
    sent: Vec<u8>,
    asked: Vec<Asked>,
    closed: Option<Close>,
    pausing: Option<Instant>,
    pauses: Vec<Duration>,
    patient: bool,
    highest: usize,
    most_received: usize,
    writes: usize,
    handshakes: usize,
    watch: Watch,
}

impl Server {
    /// A new connection on a channel that may carry passwords, with the default settings.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with(store, ServerConfig::default(), Channel::TrustedPlaintext, None)
    }

    /// A new connection. The greeting is already sent.
    #[must_use]
    pub fn with(store: Store, config: ServerConfig, channel: Channel, timestamp: Option<&str>) -> Self {
        Self::for_peer(store, config, channel, timestamp, false)
    }

    /// A server whose peer is a trusted proxy.
    #[must_use]
    pub fn behind_proxy(store: Store, config: ServerConfig) -> Self {
        Self::for_peer(store, config, Channel::TrustedPlaintext, None, true)
    }

    /// A new connection whose peer may be a trusted proxy. The greeting is already sent.
    #[must_use]
    pub fn for_peer(
        store: Store,
        config: ServerConfig,
        channel: Channel,
        timestamp: Option<&str>,
        proxy: bool,
    ) -> Self {
        let timestamp = timestamp.map(|text| Timestamp::parse(text.as_bytes()).expect("a timestamp"));
        let mut server = Self::silent(store, config, channel, timestamp);
        server.connection.set_trusted_proxy(proxy);
        server.run();
        server
    }

    fn silent(store: Store, config: ServerConfig, channel: Channel, timestamp: Option<Timestamp>) -> Self {
        Self {
            store,
            watch: Watch::new(Side::Server, channel),
            connection: ServerConnection::new(Arc::new(config), channel, timestamp, START),
            leader: Leader::default(),
            credentials: Vec::new(),
            now: START,
            received: Vec::new(),
            last: false,
            out: BytesMut::new(),
            sent: Vec::new(),
            asked: Vec::new(),
            closed: None,
            pausing: None,
            pauses: Vec::new(),
            patient: true,
            highest: 0,
            most_received: 0,
            writes: 0,
            handshakes: 0,
        }
    }

    /// A server after the greeting and the login.
    #[must_use]
    pub fn logged_in(store: Store) -> Self {
        Self::new(store).log_in()
    }

    /// The same after the greeting was read and the user has logged in.
    #[must_use]
    pub fn log_in(mut self) -> Self {
        self.take();
        assert!(self.say("USER mrose").starts_with("+OK "));
        assert!(self.say("PASS tanstaaf").starts_with("+OK "));
        self
    }

    /// Lets the server break rules, for stores that break their promises.
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.watch.look_away();
        self
    }

    /// Stops at a pause instead of moving the clock to the end of it.
    #[must_use]
    pub fn impatient(mut self) -> Self {
        self.patient = false;
        self
    }

    /// Receives octets in one piece. Returns what is sent until the server needs more.
    pub fn send(&mut self, octets: &[u8]) -> Vec<u8> {
        self.feed(octets, &[]);
        self.take()
    }

    /// Receives a line, and returns the reply, which must be text.
    pub fn say(&mut self, line: &str) -> String {
        let reply = self.send(format!("{line}\r\n").as_bytes());
        String::from_utf8(reply).expect("the reply is text")
    }

    /// Receives octets in pieces. If STLS is accepted, the rest of these octets also arrived before the
    /// handshake and is discarded.
    pub fn feed(&mut self, octets: &[u8], lengths: &[usize]) {
        for piece in pieces(octets, lengths) {
            if self.closed.is_some() {
                return;
            }
            self.received.extend_from_slice(piece);
            self.watch.sent(Side::Client, piece);
            self.most_received = self.most_received.max(self.received.len());
            if self.run() {
                return;
            }
        }
    }

    /// The client closes its side.
    pub fn end(&mut self) {
        self.last = true;
        self.watch.ended(Side::Client);
        self.run();
    }

    /// Moves the clock, then does everything that is due.
    pub fn advance(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.run();
    }

    /// Moves the clock, and reports that octets of the output were taken.
    pub fn advance_writing(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.connection.wrote(self.now);
        self.run();
    }

    /// Everything that was sent since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.sent)
    }

    /// Performs steps until the session needs an external event. Returns whether TLS has begun.
    fn run(&mut self) -> bool {
        let mut encrypted = false;
        loop {
            if self.closed.is_some() {
                return encrypted;
            }
            let mut input = if self.last { Input::last(&self.received) } else { Input::new(&self.received) };
            let step = self.connection.poll(self.now, &mut input, &mut self.out);
            let consumed = input.consumed();
            self.received.drain(..consumed);
            self.highest = self.highest.max(self.out.len());
            match step {
                ServerStep::Read => {
                    self.flush();
                    assert!(!self.last, "nothing is to be read behind the end");
                    return encrypted;
                }
                ServerStep::Flush => {
                    assert!(!self.out.is_empty(), "a flush of nothing never ends");
                    self.flush();
                }
                ServerStep::Ask(request) => self.answer(request),
                ServerStep::Wait => unreachable!("every request is answered at once"),
                ServerStep::Pause(until) => {
                    if self.pausing != Some(until) {
                        self.pauses.push(until.since(self.now));
                        self.pausing = Some(until);
                    }
                    assert!(until > self.now, "a pause lies ahead");
                    if !self.patient {
                        return encrypted;
                    }
                    self.now = until;
                }
                ServerStep::StartTls => {
                    self.flush();
                    assert!(self.received.is_empty(), "the core itself throws away what came in clear");
                    self.handshakes += 1;
                    self.watch.encrypted();
                    encrypted = true;
                    self.connection.tls_established(self.now).expect("a handshake was due");
                }
                ServerStep::Close(why) => {
                    if !matches!(why, Close::TimedOut | Close::PeerClosed) {
                        self.flush();
                    }
                    self.out.clear();
                    self.closed = Some(why);
                    self.watch.ended(Side::Server);
                }
            }
        }
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::Password { name, password, utf8, .. } => {
                self.log_in_by(Credentials::new(name, Proof::Password(password), utf8));
            }
            Request::Apop { name, proof, utf8, .. } => {
                self.log_in_by(Credentials::new(name, Proof::Apop(proof), utf8));
            }
            Request::Sasl(request) => {
                self.asked.push(match &request {
                    SaslRequest::Begin { mechanism, initial, .. } => Asked::Begin(
                        mechanism.as_str().to_owned(),
                        initial.as_ref().map(|initial| initial.expose().clone()),
                    ),
                    SaslRequest::Respond(octets) => Asked::Respond(octets.expose().clone()),
                    SaslRequest::Cancel => Asked::Cancel,
                });
                let utf8 = self.connection.session().is_utf8();
                let answer = self.leader.answer(request, &self.store, utf8, &mut self.credentials);
                self.give(answer);
            }
            Request::Proxied(info) => {
                let known = info.address.is_some();
                self.asked.push(Asked::Proxied(info));
                self.give(if known {
                    Answer::Proxied
                } else {
                    Answer::Abandon(Rejection::plain("for whom do you speak?"))
                });
            }
            Request::Fetch { message, .. } => {
                self.asked.push(Asked::Fetch(message));
                match self.store.fetch(message) {
                    Err(rejection) => self.give(Answer::Unavailable(rejection)),
                    Ok((octets, whole)) => self.stream(&octets, whole),
                }
            }
            Request::Commit(deletions) => {
                let numbers: Vec<_> = deletions.iter().map(MessageNumber::number).collect();
                assert_eq!(numbers.len(), deletions.len());
                self.asked.push(Asked::Commit(numbers));
                let failed = self.store.commit(&deletions);
                self.give(Answer::committed(failed));
            }
            other => panic!("{other:?}: no test knows it"),
        }
    }

    fn log_in_by(&mut self, credentials: Credentials) {
        self.asked.push(Asked::Authenticate(credentials.name.clone()));
        let answer = match self.store.login(&credentials) {
            Ok(accepted) => Answer::Accept(accepted),
            Err(rejection) => Answer::Reject(rejection),
        };
        self.credentials.push(credentials);
        self.give(answer);
    }

    fn stream(&mut self, octets: &[u8], whole: bool) {
        self.give(Answer::Message);
        for chunk in octets.chunks(self.store.chunk.max(1)) {
            let enough = self.connection.body(chunk, &mut self.out).expect("a message is open").is_break();
            self.highest = self.highest.max(self.out.len());
            self.flush();
            if enough {
                self.give(Answer::EndOfMessage);
                return;
            }
        }
        self.give(if whole {
            Answer::EndOfMessage
        } else {
            Answer::Unavailable(Rejection::temporary("the disk is on fire"))
        });
    }

    fn give(&mut self, answer: Answer) {
        self.connection.answer(answer, self.now, &mut self.out).expect("the answer fits the request");
    }

    fn flush(&mut self) {
        if !self.out.is_empty() {
            self.writes += 1;
        }
        self.watch.sent(Side::Server, &self.out);
        self.sent.extend_from_slice(&self.out);
        self.out.clear();
    }
}
