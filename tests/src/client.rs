//! The client's role, driven as an embedder drives it, with a clock that the test moves.

use core::time::Duration;

use bytes::BytesMut;
use pop3_proto::client::{
    Challenge, ClientConfig, ClientConnection, ClientEvent, ClientState, Excerpt, ProtocolError, ReplyItem,
    SendError,
};
use pop3_proto::{
    Base64, Channel, Command, Extension, Input, Instant, Keyword, MechanismName, Quirk, Reply, ReplyShape,
    Status,
};

use pop3_observer::Side;

use crate::START;
use crate::observed::Watch;
use crate::split::pieces;

/// A client and everything that it has reported.
#[derive(Debug)]
pub struct Client {
    connection: ClientConnection,
    now: Instant,
    received: Vec<u8>,
    last: bool,
    out: BytesMut,
    log: Vec<Seen>,
    /// The length of the log before the handshake was requested.
    before_start_tls: usize,
    error: Option<ProtocolError>,
    encrypts: bool,
    watch: Watch,
}

/// What the client reported, with copies of the octets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the event it is named after")]
#[non_exhaustive]
pub enum Seen {
    Greeting(First),
    Reply(Keyword, First, Option<String>),
    /// The text of a challenge: base64, or `words` or `unreadable` followed by what came instead.
    Challenge(String),
    /// An entry as text: `1 120`, `1 uid`, or the debug form of a capability.
    Entry(String),
    Line(Vec<u8>),
    /// Consecutive octets of a body.
    Data(Vec<u8>),
    End(Keyword),
    /// A quirk of the next event.
    Warning(Quirk),
    StartTls,
    Closed,
    Failed(ProtocolError),
}

/// The first line of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct First {
    /// The status.
    pub positive: bool,
    /// The response code.
    pub code: Option<String>,
    /// The text after it.
    pub text: String,
}

