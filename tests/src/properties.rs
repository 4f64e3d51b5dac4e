//! Properties that hold for any octets: they are accepted or refused, the result is the same at every split,
//! the output is bounded, and nothing panics. Tests and fuzz targets call these functions.

mod capability;
mod dots;
mod lines;
mod listing;
mod made;
mod network;
mod session;

pub use capability::capability;
pub use dots::{dots, dots_at};
pub use lines::{command, reply};
pub use listing::listing;
pub use made::words;
pub use network::network;
pub use session::session;

use std::sync::LazyLock;

use pop3_proto::server;
use pop3_proto::{Channel, Rejection, ReplyShape, client};

use crate::client::{Client, Seen};
use crate::observed::{Fed, tell};
use crate::sasl;
use crate::server::{Server, run};
use crate::split::{WHOLE, chosen};
use crate::store::{Fault, Store, awkward};

/// Settings for a property, read from the first octets of a fuzz target's input.
struct Header<'d> {
    rest: &'d [u8],
}

impl Header<'_> {
    fn octet(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }
}

/// Separates the flights of a dialogue in the input of a fuzz target.
pub const FLIGHT: u8 = 0xfe;

/// The first octets of an input for [`server()`]: settings, message, fault of the store, split. The flights
/// of the client follow, separated by [`FLIGHT`].
///
/// For any flights, a session is the same at every split, its output is bounded, its replies are valid
/// lines, and only a commit removes messages.
///
/// # Panics
/// If that does not hold.
pub fn server(data: &[u8]) {
    let mut header = Header { rest: data };
    let (flags, message, fault, split) = (header.octet(), header.octet(), header.octet(), header.octet());
    static MESSAGES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(awkward);
    let messages = &*MESSAGES;
    let extensions = usize::from(message) / (messages.len() - 1);
    let mut config = server::ServerConfig::default();
    config.starttls = flags & 1 != 0;
    config.last = flags & 2 != 0;
    config.delete_retrieved = flags & 4 != 0;
    config.limits.high_water = usize::from(flags >> 4) * 64;
    config.limits.command_line = 255;
    config.limits.sasl_line = 400;
    config.limits.sasl_rounds = 3;
    if extensions & 1 != 0 {
        config.mechanisms = sasl::offer(&[
            "PLAIN",
            "LOGIN",
            "CRAM-MD5",
            "SCRAM-SHA-1",
            "XOAUTH2",
            "OAUTHBEARER",
            "EXTERNAL",
            "ANONYMOUS",
            sasl::ENDLESS,
        ]);
    }
    if extensions & 2 != 0 {
        config.utf8 = true;
        config.utf8_user = extensions & 8 != 0;
    }
    if extensions & 4 != 0 {
        config.languages = vec![server::Language::german(), server::Language::english()];
    }
    let channel = if flags & 8 != 0 { Channel::Plaintext } else { Channel::TrustedPlaintext };
    let place = usize::from(message) % (messages.len() - 1);
    let mut store =
        Store::with([("one", &b"Subject: 1\n\n.\n"[..]), ("two", &messages[place].1), ("three", b"x")]);
    store.chunk = 1 + usize::from(split);
    let few = usize::from(fault >> 3);
    store.fault = match fault & 7 {
        1 => Fault::Login(Rejection::in_use()),
        2 => Fault::Unavailable(Rejection::temporary("gone")),
        3 => Fault::Short(few),
        4 => Fault::Long(vec![b'.'; few]),
        5 => Fault::Breaks(few),
        6 => Fault::Commit(few),
        _ => Fault::None,
    };
    let timestamp = (flags & 2 != 0).then_some("<1896.697170952@dbc.mtview.ca.us>");
    let make = || match extensions {
        9.. => Server::behind_proxy(store.clone(), config.clone()),
        _ => Server::with(store.clone(), config.clone(), channel, timestamp),
    };
    let flights: Vec<&[u8]> = header.rest.split(|&octet| octet == FLIGHT).collect();
    let whole = run(make(), &flights, WHOLE, true);
    assert_eq!(run(make(), &flights, &chosen(split), true), whole);
    assert!(whole.closed.is_none_or(|close| one_line(&close.to_string())));
    for line in whole.sent.split_inclusive(|&octet| octet == b'\n') {
        assert!(line.ends_with(b"\r\n") || whole.closed != Some(server::Close::Quit));
        // No challenge is long: none repeats more than the client sent.
        assert!(!line.starts_with(b"+ ") || line.len() <= 2 + 400 + 2);
    }
}

