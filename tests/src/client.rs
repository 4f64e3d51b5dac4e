//! The client's role, driven the way an embedder drives it, by a clock that the test moves.

use core::time::Duration;

use bytes::BytesMut;
use pop3_proto::client::{
    Challenge, Config, Connection, Entry, Error, Event, Excerpt, Outgoing, SendError, State,
};
use pop3_proto::{
    Base64, Channel, Command, Extension, Input, Instant, Keyword, MechanismName, Quirk, Reply, ReplyShape,
    Status,
};

use pop3_observer::Side;

use crate::START;
use crate::observed::Watch;
use crate::split::pieces;

/// A client, and what it made of what it received.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    now: Instant,
    received: Vec<u8>,
    last: bool,
    out: BytesMut,
    log: Vec<Seen>,
    /// How long the log was before the handshake was asked for.
    before_start_tls: usize,
    error: Option<Error>,
    encrypts: bool,
    watch: Watch,
}

/// What a client was told, octets copied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the event it is named after")]
#[non_exhaustive]
pub enum Seen {
    Greeting(First),
    Reply(Keyword, First, Option<String>),
    /// The text of a challenge: base64, or `words` or `unreadable` before what it is instead.
    Challenge(String),
    /// An entry as its text: `1 120`, `1 uid`, or the capability's debug form.
    Entry(String),
    Line(Vec<u8>),
    /// All octets of a body that came in a row.
    Data(Vec<u8>),
    End(Keyword),
    /// A quirk of what is told next.
    Warning(Quirk),
    StartTls,
    Closed,
    Failed(Error),
}

/// The first line of a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct First {
    /// The status.
    pub positive: bool,
    /// The response code.
    pub code: Option<String>,
    /// The text behind it.
    pub text: String,
}

