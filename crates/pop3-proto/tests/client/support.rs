//! A scripted server, and a client that plays the script in pieces of any size.

use core::time::Duration;

use bytes::BytesMut;
use pop3_proto::apop::Digest;
use pop3_proto::client::{Challenge, ClientConfig, ClientConnection, ClientEvent, ProtocolError};
use pop3_proto::{
    Capabilities, Channel, Command, Extension, Input, Instant, MessageNumber, Name, Password, ReplyShape,
};

/// Settings that differ from the defaults, in the middle of an expression.
pub(crate) fn configured(change: impl FnOnce(&mut ClientConfig)) -> ClientConfig {
    let mut config = ClientConfig::default();
    change(&mut config);
    config
}

/// How the server's octets are split.
#[derive(Clone, Debug)]
pub(crate) enum Cut {
    Whole,
    At(usize),
    Each(usize),
    Sizes(Vec<usize>),
}

/// What the server sends in reply to commands.
pub(crate) struct Turn<'a> {
    pub(crate) commands: Vec<Command<'a>>,
    pub(crate) replies: &'a [u8],
}

pub(crate) fn turn<'a>(commands: &[Command<'a>], replies: &'a [u8]) -> Turn<'a> {
    Turn { commands: commands.to_vec(), replies }
}

/// A client with its buffers and a log of its events.
pub(crate) struct Player {
    pub(crate) client: ClientConnection,
    pub(crate) sent: BytesMut,
    pub(crate) log: Vec<String>,
    pub(crate) now: Instant,
    /// How many seconds the caller spends after each event.
    pub(crate) busy: u64,
    input: Vec<u8>,
    data: Option<Vec<u8>>,
}

impl Player {
    pub(crate) fn new(config: ClientConfig, channel: Channel) -> Self {
        let client = ClientConnection::new(config, channel, Instant::EPOCH);
        Self {
            client,
            sent: BytesMut::new(),
            log: Vec::new(),
            now: Instant::EPOCH,
            busy: 0,
            input: Vec::new(),
            data: None,
        }
    }

    /// A client under TLS, after the greeting.
    pub(crate) fn greeted(config: ClientConfig) -> Self {
        let mut player = Self::new(config, Channel::Tls);
        player.feed(b"+OK ready\r\n");
        player.log.clear();
        player
    }

    /// A client after the login, with PIPELINING announced.
    pub(crate) fn ready(config: ClientConfig) -> Self {
        let mut player = Self::greeted(config);
        player.exchange(&Command::Capa, b"+OK\r\nPIPELINING\r\nUIDL\r\n.\r\n");
        player.exchange(&user(), b"+OK\r\n");
        player.exchange(&pass(), b"+OK\r\n");
        player.log.clear();
        player.sent.clear();
        player
    }

    pub(crate) fn exchange(&mut self, command: &Command<'_>, reply: &[u8]) {
        self.client.send(command, self.now, &mut self.sent).unwrap();
        self.feed(reply);
    }

    pub(crate) fn feed(&mut self, octets: &[u8]) {
        self.receive(octets, false);
    }

    pub(crate) fn feed_last(&mut self, octets: &[u8]) {
        self.receive(octets, true);
    }

    /// Passes octets and polls until the client needs something. Checks that it always makes progress.
    fn receive(&mut self, octets: &[u8], last: bool) {
        self.input.extend_from_slice(octets);
        let mut idle_events = 0;
        loop {
            let buffer = core::mem::take(&mut self.input);
            let mut input = if last { Input::last(&buffer) } else { Input::new(&buffer) };
            let owed = self.client.outstanding();
            let result = self.client.poll(self.now, &mut input);
            if let Ok(event) = &result {
                self.check_end(event, owed);
            }
            let consumed = input.consumed();
            assert!(consumed + input.rest().len() == buffer.len());
            idle_events = if consumed == 0 { idle_events + 1 } else { 0 };
            assert!(idle_events <= 5, "no progress: {result:?}");
            let goes_on = self.note(&result);
            self.input = buffer[consumed..].to_vec();
            if !goes_on {
                return;
            }
            self.after(self.busy);
        }
    }

    /// An event ends a reply exactly when one reply less is outstanding. Greetings and challenges answer no command.
    fn check_end(&self, event: &ClientEvent<'_>, owed: usize) {
        let answered = owed - self.client.outstanding();
        match event {
            ClientEvent::Reply { .. } | ClientEvent::End { .. } => {
                assert_eq!(answered, usize::from(event.ends_reply()), "{event:?}");
            }
            // The event is repeated.
            ClientEvent::StartTls { .. } => assert!(answered <= 1 && event.ends_reply()),
            ClientEvent::Greeting { .. } | ClientEvent::Challenge { .. } | ClientEvent::Closed => {
                assert!(answered == 0 && event.ends_reply(), "{event:?}");
            }
            ClientEvent::Read
            | ClientEvent::Entry { .. }
            | ClientEvent::Line(_)
            | ClientEvent::Data(_)
            | _ => {
                assert!(answered == 0 && !event.ends_reply(), "{event:?}");
            }
        }
    }

