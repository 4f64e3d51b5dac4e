//! The tables of the server's session.

use core::fmt::Write as _;
use core::time::Duration;

use pop3_proto::apop::Timestamp;
use pop3_proto::server::rules::{ServerAction, ServerSession};
use pop3_proto::server::{
    Answer, Close, Extent, Language, Line, Listing, ListingEntry, Request, SaslRequest, ServerConfig,
    ServerEvent, ServerState,
};
use pop3_proto::{Base64, Channel, Command, CommandError, Rejection, Secret};
use pop3_tests::sasl::offer;
use pop3_tests::store::Store;

/// The states, as the table names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Authorization,
    Named,
    Authenticating,
    Exchanging,
    Responding,
    Cancelling,
    Proxying,
    StartingTls,
    Transaction,
    Fetching,
    Sending,
    Committing,
    Closed,
}

pub(crate) const STATES: [Place; 13] = [
    Place::Authorization,
    Place::Named,
    Place::Authenticating,
    Place::Exchanging,
    Place::Responding,
    Place::Cancelling,
    Place::Proxying,
    Place::StartingTls,
    Place::Transaction,
    Place::Fetching,
    Place::Sending,
    Place::Committing,
    Place::Closed,
];

/// The state of a session. A name that waits for its password has its own column.
pub(crate) fn place(session: &ServerSession) -> Place {
    match session.state() {
        ServerState::Authorization if session.name().is_some() => Place::Named,
        ServerState::Authorization => Place::Authorization,
        ServerState::Authenticating => Place::Authenticating,
        ServerState::Exchanging { .. } => Place::Exchanging,
        ServerState::Responding { .. } => Place::Responding,
        ServerState::Cancelling { .. } => Place::Cancelling,
        ServerState::Proxying => Place::Proxying,
        ServerState::StartingTls => Place::StartingTls,
        ServerState::Transaction => Place::Transaction,
        ServerState::Fetching { .. } => Place::Fetching,
        ServerState::Sending { .. } => Place::Sending,
        ServerState::Committing { .. } => Place::Committing,
        ServerState::Closed(_) => Place::Closed,
    }
}

/// A session in this state. It has three messages, and the second is marked as deleted.
fn session(state: Place, channel: Channel) -> ServerSession {
    let mut config = ServerConfig::default();
    config.starttls = true;
    config.limits.bad_commands = 9;
    config.limits.failed_logins = 2;
    config.utf8 = true;
    config.utf8_user = true;
    config.languages.push(Language::german());
    config.languages.push(Language::english());
    config.mechanisms = offer(&["PLAIN", "CRAM-MD5", "EXTERNAL"]);
    let mut session = ServerSession::new(config.into(), channel, Timestamp::parse(b"<1.2@h>"));
    session.set_trusted_proxy(true);
    let enough: &[&str] = match state {
        Place::Authorization => &[],
        Place::Named => &["USER mrose"],
        Place::Authenticating => &["USER mrose", "PASS x"],
        Place::Exchanging => &["AUTH CRAM-MD5"],
        Place::Responding => &["AUTH CRAM-MD5", "challenge"],
        Place::Cancelling => &["AUTH CRAM-MD5", "challenge", "cancel"],
        Place::Proxying => &["XCLIENT ADDR=::1"],
        Place::StartingTls => &["STLS"],
        Place::Transaction => &["USER mrose", "PASS x", "accept", "DELE 2"],
        Place::Fetching => &["USER mrose", "PASS x", "accept", "RETR 1"],
        Place::Sending => &["USER mrose", "PASS x", "accept", "RETR 1", "message"],
        Place::Committing => &["USER mrose", "PASS x", "accept", "DELE 2", "QUIT"],
        Place::Closed => &["QUIT"],
    };
    for step in enough {
        let event = match *step {
            "accept" => ServerEvent::Answer(Answer::Accept(Store::fixture().maildrop().into())),
            "message" => ServerEvent::Answer(Answer::Message),
            "challenge" => ServerEvent::Answer(Answer::Challenge(Secret::new(b"hello".to_vec()))),
            "cancel" => ServerEvent::Cancel,
            line => ServerEvent::Command(Command::parse(line.as_bytes()).unwrap()),
        };
        let _ = session.step(event).unwrap();
    }
    assert_eq!(place(&session), state);
    session
}