impl Client {
    /// A connection just made, on a channel that takes passwords, with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Config::default(), Channel::TrustedPlaintext)
    }

    /// A connection just made.
    #[must_use]
    pub fn with(config: Config, channel: Channel) -> Self {
        Self {
            watch: Watch::new(Side::Client, channel),
            connection: Connection::new(config, channel, START),
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

    /// Leaves the handshake to the test.
    #[must_use]
    pub const fn without_handshake(mut self) -> Self {
        self.encrypts = false;
        self
    }

    /// Sends a line. What the core knows as a command is sent as that; anything else as an extension
    /// with a reply of this shape.
    ///
    /// # Errors
    /// Those of [`Connection::send`].
    pub fn send_shaped(&mut self, line: &[u8], shape: ReplyShape) -> Result<(), SendError> {
        let command = match Command::parse(line) {
            Ok(command) => command,
            Err(_) => Command::Extension(Extension::new(line, shape).expect("a line of the test's")),
        };
        self.write(|connection, now, out| connection.send(command, now, out))?;
        self.watch.expect(shape);
        Ok(())
    }

    /// Has the core write something, and shows it to the observer.
    fn write<T>(&mut self, write: impl FnOnce(&mut Connection, Instant, &mut BytesMut) -> T) -> T {
        let before = self.out.len();
        let result = write(&mut self.connection, self.now, &mut self.out);
        self.watch.sent(Side::Client, &self.out[before..]);
        result
    }

    /// Sends a line as [`send_shaped`](Self::send_shaped) does, with a reply of one line.
    ///
    /// # Errors
    /// Those of [`Connection::send`].
    pub fn send(&mut self, line: &str) -> Result<(), SendError> {
        self.send_shaped(line.as_bytes(), ReplyShape::Line)
    }

    /// Sends AUTH as one that shows no secret.
    ///
    /// # Errors
    /// Those of [`Connection::send`].
    pub fn send_sealed_auth(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Result<(), SendError> {
        let mechanism = MechanismName::parse(mechanism.as_bytes()).expect("a name of the test's");
        let initial = initial.map(|text| Base64::parse(text).expect("base64 of the test's"));
        self.write(|connection, now, out| {
            connection.send(Outgoing::sealed_auth(mechanism, initial), now, out)
        })
    }

    /// Answers a challenge with base64.
    ///
    /// # Errors
    /// Those of [`Connection::respond`].
    pub fn respond(&mut self, text: &[u8]) -> Result<(), SendError> {
        let text = Base64::parse(text).expect("base64 of the test's");
        self.write(|connection, now, out| connection.respond(text, now, out))
    }

    /// Cancels the exchange.
    ///
    /// # Errors
    /// Those of [`Connection::cancel`].
    pub fn cancel(&mut self) -> Result<(), SendError> {
        self.write(Connection::cancel)
    }

    /// The octets to be written, which are gone then.
    pub fn take(&mut self) -> Vec<u8> {
        self.out.split().to_vec()
    }

    /// Receives octets in pieces. All of them came before the handshake if STLS is accepted in them.
    pub fn feed(&mut self, octets: &[u8], lengths: &[usize]) {
        for piece in pieces(octets, lengths) {
            self.received.extend_from_slice(piece);
            self.watch.sent(Side::Server, piece);
            self.run();
        }
        if self.encrypts && self.connection.state() == State::Handshake {
            self.watch.encrypted();
            self.connection.tls_established(self.now).expect("a handshake was due");
        }
    }

    /// Receives octets in one piece, and says what they were.
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

    /// Moves the clock, then does what is due.
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
                Ok(Event::Read) => None,
                Ok(event) => {
                    if matches!(event, Event::StartTls { .. }) && self.log.last() != Some(&Seen::StartTls) {
                        self.before_start_tls = self.log.len();
                    }
                    self.log.extend(event.quirks().iter().map(Seen::Warning));
                    Some(Seen::new(event))
                }
                Err(error) => {
                    // The handshake may have been asked for before the injected octets came.
                    if error == Error::Injected && self.log.last() == Some(&Seen::StartTls) {
                        self.log.truncate(self.before_start_tls);
                    }
                    // How much of a line is there depends on how it was cut.
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

    /// All that the client was told so far.
    #[must_use]
    pub fn log(&self) -> &[Seen] {
        &self.log
    }

    /// The error that ended the connection, without the line that was the fault.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        self.error.clone()
    }

    /// The octets received and not consumed.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The core.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
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
    fn new(event: Event<'_>) -> Self {
        match event {
            Event::Read => unreachable!("that is not logged"),
            Event::Greeting { reply, .. } => Self::Greeting(First::new(&reply)),
            Event::Reply { keyword, reply, entry, .. } => {
                Self::Reply(keyword, First::new(&reply), entry.map(|entry| text(&entry)))
            }
            Event::Challenge { challenge: Challenge::Octets(text), .. } => {
                Self::Challenge(text.expose().escape_ascii().to_string())
            }
            Event::Challenge { challenge: Challenge::Words(text), .. } => {
                Self::Challenge(format!("words {}", text.escape_ascii()))
            }
            Event::Challenge { .. } => Self::Challenge("unreadable".to_owned()),
            Event::Entry { entry, .. } => Self::Entry(text(&entry)),
            Event::Line(line) => Self::Line(line.to_vec()),
            Event::Data(data) => Self::Data(data.to_vec()),
            Event::End { keyword, .. } => Self::End(keyword),
            Event::StartTls { .. } => Self::StartTls,
            Event::Closed => Self::Closed,
            other => unreachable!("{other:?}: no test knows it"),
        }
    }

    /// Whether a reply is complete with this.
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

fn text(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Drop(listing) => format!("{} {}", listing.messages, listing.octets),
        Entry::Last(number) => number.map_or_else(|| "0".to_owned(), |number| number.to_string()),
        Entry::Scan(listing) => format!("{} {}", listing.message, listing.octets),
        Entry::UniqueId(listing) => format!("{} {}", listing.message, listing.uid.escape_ascii()),
        Entry::Language(listing) => format!("{} {}", listing.tag, listing.description.escape_ascii()),
        Entry::Mechanism(name) => name.escape_ascii().to_string(),
        Entry::Capability(_) | _ => format!("{entry:?}"),
    }
}

/// The same fault, wherever it was.
fn without_excerpt(mut error: Error) -> Error {
    if let Error::OutOfStep(line)
    | Error::LineTooLong(line)
    | Error::Entry(line)
    | Error::WrongNumber(line)
    | Error::Unsolicited(line)
    | Error::Dismissed(line) = &mut error
    {
        *line = Excerpt::default();
    }
    error
}
