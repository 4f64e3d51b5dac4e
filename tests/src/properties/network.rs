//! What holds for our client and our server, joined by a network that splits and delays what they send.
#![expect(clippy::wildcard_enum_match_arm, reason = "a property looks at the cases it is about")]

use std::collections::VecDeque;

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::BytesMut;
use pop3_proto::client::{ClientConfig, ClientState, ProtocolError};
use pop3_proto::server::{Close, Language, ServerConfig};
use pop3_proto::{Base64, Channel, Command, Keyword, Quirk, Rejection};

use crate::client::{Client, Seen};
use crate::sasl;
use crate::server::{Asked, Server};
use crate::store::{Fault, Store, content, top};

/// The lines that a client may want to send. One that begins with `=` answers a challenge.
const LINES: [&str; 31] = [
    "CAPA",
    "STLS",
    "USER mrose",
    "PASS tanstaaf",
    "PASS wrong",
    "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
    "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm",
    "AUTH PLAIN",
    "=AG1yb3NlAHRhbnN0YWFm",
    "=*",
    "AUTH X-ENDLESS AAAA",
    "AUTH",
    "UTF8",
    "LANG",
    "LANG de",
    "STAT",
    "LIST",
    "LIST 2",
    "UIDL",
    "UIDL 3",
    "RETR 1",
    "RETR 2",
    "RETR 3",
    "RETR 4",
    "TOP 1 0",
    "TOP 2 1",
    "DELE 1",
    "DELE 2",
    "RSET",
    "NOOP",
    "QUIT",
];

const UIDS: [&str; 3] = ["one", "two", "three"];

/// The settings of both sides, what the client wants to say, and how the network passes it on.
#[derive(Debug)]
struct Plan<'a> {
    server: ServerConfig,
    client: ClientConfig,
    channel: Channel,
    apop: bool,
    messages: [&'a [u8]; 3],
    fault: Fault,
    lines: VecDeque<Vec<u8>>,
    /// The lowest bit tells who receives, the others how many octets.
    steps: &'a [u8],
}

impl<'a> Arbitrary<'a> for Plan<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let [bits, more, faulty, chosen] = u.arbitrary::<[u8; 4]>()?;
        let is = |octet: u8, bit: u8| octet & (1 << bit) != 0;
        let mut server = ServerConfig::default();
        server.starttls = is(bits, 0);
        server.utf8 = is(bits, 1);
        server.last = is(bits, 2);
        if is(bits, 3) {
            server.mechanisms = sasl::offer(&["PLAIN", sasl::ENDLESS]);
        }
        if is(bits, 4) {
            server.languages = vec![Language::german(), Language::english()];
        }
        server.limits.high_water = if is(bits, 5) { 100 } else { server.limits.high_water };
        let mut client = ClientConfig::default();
        client.strict = true;
        client.pipelining = is(more, 0);
        client.max_octets_in_flight = if is(more, 1) { 20 } else { client.max_octets_in_flight };
        client.apop_after_stls = is(more, 2);
        let channel = if is(more, 3) { Channel::Plaintext } else { Channel::TrustedPlaintext };
        let few = usize::from(faulty >> 3);
        let fault = match faulty & 7 {
            1 => Fault::Login(Rejection::in_use()),
            2 => Fault::Unavailable(Rejection::temporary("gone")),
            3 => Fault::Breaks(few),
            4 => Fault::Commit(few),
            5 => Fault::Short(few),
            _ => Fault::None,
        };
        let mut lines = VecDeque::new();
        // Most sessions begin with a login, because what follows it is most of the protocol.
        if chosen & 3 != 0 {
            lines.extend(["CAPA", "USER mrose", "PASS tanstaaf"].map(|line| line.as_bytes().to_vec()));
        }
        for _ in 0..u.int_in_range(0..=24_u8)? {
            let place = usize::from(u.arbitrary::<u8>()?);
            lines.push_back(match LINES.get(place % (LINES.len() + 2)) {
                Some(line) => line.as_bytes().to_vec(),
                None => any_line(u)?,
            });
        }
        let mut message = || {
            let most = u.len().min(120);
            let length = u.int_in_range(0..=most)?;
            u.bytes(length)
        };
        let messages = [message()?, message()?, message()?];
        let steps = u.bytes(u.len())?;
        Ok(Self { server, client, channel, apop: is(more, 4), messages, fault, lines, steps })
    }
}