pub(crate) type Make = fn() -> ServerEvent<'static>;

/// A command as it is sent, parsed when it is needed.
macro_rules! commands {
    ($($line:literal),* $(,)?) => {
        vec![$((
            concat!("`", $line, "`"),
            (|| ServerEvent::Command(Command::parse($line.as_bytes()).unwrap())) as Make,
        )),*]
    };
}

pub(crate) fn commands() -> Vec<(&'static str, Make)> {
    let mut commands = commands![
        "USER name",
        "PASS word",
        "APOP name c4c9334bac560ecc979e58001b3e22fb",
        "CAPA",
        "STLS",
        "QUIT",
        "STAT",
        "LIST",
        "LIST 1",
        "UIDL",
        "UIDL 1",
        "RETR 1",
        "TOP 1 0",
        "DELE 1",
        "RETR 2",
        "RETR 9",
        "NOOP",
        "RSET",
        "LAST",
        "AUTH PLAIN AGEAYg==",
        "AUTH CRAM-MD5",
        "AUTH EXTERNAL =",
        "AUTH GSSAPI",
        "AUTH",
        "UTF8",
        "USER jos\u{e9}",
        "LANG",
        "LANG *",
        "LANG EN-us",
        "LANG fr",
        "XCLIENT ADDR=192.0.2.1",
        "XCLIENT ADDR=x",
    ];
    let names = [
        ("`RETR 2`", "`RETR 2`, a deleted message"),
        ("`RETR 9`", "`RETR 9`, no such message"),
        ("`APOP name c4c9334bac560ecc979e58001b3e22fb`", "`APOP name digest`"),
    ];
    for (command, _) in &mut commands {
        if let Some((_, name)) = names.iter().find(|(old, _)| old == command) {
            *command = name;
        }
    }
    commands
        .push(("a name that is not UTF-8", || ServerEvent::Command(Command::parse(b"USER \xc3").unwrap())));
    commands.push(("a response", || ServerEvent::Respond(Base64::EMPTY)));
    commands.push(("a response of `*`", || ServerEvent::Cancel));
    commands.push(("a response that is not base64", || ServerEvent::Malformed {
        keyword: None,
        error: CommandError::Base64,
    }));
    commands.push(("a line that is not a command", || ServerEvent::Malformed {
        keyword: None,
        error: CommandError::Unknown,
    }));
    commands.push(("a line that is too long", || ServerEvent::Malformed {
        keyword: None,
        error: CommandError::TooLong,
    }));
    commands
}

pub(crate) fn answers() -> Vec<(&'static str, Make)> {
    vec![
        ("`Accept`", || ServerEvent::Answer(Answer::Accept(Store::fixture().maildrop().into()))),
        ("`TakeOver`", || ServerEvent::Answer(Answer::TakeOver)),
        ("`Reject`, credentials", || ServerEvent::Answer(Answer::Reject(Rejection::credentials()))),
        ("`Reject`, in use", || ServerEvent::Answer(Answer::Reject(Rejection::in_use()))),
        ("`Challenge`", || ServerEvent::Answer(Answer::Challenge(Secret::new(b"hello".to_vec())))),
        ("`Abandon`", || ServerEvent::Answer(Answer::Abandon(Rejection::plain("malformed response")))),
        ("`Proxied`", || ServerEvent::Answer(Answer::Proxied)),
        ("`Message`", || ServerEvent::Answer(Answer::Message)),
        ("`EndOfMessage`", || ServerEvent::Answer(Answer::EndOfMessage)),
        ("`Unavailable`", || ServerEvent::Answer(Answer::Unavailable(Rejection::temporary("try later")))),
        ("`Committed`, all", || ServerEvent::Answer(Answer::committed(0))),
        ("`Committed`, one failed", || ServerEvent::Answer(Answer::committed(1))),
        ("TLS is established", || ServerEvent::TlsEstablished),
    ]
}