    fn note(&mut self, result: &Result<ClientEvent<'_>, ProtocolError>) -> bool {
        if let Ok(ClientEvent::Data(data)) = result {
            assert!(!data.is_empty());
            self.data.get_or_insert_default().extend_from_slice(data);
            return true;
        }
        if matches!(result, Ok(ClientEvent::Read)) {
            return false;
        }
        self.flush();
        if let Ok(event) = result {
            self.log.extend(event.quirks().iter().map(|quirk| format!("warning {quirk:?}")));
        }
        let (line, goes_on) = match result {
            Ok(ClientEvent::Read | ClientEvent::Data(_)) => return true,
            Ok(ClientEvent::Greeting { reply, .. }) => {
                (format!("greeting {:?} {}", reply.status, reply.text.escape_ascii()), true)
            }
            Ok(ClientEvent::Reply { keyword, reply, entry, follows, .. }) => {
                let text = reply.text.escape_ascii();
                let entry = entry.map(|entry| format!(" {entry:?}")).unwrap_or_default();
                let follows = if *follows == ReplyShape::Line { "" } else { " …" };
                (format!("{keyword:?} {:?} {text}{entry}{follows}", reply.status), true)
            }
            Ok(ClientEvent::Challenge { challenge: Challenge::Octets(text), .. }) => {
                (format!("challenge {}", text.expose().escape_ascii()), true)
            }
            Ok(ClientEvent::Challenge { challenge, .. }) => (format!("challenge {challenge:?}"), true),
            Ok(ClientEvent::Entry { entry, .. }) => (format!("{entry:?}"), true),
            Ok(ClientEvent::Line(line)) => (format!("line {}", line.escape_ascii()), true),
            Ok(ClientEvent::End { keyword, .. }) => (format!("end {keyword:?}"), true),
            Ok(ClientEvent::StartTls { .. }) => ("start tls".to_owned(), false),
            Ok(ClientEvent::Closed) => ("closed".to_owned(), false),
            Ok(other) => panic!("{other:?}: no test knows it"),
            // The excerpt depends on how the octets were split, and has its own tests.
            Err(error) => {
                let text = format!("error {error:?}");
                (text.split("(Excerpt").next().unwrap_or(&text).to_owned(), false)
            }
        };
        if goes_on || self.log.last() != Some(&line) {
            self.log.push(line);
        }
        goes_on
    }

    /// Records the octets of a body as one entry, however they were split.
    pub(crate) fn flush(&mut self) {
        if let Some(data) = self.data.take() {
            self.log.push(format!("data {}", data.escape_ascii()));
        }
    }

    /// The log since the last call.
    pub(crate) fn told(&mut self) -> Vec<String> {
        self.flush();
        core::mem::take(&mut self.log)
    }

    pub(crate) fn after(&mut self, seconds: u64) {
        self.now = self.now.after(Duration::from_secs(seconds));
    }

    pub(crate) fn try_send(&mut self, command: &Command<'_>) -> Result<(), pop3_proto::client::SendError> {
        let before = (self.sent.len(), self.client.outstanding(), self.client.state());
        let result = self.client.send(command, self.now, &mut self.sent);
        if result.is_err() {
            assert_eq!(before, (self.sent.len(), self.client.outstanding(), self.client.state()));
        }
        result
    }
}

/// Plays the turns. The connection ends after the last one. A command that cannot be sent is recorded.
pub(crate) fn play(config: &ClientConfig, turns: &[Turn<'_>], cut: &Cut) -> Vec<String> {
    let mut player = Player::new(config.clone(), Channel::Tls);
    let mut offset = 0;
    for (index, turn) in turns.iter().enumerate() {
        for command in &turn.commands {
            if let Err(error) = player.try_send(command) {
                player.log.push(format!("not sent {error:?}"));
            }
        }
        let end = index + 1 == turns.len();
        let mut rest = turn.replies;
        loop {
            let size = match cut {
                Cut::Whole => rest.len(),
                Cut::At(at) => at.checked_sub(offset).filter(|&size| size > 0).unwrap_or(rest.len()),
                Cut::Each(size) => *size,
                Cut::Sizes(sizes) => sizes.get(offset % sizes.len().max(1)).copied().unwrap_or(1).max(1),
            };
            let (piece, behind) = rest.split_at(size.min(rest.len()));
            offset += piece.len();
            rest = behind;
            if rest.is_empty() && end {
                player.feed_last(piece);
            } else {
                player.feed(piece);
            }
            if rest.is_empty() {
                break;
            }
        }
    }
    player.told()
}

/// What the client reports, which is the same at every split.
pub(crate) fn play_split(config: &ClientConfig, turns: &[Turn<'_>]) -> Vec<String> {
    let whole = play(config, turns, &Cut::Whole);
    let octets: usize = turns.iter().map(|turn| turn.replies.len()).sum();
    for at in 0..=octets {
        assert_eq!(play(config, turns, &Cut::At(at)), whole, "cut at {at}");
    }
    for size in [1, 2, 3, 5, 7] {
        assert_eq!(play(config, turns, &Cut::Each(size)), whole, "pieces of {size}");
    }
    whole
}

pub(crate) fn strict() -> ClientConfig {
    configured(|it| it.strict = true)
}

pub(crate) fn user() -> Command<'static> {
    Command::User(Name::parse(b"mrose").unwrap())
}

pub(crate) fn pass() -> Command<'static> {
    Command::Pass(Password::parse(b"tanstaaf").unwrap())
}

pub(crate) fn apop() -> Command<'static> {
    let digest = Digest::parse(b"c4c9334bac560ecc979e58001b3e22fb").unwrap();
    Command::Apop { name: Name::parse(b"mrose").unwrap(), digest }
}

pub(crate) fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

pub(crate) fn retr(message: u32) -> Command<'static> {
    Command::Retr(number(message))
}

pub(crate) fn extension(line: &[u8], shape: ReplyShape) -> Command<'_> {
    Command::Extension(Extension::new(line, shape).unwrap())
}

pub(crate) fn lines(capabilities: &Capabilities) -> Vec<&[u8]> {
    capabilities.lines().collect()
}