impl Client {
    /// A new connection on a channel that may carry passwords, with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with(ClientConfig::default(), Channel::TrustedPlaintext)
    }

    /// A new connection.
    #[must_use]
    pub fn with(config: ClientConfig, channel: Channel) -> Self {
        Self {
            watch: Watch::new(Side::Client, channel),
            connection: ClientConnection::new(config, channel, START),
            now: START,
            received: Vec::new(),
            last: false,
            out: BytesMut::new(),
            log: Vec::new(),
            before_start_tls: 0,
            error: None,
            encrypts: true,
        }
    }

    /// Leaves the TLS handshake to the test.
    #[must_use]
    pub const fn without_handshake(mut self) -> Self {
        self.encrypts = false;
        self
    }

    /// Sends a line. If the core knows the command, it is sent as that command, otherwise as an extension
    /// whose reply has this shape.
    ///
    /// # Errors
    /// Those of [`ClientConnection::send`].
    pub fn send_shaped(&mut self, line: &[u8], shape: ReplyShape) -> Result<(), SendError> {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(_) => Command::Extension(Extension::new(line, shape).expect("a line of the test's")),
        };
        self.write(|connection, now, out| connection.send(&command, now, out))?;
        self.watch.expect(shape);
        Ok(())
    }

    /// Lets the core write something, and shows it to the observer.
    fn write<T>(&mut self, write: impl FnOnce(&mut ClientConnection, Instant, &mut BytesMut) -> T) -> T {
        let before = self.out.len();
        let result = write(&mut self.connection, self.now, &mut self.out);
        self.watch.sent(Side::Client, &self.out[before..]);
        result
    }

    /// Sends a line like [`send_shaped`](Self::send_shaped), with a reply of one line.
    ///
    /// # Errors
    /// Those of [`ClientConnection::send`].
    pub fn send(&mut self, line: &str) -> Result<(), SendError> {
        self.send_shaped(line.as_bytes(), ReplyShape::Line)
    }

    /// Sends an AUTH that reveals no secret.
    ///
    /// # Errors
    /// Those of [`ClientConnection::send`].
    pub fn send_sealed_auth(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Result<(), SendError> {
        let mechanism = MechanismName::parse(mechanism.as_bytes()).expect("a name of the test's");
        let initial = initial.map(|text| Base64::parse(text).expect("base64 of the test's"));
        self.write(|connection, now, out| connection.send_sealed_auth(mechanism, initial, now, out))
    }

    /// Answers a challenge with base64.
    ///
    /// # Errors
    /// Those of [`ClientConnection::respond`].
    pub fn respond(&mut self, text: &[u8]) -> Result<(), SendError> {
        let text = Base64::parse(text).expect("base64 of the test's");
        self.write(|connection, now, out| connection.respond(text, now, out))
    }

    /// Cancels the exchange.
    ///
    /// # Errors
    /// Those of [`ClientConnection::cancel`].
    pub fn cancel(&mut self) -> Result<(), SendError> {
        self.write(ClientConnection::cancel)
    }

    /// Takes the octets to be written.
    pub fn take(&mut self) -> Vec<u8> {
        self.out.split().to_vec()
    }

    /// Receives octets in pieces. If STLS is accepted in them, all of them came before the handshake.
    pub fn feed(&mut self, octets: &[u8], lengths: &[usize]) {
        for piece in pieces(octets, lengths) {
            self.received.extend_from_slice(piece);
            self.watch.sent(Side::Server, piece);
            self.run();
        }
        if self.encrypts && self.connection.state() == ClientState::Handshake {
            self.watch.encrypted();
            self.connection.tls_established(self.now).expect("a handshake was due");
        }
    }

    /// Receives octets in one piece, and returns what the client reported.
    pub fn receive(&mut self, octets: &[u8]) -> Vec<Seen> {
        let before = self.log.len();
        self.feed(octets, &[]);
        self.log[before..].to_vec()
    }

    /// The server closes its side.
    pub fn end(&mut self) {
        self.last = true;
        self.watch.ended(Side::Server);
        self.run();
    }

    /// Moves the clock, then does everything that is due.
    pub fn advance(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.run();
    }

    fn run(&mut self) {
        loop {
            if self.error.is_some() || matches!(self.log.last(), Some(Seen::Closed)) {
                return;
            }
            let mut input = if self.last { Input::last(&self.received) } else { Input::new(&self.received) };
            let seen = match self.connection.poll(self.now, &mut input) {
                Ok(ClientEvent::Read) => None,
                Ok(event) => {
                    if matches!(event, ClientEvent::StartTls { .. })
                        && self.log.last() != Some(&Seen::StartTls)
                    {
                        self.before_start_tls = self.log.len();
                    }
                    let is_body = matches!(
                        event,
                        ClientEvent::Entry { .. } | ClientEvent::Line(_) | ClientEvent::Data(_)
                    );
                    assert!(!is_body || !event.ends_reply(), "{event:?}");
                    let is_reply = matches!(event, ClientEvent::Greeting { .. } | ClientEvent::Reply { .. });
                    assert_eq!(event.reply().is_some(), is_reply, "{event:?}");
                    assert!(event.entry().is_none() || is_reply || is_body, "{event:?}");
                    self.log.extend(event.quirks().iter().map(Seen::Warning));
                    Some(Seen::new(event))
                }
                Err(error) => {
                    // The handshake may have been requested before the injected octets arrived.
                    if error == ProtocolError::Injected && self.log.last() == Some(&Seen::StartTls) {
                        self.log.truncate(self.before_start_tls);
                    }
                    // How much of a line is available depends on how it was split.
                    let error = without_excerpt(error);
                    self.error = Some(error.clone());
                    Some(Seen::Failed(error))
                }
            };
            let consumed = input.consumed();
            self.received.drain(..consumed);
            match (seen, self.log.last_mut()) {
                (None, _) => return,
                (Some(Seen::Data(more)), Some(Seen::Data(data))) => data.extend_from_slice(&more),
                (Some(Seen::StartTls), last) => {
                    if last != Some(&mut Seen::StartTls) {
                        self.log.push(Seen::StartTls);
                    }
                    return;
                }
                (Some(seen), _) => self.log.push(seen),
            }
        }
    }

    /// Everything that the client has reported so far.
    #[must_use]
    pub fn log(&self) -> &[Seen] {
        &self.log
    }

    /// The error that ended the connection, without the line that caused it.
    #[must_use]
    pub fn error(&self) -> Option<ProtocolError> {
        self.error.clone()
    }

    /// The octets that were received but not consumed.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The core.
    #[must_use]
    pub const fn connection(&self) -> &ClientConnection {
        &self.connection
    }

    /// The clock.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Seen {
    fn new(event: ClientEvent<'_>) -> Self {
        match event {
            ClientEvent::Read => unreachable!("that is not logged"),
            ClientEvent::Greeting { reply, .. } => Self::Greeting(First::new(&reply)),
            ClientEvent::Reply { keyword, reply, entry, .. } => {
                Self::Reply(keyword, First::new(&reply), entry.map(|entry| text(&entry)))
            }
            ClientEvent::Challenge { challenge: Challenge::Octets(text), .. } => {
                Self::Challenge(text.expose().escape_ascii().to_string())
            }
            ClientEvent::Challenge { challenge: Challenge::Words(text), .. } => {
                Self::Challenge(format!("words {}", text.escape_ascii()))
            }
            ClientEvent::Challenge { .. } => Self::Challenge("unreadable".to_owned()),
            ClientEvent::Entry { entry, .. } => Self::Entry(text(&entry)),
            ClientEvent::Line(line) => Self::Line(line.to_vec()),
            ClientEvent::Data(data) => Self::Data(data.to_vec()),
            ClientEvent::End { keyword, .. } => Self::End(keyword),
            ClientEvent::StartTls { .. } => Self::StartTls,
            ClientEvent::Closed => Self::Closed,
            other => unreachable!("{other:?}: no test knows it"),
        }
    }

    /// Whether this completes a reply.
    #[must_use]
    pub const fn is_positive_reply(&self) -> bool {
        matches!(self, Self::Reply(_, First { positive: true, .. }, _))
    }
}

impl First {
    fn new(reply: &Reply<'_>) -> Self {
        Self {
            positive: reply.status == Status::Positive,
            code: reply.code.map(|code| code.to_string()),
            text: reply.message.escape_ascii().to_string(),
        }
    }
}

fn text(entry: &ReplyItem<'_>) -> String {
    match entry {
        ReplyItem::Drop(listing) => format!("{} {}", listing.messages, listing.octets),
        ReplyItem::Last(number) => number.map_or_else(|| "0".to_owned(), |number| number.to_string()),
        ReplyItem::Scan(listing) => format!("{} {}", listing.message, listing.octets),
        ReplyItem::UniqueId(listing) => format!("{} {}", listing.message, listing.uid.escape_ascii()),
        ReplyItem::Language(listing) => format!("{} {}", listing.tag, listing.description.escape_ascii()),
        ReplyItem::Mechanism(name) => name.escape_ascii().to_string(),
        ReplyItem::Capability(_) | _ => format!("{entry:?}"),
    }
}

/// The same error, regardless of its position.
fn without_excerpt(mut error: ProtocolError) -> ProtocolError {
    if let ProtocolError::OutOfStep(line)
    | ProtocolError::LineTooLong(line)
    | ProtocolError::Entry(line)
    | ProtocolError::WrongNumber(line)
    | ProtocolError::Unsolicited(line)
    | ProtocolError::Dismissed(line) = &mut error
    {
        *line = Excerpt::default();
    }
    error
}