fn line(line: &Line) -> String {
    format!("`{line}`")
}

fn column(listing: &Listing) -> &'static str {
    match listing.clone().next_entry().unwrap() {
        ListingEntry::Size(..) => "scan listing",
        ListingEntry::UniqueId(..) => "unique-id listing",
    }
}

fn action(action: &ServerAction) -> String {
    match action {
        ServerAction::Nothing => "nothing is sent".into(),
        ServerAction::Reply(reply) => line(reply),
        ServerAction::Refuse { reply, delay: Duration::ZERO, .. } => line(reply),
        ServerAction::Refuse { reply, .. } => format!("{}, delayed", line(reply)),
        ServerAction::DropListing { .. } => "the number of messages and their size".into(),
        ServerAction::Listing { listing, .. } => format!("all {}s", column(listing)),
        ServerAction::Entry(listing) => column(listing).into(),
        ServerAction::Last(_) => "the highest number".into(),
        ServerAction::Capabilities { .. } => "capabilities".into(),
        ServerAction::Mechanisms { .. } => "the mechanisms".into(),
        ServerAction::Challenge(_) => "`+` and the challenge".into(),
        ServerAction::Language { line: reply, .. } => format!("{}, with the language tag", line(reply)),
        ServerAction::Languages { .. } => "the languages".into(),
        ServerAction::Ask(Request::Sasl(SaslRequest::Begin { initial: None, .. })) => "asks: begin".into(),
        ServerAction::Ask(Request::Sasl(SaslRequest::Begin { initial: Some(_), .. })) => {
            "asks: begin with this response".into()
        }
        ServerAction::Ask(Request::Sasl(SaslRequest::Respond(_))) => "asks: respond".into(),
        ServerAction::Ask(Request::Sasl(SaslRequest::Cancel)) => "asks: cancel".into(),
        ServerAction::Ask(Request::Proxied(_)) => "asks: proxied".into(),
        ServerAction::Ask(Request::Password { .. }) => "asks: password".into(),
        ServerAction::Ask(Request::Apop { .. }) => "asks: apop".into(),
        ServerAction::Ask(Request::Fetch { .. }) => "asks: fetch".into(),
        ServerAction::Ask(Request::Commit(deletions)) => format!("asks: commit {} message", deletions.len()),
        ServerAction::BeginBody { extent: Extent::Whole, .. } => "`+OK`, the message follows".into(),
        ServerAction::BeginBody { extent: Extent::Top { .. }, .. } => "`+OK`, the top follows".into(),
        ServerAction::EndBody => "the end of the message".into(),
        ServerAction::StartTls(_) => "`+OK`, input discarded, TLS begins".into(),
        ServerAction::Close { line: None, .. } => "closes without a reply".into(),
        ServerAction::Close { line: Some(reply), .. } => format!("{}, closes", line(reply)),
        other @ (ServerAction::Ask(_) | _) => {
            panic!("{other:?}: the table has no words for it")
        }
    }
}

/// What an event does in a state. `None` is a misuse, which must not change anything.
fn outcome(state: Place, channel: Channel, event: ServerEvent<'static>) -> Option<String> {
    let mut session = session(state, channel);
    let before = format!("{session:?}");
    match session.step(event) {
        Err(_) => {
            assert_eq!(format!("{session:?}"), before, "a misuse changes nothing");
            None
        }
        Ok(does) => {
            let mut text = action(&does);
            if place(&session) != state {
                write!(text, " → {:?}", place(&session)).unwrap();
            }
            Some(text)
        }
    }
}