fn any_line(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut line = BytesMut::new();
    u.arbitrary::<Command<'_>>()?.write(&mut line);
    Ok(line.strip_suffix(b"\r\n").unwrap_or(&line).to_vec())
}

/// What can be told of a session, however the network was.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    log: Vec<Seen>,
    /// Each line, and whether it was sent.
    lines: Vec<(Vec<u8>, bool)>,
    asked: Vec<Asked>,
    closed: Option<Close>,
    left: Vec<String>,
}

struct Joined {
    client: Client,
    server: Server,
    to_client: VecDeque<u8>,
    to_server: VecDeque<u8>,
    waiting: VecDeque<Vec<u8>>,
    lines: Vec<(Vec<u8>, bool)>,
}

impl Joined {
    fn new(plan: &Plan<'_>) -> Self {
        let [one, two, three] = plan.messages;
        let mut store =
            Store::with([(UIDS[0], one), (UIDS[1], two), (UIDS[2], three)]).with_fault(plan.fault.clone());
        store.chunk = 50;
        let timestamp = plan.apop.then_some("<1896.697170952@dbc.mtview.ca.us>");
        // A store that breaks its promise makes the server break off, which is a violation by itself.
        let server = Server::with(store, plan.server.clone(), plan.channel, timestamp).unwatched();
        let client = Client::with(plan.client.clone(), plan.channel);
        let (to_client, to_server) = (VecDeque::new(), VecDeque::new());
        Self { client, server, to_client, to_server, waiting: plan.lines.clone(), lines: Vec::new() }
    }

    /// Passes on octets to one side, and lets both act.
    fn step(&mut self, step: u8) {
        let most = usize::from(step >> 1) + 1;
        let receiving = if step & 1 == 0 { &self.to_server } else { &self.to_client };
        if receiving.is_empty() {
            return;
        }
        if step & 1 == 0 {
            let octets: Vec<u8> = self.to_server.drain(..most.min(self.to_server.len())).collect();
            self.server.feed(&octets, &[]);
        } else {
            let octets: Vec<u8> = self.to_client.drain(..most.min(self.to_client.len())).collect();
            self.client.feed(&octets, &[]);
        }
        self.act();
    }

    fn act(&mut self) {
        self.to_client.extend(self.server.take());
        while let Some(line) = self.waiting.front() {
            if !self.send(&line.clone()) {
                break;
            }
            self.lines.extend(self.waiting.pop_front().map(|line| (line, true)));
        }
        self.to_server.extend(self.client.take());
    }

    fn send(&mut self, line: &[u8]) -> bool {
        match line {
            b"=*" => self.client.cancel(),
            [b'=', answer @ ..] if Base64::parse(answer).is_some() => self.client.respond(answer),
            [b'=', ..] => return false,
            line => self.client.send_shaped(line, pop3_proto::ReplyShape::Line),
        }
        .is_ok()
    }

    /// Passes on everything until both sides have said what they can say.
    fn finish(&mut self) {
        self.act();
        loop {
            while !self.to_client.is_empty() || !self.to_server.is_empty() {
                self.step(0xfe);
                self.step(0xff);
            }
            if self.server.closed().is_some() {
                return self.client.end();
            }
            // Nothing is on its way, so what cannot be sent now can never be sent.
            if self.client.connection().state() == ClientState::Challenged
                && self.waiting.front().is_none_or(|line| !line.starts_with(b"="))
            {
                assert!(self.send(b"=*"), "a challenge can be cancelled");
            } else if let Some(line) = self.waiting.pop_front() {
                self.lines.push((line, false));
            } else {
                self.server.end();
                self.to_client.extend(self.server.take());
                let rest: Vec<u8> = self.to_client.drain(..).collect();
                self.client.feed(&rest, &[]);
                return self.client.end();
            }
            self.act();
        }
    }

    fn told(mut self, steps: &[u8]) -> Told {
        self.act();
        for &step in steps {
            if self.waiting.is_empty() && self.to_client.is_empty() && self.to_server.is_empty() {
                break;
            }
            self.step(step);
        }
        self.finish();
        Told {
            log: self.client.log().to_vec(),
            lines: self.lines,
            asked: self.server.asked().to_vec(),
            closed: self.server.closed(),
            left: self.server.store.messages.iter().map(|message| message.uid.clone()).collect(),
        }
    }
}

