//! What holds for any session of valid commands.

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::BytesMut;
use pop3_proto::apop::Timestamp;
use pop3_proto::server::{Close, Language, ServerConfig};
use pop3_proto::{Base64, Channel, Command, MessageNumber, Reply, ReplyShape};

use crate::sasl;
use crate::server::{Server, run};
use crate::split::{WHOLE, chosen};
use crate::store::Store;

/// What a client sends next.
#[derive(Debug)]
enum Step<'a> {
    /// Any command.
    Any(Command<'a>),
    /// The response to a challenge, or `None` for the line that cancels the exchange.
    Respond(Option<Base64<'a>>),
    /// USER and PASS that are right.
    LogIn,
    /// AUTH that is right.
    Authenticate,
}

impl<'a> Arbitrary<'a> for Step<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=9_u8)? {
            0 => Self::LogIn,
            1 => Self::Authenticate,
            2 => Self::Respond(u.arbitrary()?),
            _ => Self::Any(u.arbitrary()?),
        })
    }
}

impl Step<'_> {
    /// The lines, CRLF included.
    fn lines(&self) -> Vec<Vec<u8>> {
        let mut line = BytesMut::new();
        match self {
            Self::Any(command) => few(*command).write(&mut line),
            Self::Respond(response) => {
                line.extend_from_slice(response.map_or(b"*", Base64::expose));
                line.extend_from_slice(b"\r\n");
            }
            Self::LogIn => return vec![b"USER mrose\r\n".to_vec(), b"PASS tanstaaf\r\n".to_vec()],
            Self::Authenticate => return vec![b"AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n".to_vec()],
        }
        vec![line.to_vec()]
    }
}

/// The command with a number that a message may have.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other command has a number")]
fn few(command: Command<'_>) -> Command<'_> {
    let small = |message: MessageNumber| MessageNumber::new(message.number() % 4 + 1).expect("at least 1");
    match command {
        Command::Retr(message) => Command::Retr(small(message)),
        Command::Dele(message) => Command::Dele(small(message)),
        Command::List(message) => Command::List(message.map(small)),
        Command::Uidl(message) => Command::Uidl(message.map(small)),
        Command::Top { message, lines } => Command::Top { message: small(message), lines },
        other => other,
    }
}

/// The settings of a server, and what its client says.
#[derive(Debug)]
struct Session<'a> {
    config: ServerConfig,
    channel: Channel,
    timestamp: Option<Timestamp>,
    split: u8,
    lines: Vec<Vec<u8>>,
    steps: Vec<Step<'a>>,
}

impl<'a> Arbitrary<'a> for Session<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut config = ServerConfig::default();
        config.starttls = u.arbitrary()?;
        config.last = u.arbitrary()?;
        config.delete_retrieved = u.arbitrary()?;
        config.expire = u.arbitrary()?;
        config.login_delay = u.arbitrary()?;
        config.utf8 = u.arbitrary()?;
        config.utf8_user = u.arbitrary()?;
        if u.arbitrary()? {
            config.languages = vec![Language::german(), Language::english()];
        }
        if u.arbitrary()? {
            config.mechanisms = sasl::offer(&["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", sasl::ENDLESS]);
        }
        let (channel, timestamp, split) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
        // All octets become commands; half of the sessions begin with a login that is right.
        let mut steps = if u.arbitrary()? { vec![Step::LogIn] } else { Vec::new() };
        while !u.is_empty() && steps.len() < 60 {
            steps.push(u.arbitrary()?);
        }
        let lines = steps.iter().flat_map(Step::lines).collect();
        Ok(Self { config, channel, timestamp, split, lines, steps })
    }
}

impl Session<'_> {
    fn server(&self) -> Server {
        let messages = [("one", &b"Subject: 1\n\n.\n"[..]), ("two", b"\n\n..\n.\r\n"), ("three", b"x")];
        let timestamp = self.timestamp.as_ref().map(Timestamp::as_str);
        Server::with(Store::with(messages), self.config.clone(), self.channel, timestamp)
    }
}

/// Octets make a session: settings, and valid commands with any arguments.
///
/// Each command gets exactly one reply, whose shape is that of the command. A session is the same if a line comes in
/// pieces, and if the client does not wait for replies.
///
/// # Panics
/// If that does not hold.
pub fn session(data: &[u8]) {
    let Ok(session) = Session::arbitrary(&mut Unstructured::new(data)) else { return };
    let mut server = session.server();
    let mut told = server.take();
    assert!(Reply::parse(line(&told)).is_some_and(|greeting| greeting.is_positive()));
    let mut challenged = false;
    for said in &session.lines {
        if server.closed().is_some() {
            break;
        }
        let command = Command::parse(line(said));
        let sent = server.send(said);
        let context = || format!("{} {} {:?}", said.escape_ascii(), sent.escape_ascii(), session.steps);
        let shape = match command {
            _ if challenged => ReplyShape::Line,
            Ok(command) => command.reply_shape(),
            Err(_) => ReplyShape::Line,
        };
        challenged = sent.starts_with(b"+ ");
        let positive =
            challenged || Reply::parse(line(&sent)).unwrap_or_else(|| panic!("{}", context())).is_positive();
        let ends = sent.split_inclusive(|&octet| octet == b'\n').filter(|line| *line == b".\r\n").count();
        if positive && shape != ReplyShape::Line {
            assert!(ends == 1 && sent.ends_with(b"\r\n.\r\n"), "{}", context());
        } else {
            assert!(ends == 0 && line(&sent).len() + 2 == sent.len(), "{}", context());
        }
        told.extend_from_slice(&sent);
    }
    let quit = server.closed() == Some(Close::Quit);
    assert!(quit || server.closed().is_none() || !told.ends_with(b"bye\r\n"));

    let flights: Vec<&[u8]> = session.lines.iter().map(Vec::as_slice).collect();
    let split = run(session.server(), &flights, &chosen(session.split), true);
    assert_eq!(split.sent, told);
    // What comes with STLS is thrown away.
    if server.handshakes() == 0 {
        assert_eq!(run(session.server(), &[&flights.concat()], WHOLE, true), split);
    }
}

/// The first line without its end.
fn line(octets: &[u8]) -> &[u8] {
    let end = octets.windows(2).position(|pair| pair == b"\r\n");
    end.map_or(&[][..], |end| &octets[..end])
}