/// Whether a text can be shown to people as it is.
fn one_line(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// The commands of [`client()`] by the octets of its input, and the answers to a challenge.
pub const COMMANDS: [&str; 29] = [
    "CAPA",
    "STLS",
    "USER mrose",
    "PASS tanstaaf",
    "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
    "STAT",
    "LIST",
    "LIST 1",
    "UIDL",
    "UIDL 2",
    "RETR 1",
    "TOP 1 0",
    "DELE 1",
    "NOOP",
    "RSET",
    "LAST",
    "QUIT",
    "XONE",
    "XLINES",
    "XBODY",
    "AUTH PLAIN",
    "AUTH PLAIN U0VDUkVU",
    SEALED,
    ANSWER,
    "*",
    "AUTH",
    "UTF8",
    "LANG",
    "LANG es",
];

/// AUTH with a mechanism that reveals no secret.
const SEALED: &str = "AUTH SCRAM-SHA-256";

/// An answer to a challenge.
const ANSWER: &str = "QUJD";

/// An octet in an input for [`client()`] that sends a command before the next flight. The flights come
/// from the server.
///
/// The input consists of settings and a split, then for each flight: a number of commands, these commands, and
/// the octets of the server up to [`FLIGHT`]. What a client reports is the same at every split.
///
/// # Panics
/// If that does not hold.
pub fn client(data: &[u8]) {
    let mut header = Header { rest: data };
    let (flags, split) = (header.octet(), header.octet());
    let flights: Vec<&[u8]> = header.rest.split(|&octet| octet == FLIGHT).collect();
    let mut config = client::ClientConfig::default();
    config.strict = flags & 1 != 0;
    config.apop_after_stls = flags & 2 != 0;
    config.max_reply_line = if flags & 4 != 0 { 64 } else { 512 };
    config.max_list_line = if flags & 4 != 0 { 48 } else { 512 };
    config.max_sasl_line = if flags & 4 != 0 { 80 } else { 512 };
    config.max_list_entries = if flags & 8 != 0 { 3 } else { 100 };
    config.max_capabilities = if flags & 8 != 0 { 3 } else { 100 };
    config.max_body = (flags & 16 != 0).then_some(40);
    let channel = if flags & 32 != 0 { Channel::Plaintext } else { Channel::TrustedPlaintext };
    let run = |lengths: &[usize]| {
        let mut client = Client::with(config.clone(), channel);
        let mut written = Vec::new();
        for (index, flight) in flights.iter().enumerate() {
            let mut flight = Header { rest: flight };
            let commands = if index == 0 { 0 } else { flight.octet() };
            if commands & 0x80 != 0 {
                client.advance(core::time::Duration::from_secs(40));
            }
            for _ in 0..commands % 8 {
                let line = COMMANDS[usize::from(flight.octet()) % COMMANDS.len()];
                let shape = match line {
                    "XLINES" => ReplyShape::Lines,
                    "XBODY" => ReplyShape::Body,
                    _ => ReplyShape::Line,
                };
                let before = client.connection().outstanding();
                let challenged = client.connection().state() == client::ClientState::Challenged;
                let sent = match line {
                    ANSWER => client.respond(ANSWER.as_bytes()),
                    "*" => client.cancel(),
                    SEALED => client.send_sealed_auth("SCRAM-SHA-256", None),
                    line => client.send_shaped(line.as_bytes(), shape),
                };
                if matches!(line, ANSWER | "*") {
                    assert_eq!(client.connection().outstanding(), before);
                    assert!(challenged || sent.is_err());
                    continue;
                }
                assert!(!challenged || sent.is_err(), "a challenge is answered first");
                assert_eq!(client.connection().outstanding(), before + usize::from(sent.is_ok()));
                if let Err(error) = &sent {
                    assert!(one_line(&error.to_string()));
                }
                written.push((line, sent));
            }
            client.feed(flight.rest, lengths);
        }
        let connection = client.connection();
        assert!(!connection.is_quiet() || connection.outstanding() == 0);
        assert!(!connection.can_drain() || connection.state() != client::ClientState::Closed);
        assert_eq!(connection.deadline().is_some(), connection.deadline() >= Some(crate::START));
        assert!(one_line(&connection.state().to_string()) && one_line(&format!("{connection:?}")));
        assert!(connection.greeting_timestamp().is_none_or(|it| one_line(it.as_str())));
        let known = connection.capabilities().map_or(0, |list| list.iter().count());
        assert!(known <= config.max_capabilities);
        client.end();
        if let Some(error) = client.error() {
            assert!(one_line(&error.to_string()) && one_line(&format!("{error:?}")));
            assert!(error.excerpt().is_none_or(|excerpt| excerpt.octets().len() <= client::Excerpt::MAX));
        }
        let outstanding = client.connection().outstanding();
        assert!(
            client.error().is_some() || matches!(client.log().last(), Some(Seen::Closed)),
            "the end of the input ends the connection"
        );
        (client.log().to_vec(), written, client.take(), outstanding)
    };
    let whole = run(WHOLE);
    assert_eq!(run(&chosen(split)), whole);
    let (log, written, out, _) = whole;
    for seen in &log {
        if let Seen::Warning(quirk) = seen {
            assert!(one_line(&quirk.to_string()) && !config.strict, "{quirk:?}");
        }
    }
    // Each sent command has at most one reply, and no other reply is reported.
    let replies = log.iter().filter(|seen| matches!(seen, Seen::Reply(..) | Seen::StartTls)).count();
    assert!(replies <= written.iter().filter(|(_, sent)| sent.is_ok()).count());
    // No password is sent on a channel that others can read.
    if channel == Channel::Plaintext && !log.contains(&Seen::StartTls) {
        assert!(!out.windows(4).any(|word| [b"USER", b"PASS", b"APOP"].iter().any(|secret| word == *secret)));
        assert!(!out.windows(10).any(|word| word == b"AUTH PLAIN"));
    }
    // The client never reports the end of a body whose reply was incomplete.
    let begun = log.iter().filter(|seen| matches!(seen, Seen::End(_))).count();
    assert!(begun <= replies);
}

/// An input for [`observer()`]: settings and a split, then flights separated by [`FLIGHT`]. The first octet
/// of a flight selects the side, or another event.
///
/// An observer accepts any octets from either side, reports the same at every split, reveals no secrets,
/// and reports no more than it was given.
///
/// # Panics
/// If that does not hold.
pub fn observer(data: &[u8]) {
    use pop3_observer::Side::{Client, Server};
    let mut header = Header { rest: data };
    let (flags, split) = (header.octet(), header.octet());
    let few = flags & 1 != 0;
    let config = pop3_observer::ObserverConfig::new()
        .with_channel(if flags & 2 != 0 { Channel::Plaintext } else { Channel::TrustedPlaintext })
        .with_data(flags & 4 != 0)
        .with_max_line(if flags & 8 != 0 { 24 } else { 8192 })
        .with_max_outstanding(if few { 3 } else { 1000 })
        .with_max_messages(if few { 2 } else { 1000 });
    let mut fed = Vec::new();
    for flight in header.rest.split(|&octet| octet == FLIGHT) {
        let mut flight = Header { rest: flight };
        match flight.octet() {
            b'E' => fed.push(Fed::Encrypted),
            b'c' => fed.push(Fed::End(Client)),
            b's' => fed.push(Fed::End(Server)),
            octet => {
                let side = if octet & 1 == 0 { Client } else { Server };
                fed.push(Fed::Octets(side, flight.rest.to_vec()));
            }
        }
    }
    let (told, violations) = tell(config.clone(), &fed, WHOLE);
    let (told_again, violations_again) = tell(config, &fed, &chosen(split));
    assert_eq!((&told_again, &violations_again), (&told, &violations));
    // Each line has one event and a bounded number of violations.
    let octets: usize =
        fed.iter().map(|fed| if let Fed::Octets(_, octets) = fed { octets.len() } else { 1 }).sum();
    assert!(violations.len() <= 12 * (octets + 2) && told.len() <= 16 * (octets + 2));
}