/// Octets make the settings of both sides, what the client wants to say, and how the network splits and delays it.
///
/// Both sides tell the same as over a network that passes on everything at once. A strict client finds no fault with
/// the server. Each command gets one reply, and a message arrives as it is stored or not at all. Messages are only
/// removed by QUIT.
///
/// # Panics
/// If that does not hold.
pub fn network(data: &[u8]) {
    let Ok(plan) = Plan::arbitrary(&mut Unstructured::new(data)) else { return };
    let told = Joined::new(&plan).told(plan.steps);
    assert_eq!(Joined::new(&plan).told(&[]), told);
    // A server sends a message as it is stored, and a strict client breaks off where its lines end with CR CR LF.
    let doubled = Seen::Failed(ProtocolError::Quirk(Quirk::DoubledCarriageReturn));
    if told.log.last() == Some(&doubled) && plan.messages.into_iter().any(is_doubled) {
        return;
    }
    let quit = told.closed == Some(Close::Quit);
    for seen in &told.log {
        assert!(!matches!(seen, Seen::Warning(_)), "{seen:?}");
        // Without QUIT, the end comes as a surprise.
        assert!(!quit || !matches!(seen, Seen::Failed(_)), "{seen:?} {plan:?}");
    }
    let sent: Vec<&[u8]> = told.lines.iter().filter(|(_, sent)| *sent).map(|(line, _)| &line[..]).collect();
    let sent: Vec<&[u8]> = sent.into_iter().filter(|line| !line.starts_with(b"=")).collect();
    let Outcome { replies, marked, is_logged_in } = follow(&plan, &told, &sent);
    let is_lost = told.log.iter().any(|seen| matches!(seen, Seen::Failed(_)));
    assert!(replies == sent.len() || (is_lost && replies <= sent.len()), "{replies} {sent:?} {plan:?}");

    let commits = told.asked.iter().filter(|asked| matches!(asked, Asked::Commit(_))).count();
    assert!(commits <= usize::from(quit && is_logged_in), "{told:?}");
    let left: Vec<&str> = told.left.iter().map(String::as_str).collect();
    let unmarked = UIDS.into_iter().filter(|uid| !quit || !marked.contains(uid));
    match plan.fault {
        // Some of those that are marked could not be removed.
        Fault::Commit(_) => assert!(unmarked.clone().all(|uid| left.contains(&uid)), "{told:?}"),
        _ => assert!(unmarked.eq(left), "{told:?}"),
    }
}

/// Whether the first line ends with CR CR LF when it is sent.
fn is_doubled(message: &[u8]) -> bool {
    let sent = content(message);
    sent.split_inclusive(|&octet| octet == b'\n').next().is_some_and(|line| line.ends_with(b"\r\r\n"))
}

/// What the client learned from the replies.
struct Outcome {
    replies: usize,
    /// The messages that DELE has marked.
    marked: Vec<&'static str>,
    is_logged_in: bool,
}

/// Follows the replies to the lines that were sent. Each message that was retrieved completely is the stored one.
fn follow(plan: &Plan<'_>, told: &Told, sent: &[&[u8]]) -> Outcome {
    let mut outcome = Outcome { replies: 0, marked: Vec::new(), is_logged_in: false };
    let mut body: Option<(Vec<u8>, Vec<u8>)> = None;
    for seen in &told.log {
        match seen {
            Seen::StartTls => outcome.replies += 1,
            Seen::Reply(keyword, first, _) => {
                let command = Command::parse(sent[outcome.replies]);
                outcome.replies += 1;
                body = None;
                match &command {
                    _ if !first.positive => {}
                    Ok(Command::Retr(number)) => {
                        body = Some((content(plan.messages[number.index()]), Vec::new()));
                    }
                    Ok(Command::Top { message, lines }) => {
                        let content = content(plan.messages[message.index()]);
                        body = Some((top(&content, *lines), Vec::new()));
                    }
                    Ok(Command::Dele(number)) => outcome.marked.push(UIDS[number.index()]),
                    Ok(Command::Rset) => outcome.marked.clear(),
                    Ok(Command::Pass(_) | Command::Apop { .. } | Command::Auth { .. }) => {
                        outcome.is_logged_in = true;
                    }
                    _ => {}
                }
                assert!(command.is_err() || command.is_ok_and(|command| command.keyword() == *keyword));
            }
            Seen::Data(data) => body.as_mut().expect("only a message has a body").1.extend_from_slice(data),
            Seen::End(Keyword::Retr | Keyword::Top) => {
                let (wanted, got) = body.take().expect("a body has begun");
                assert_eq!(got, wanted, "{plan:?}");
            }
            _ => {}
        }
    }
    outcome
}