/// A table of these events. States that allow none of them are listed below it.
fn table(out: &mut String, channel: Channel, events: &[(&str, Make)]) {
    let takes = |state: Place| events.iter().any(|(_, make)| outcome(state, channel, make()).is_some());
    let (taking, others): (Vec<_>, Vec<_>) = STATES.into_iter().partition(|state| takes(*state));
    let names: Vec<_> = taking.iter().map(|state| format!("{state:?}")).collect();
    writeln!(out, "| | {} |\n|---{}|", names.join(" | "), "|---".repeat(names.len())).unwrap();
    for (name, make) in events {
        let cells = taking
            .iter()
            .map(|state| outcome(*state, channel, make()).unwrap_or_else(|| "–".into()).replace('|', "\\|"));
        writeln!(out, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | ")).unwrap();
    }
    let others: Vec<_> = others.iter().map(|state| format!("{state:?}")).collect();
    writeln!(out, "\nMisuse in every other state: {}.\n", others.join(", ")).unwrap();
}

pub(crate) fn tables(out: &mut String) {
    out.push_str(
        "## Server\n\n\
         These are the rules of `pop3_proto::server::rules::ServerSession`. The tables use this session:\n\n\
         - The maildrop has three messages, and the second is marked as deleted.\n\
         - STLS is offered, LAST is not, and the greeting has a timestamp.\n\
         - AUTH offers PLAIN, CRAM-MD5, and, under TLS, EXTERNAL.\n\
         - UTF8 is offered with USER, and LANG with German and English.\n\
         - The peer is a trusted proxy, so XCLIENT is allowed.\n\n\
         `→` leads to the next state if it changes. \"Asks\" means a request to the store. `–` is a misuse: the caller gets\n\
         an error, and nothing changes.\n\n\
         ### Commands on a channel that may carry passwords\n\n\
         While the store owes an answer, the connection leaves commands in the input.\n\n",
    );
    table(out, Channel::TrustedPlaintext, &commands());
    let some =
        |names: &[&str]| commands().into_iter().filter(|(name, _)| names.contains(name)).collect::<Vec<_>>();
    out.push_str("### Commands that differ on a plaintext channel\n\n");
    let mut differing = Vec::new();
    for (name, make) in commands() {
        let differs = |state: &Place| {
            // Here USER does not change the state, so only one state before the login accepts commands.
            outcome(*state, Channel::Plaintext, make()) != outcome(*state, Channel::TrustedPlaintext, make())
        };
        if [Place::Authorization].iter().any(differs) {
            differing.push(name);
        }
    }
    out.push_str("| | Authorization |\n|---|---|\n");
    for (name, make) in some(&differing) {
        let cell = outcome(Place::Authorization, Channel::Plaintext, make()).unwrap();
        writeln!(out, "| {name} | {cell} |").unwrap();
    }
    out.push_str("\n### Commands that differ under TLS\n\n| | Authorization |\n|---|---|\n");
    for (name, make) in commands() {
        let Some(cell) = outcome(Place::Authorization, Channel::Tls, make()) else { continue };
        if Some(&cell) != outcome(Place::Authorization, Channel::TrustedPlaintext, make()).as_ref() {
            writeln!(out, "| {name} | {cell} |").unwrap();
        }
    }
    out.push_str("\n### Answers of the store, and the TLS handshake\n\n");
    table(out, Channel::TrustedPlaintext, &answers());
    out.push_str(
        "### Closing from outside\n\nA timeout, the end of the input, or the embedder can close a session in any state but `Closed`. No message\n\
         is removed, unless the store was already asked to commit.\n\n",
    );
    for state in STATES {
        let mut session = session(state, Channel::TrustedPlaintext);
        session.close(Close::TimedOut);
        assert_eq!(place(&session), Place::Closed);
        let why = if state == Place::Closed { Close::Quit } else { Close::TimedOut };
        assert_eq!(session.state(), ServerState::Closed(why), "the first reason stays");
    }
}
