//! One thread, one mio loop, many POP3 sessions: the core without driver and adapter.
//!
//! This is everything that an event loop has to do: read when the core wants to read, write first,
//! poll at deadlines, and answer the requests to the store. The store is one maildrop in memory for all
//! users, and QUIT removes nothing.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use std::time::Instant as StdInstant;

use bytes::{Buf as _, BytesMut};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use pop3_proto::server::{Answer, Close, Request, ServerConfig, ServerConnection, ServerStep};
use pop3_proto::{Channel, Input, Instant, MessageNumber, Rejection, Snapshot, UniqueId, dots};

/// The store: messages, and a password for all users.
#[derive(Debug)]
pub struct Store {
    messages: Vec<Vec<u8>>,
    password: Vec<u8>,
}

impl Store {
    /// Creates a store of these messages, in stored form, for everyone who has the password.
    #[must_use]
    pub fn new(messages: Vec<Vec<u8>>, password: &str) -> Self {
        Self { messages, password: password.as_bytes().to_vec() }
    }
}

/// Serves forever.
///
/// # Errors
/// If the poll of the system fails.
pub fn serve(mut listener: TcpListener, store: &Store) -> io::Result<()> {
    const LISTENER: Token = Token(0);
    let epoch = StdInstant::now();
    let config = Arc::new(ServerConfig::default());
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(256);
    let mut sessions: HashMap<Token, Session> = HashMap::new();
    let mut next = 1;
    loop {
        let now = Instant::new(epoch.elapsed());
        let wake = sessions.values().map(|session| session.wake().since(now)).min();
        poll.poll(&mut events, wake)?;
        let now = Instant::new(epoch.elapsed());
        for event in &events {
            if event.token() == LISTENER {
                loop {
                    let mut stream = match listener.accept() {
                        Ok((stream, _)) => stream,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        // The client may have left already. Or no descriptor is free, and the next connection
                        // causes another attempt.
                        Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                        Err(_) => break,
                    };
                    let token = Token(next);
                    next += 1;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let ready = stream
                        .set_nodelay(true)
                        .and_then(|()| poll.registry().register(&mut stream, token, interest));
                    if ready.is_ok() {
                        sessions.insert(token, Session::new(stream, &config, now));
                    }
                }
            }
        }
        // mio reports edges, so each session continues until its socket would block. A loop for
        // thousands of sessions would visit only those with an event or an expired deadline.
        sessions.retain(|_, session| session.advance(store, now).unwrap_or(false));
    }
}

/// A session with its socket and its buffers.
#[derive(Debug)]
struct Session {
    stream: TcpStream,
    connection: ServerConnection,
    received: Vec<u8>,
    ended: bool,
    out: BytesMut,
    /// The message that is being sent, and how much of it is encoded.
    message: Option<(MessageNumber, usize)>,
    /// A reply to a refused login is delayed until then.
    pause: Option<Instant>,
}

impl Session {
    fn new(stream: TcpStream, config: &Arc<ServerConfig>, now: Instant) -> Self {
        // Passwords in plain text: this example listens only on the loopback interface.
        let connection = ServerConnection::new(Arc::clone(config), Channel::TrustedPlaintext, None, now);
        Self {
            stream,
            connection,
            received: Vec::new(),
            ended: false,
            out: BytesMut::new(),
            message: None,
            pause: None,
        }
    }

    /// When the session must be polled at the latest.
    fn wake(&self) -> Instant {
        self.pause.unwrap_or_else(|| self.connection.deadline())
    }

    /// Continues as far as the socket permits. Returns `false` when the session is over.
    fn advance(&mut self, store: &Store, now: Instant) -> io::Result<bool> {
        loop {
            // Output is sent before anything new begins. A client that does not read is not
            // served, so the output stays bounded.
            if !self.flush(now)? {
                return Ok(now < self.connection.deadline());
            }
            if let Some((number, from)) = self.message {
                self.encode(store, number, from, now);
                continue;
            }
            if self.pause.is_some_and(|until| now < until) {
                return Ok(true);
            }
            self.pause = None;
            let mut input = if self.ended { Input::last(&self.received) } else { Input::new(&self.received) };
            let step = self.connection.poll(now, &mut input, &mut self.out);
            let consumed = input.consumed();
            self.received.drain(..consumed);
            match step {
                ServerStep::Read => {
                    if self.flush(now)? && !self.receive()? {
                        return Ok(true);
                    }
                }
                ServerStep::Flush => {}
                ServerStep::Ask(request) => self.ask(request, store, now),
                ServerStep::Pause(until) => self.pause = Some(until),
                ServerStep::Close(Close::TimedOut | Close::PeerClosed) => return Ok(false),
                ServerStep::Close(_) => return Ok(!self.flush(now)?),
                // Requests are answered at once, and STLS is not offered.
                ServerStep::Wait | ServerStep::StartTls => return Ok(false),
            }
        }
    }

    /// Answers in place of the store.
    fn ask(&mut self, request: Request, store: &Store, now: Instant) {
        let answer = match request {
            Request::Password { password, .. } if password.same_octets(&store.password) => {
                Answer::Accept(snapshot(store).into())
            }
            Request::Password { .. } => Answer::Reject(Rejection::credentials()),
            Request::Fetch { message, .. } => {
                self.message = Some((message, 0));
                Answer::Message
            }
            Request::Commit(deletions) => Answer::committed(deletions.len()),
            // The greeting has no timestamp, no mechanism is offered, and no proxy is trusted.
            other @ (Request::Apop { .. } | Request::Sasl(_) | Request::Proxied(_) | _) => other.decline(),
        };
        // The request is open, so answering it is allowed.
        let _ = self.connection.answer(answer, now, &mut self.out);
    }

    /// Encodes a piece of the message.
    fn encode(&mut self, store: &Store, number: MessageNumber, from: usize, now: Instant) {
        const PIECE: usize = 16 * 1024;
        let message = store.messages.get(number.index()).map_or(&[][..], Vec::as_slice);
        let rest = message.get(from..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest);
        let more = self.connection.body(piece, &mut self.out).is_ok_and(|wanted| wanted.is_continue());
        if !more || piece.len() == rest.len() {
            self.message = None;
            let _ = self.connection.answer(Answer::EndOfMessage, now, &mut self.out);
        } else {
            self.message = Some((number, from + piece.len()));
        }
    }

    /// Sends the output. Returns `true` when all of it is sent.
    fn flush(&mut self, now: Instant) -> io::Result<bool> {
        while !self.out.is_empty() {
            match self.stream.write(&self.out) {
                Ok(sent) => {
                    self.out.advance(sent);
                    self.connection.wrote(now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Receives octets. Returns `false` if there are none at the moment.
    fn receive(&mut self) -> io::Result<bool> {
        let mut octets = [0; 2048];
        match self.stream.read(&mut octets) {
            Ok(0) => {
                self.ended = true;
                Ok(true)
            }
            Ok(count) => {
                self.received.extend_from_slice(&octets[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// The snapshot for a login.
fn snapshot(store: &Store) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for (index, message) in store.messages.iter().enumerate() {
        let uid = format!("message-{index}");
        if let Ok(uid) = UniqueId::parse(uid.as_bytes()) {
            snapshot.push(dots::wire_size(message), uid);
        }
    }
    snapshot
}

/// Listens on a free port of this machine.
///
/// # Errors
/// If the system provides none.
pub fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((core::net::Ipv4Addr::LOCALHOST, 0).into())
}
