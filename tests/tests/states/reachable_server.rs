//! Every state that a server's session can reach with one message, and every event in it.

use std::collections::{BTreeSet, VecDeque};

use pop3_proto::server::rules::{ServerAction, ServerSession};
use pop3_proto::server::{Answer, Language, Request, ServerConfig, ServerEvent, ServerState};
use pop3_proto::{Channel, Command, MessageNumber, Status};
use pop3_tests::configured;
use pop3_tests::sasl::offer;
use pop3_tests::store::Store;

use super::server::{Make, answers, commands};

/// A session with no limits and one message.
fn session(channel: Channel) -> ServerSession {
    let config = configured::<ServerConfig>(|config| {
        config.starttls = true;
        config.utf8 = true;
        config.languages.push(Language::german());
        config.mechanisms = offer(&["CRAM-MD5"]);
        config.limits.bad_commands = u32::MAX;
        config.limits.bad_commands_before_login = u32::MAX;
        config.limits.failed_logins = u32::MAX;
        config.limits.sasl_rounds = u32::MAX;
    });
    let mut session = ServerSession::new(config.into(), channel, None);
    session.set_trusted_proxy(true);
    session
}

fn accept() -> ServerEvent<'static> {
    let store = Store::with([("one", &b"Subject: 1\r\n\r\n"[..])]);
    ServerEvent::Answer(Answer::Accept(store.maildrop().into()))
}

/// All events. The login brings one message, not three.
fn events() -> Vec<(&'static str, Make)> {
    let mut events = commands();
    events.extend(answers());
    for (name, make) in &mut events {
        if *name == "`Accept`" {
            *make = accept;
        }
    }
    events
}

/// What tells states apart: everything but what only counts.
fn key(session: &ServerSession) -> String {
    if let ServerState::Closed(why) = session.state() {
        return format!("{why:?}");
    }
    let text = format!("{session:?}");
    let mut key = String::new();
    let mut rest = text.as_str();
    // The numbers behind these names.
    let counters = ["{ commands: ", "bad_commands: ", "failures: ", "failed_logins: ", "responses: "];
    while let Some((at, name)) = counters.iter().filter_map(|name| Some((rest.find(name)?, name))).min() {
        key += &rest[..at];
        rest = rest[at + name.len()..].trim_start_matches(|octet: char| octet.is_ascii_digit());
    }
    key + rest
}

/// A session after these events.
fn after(channel: Channel, path: &[Make]) -> ServerSession {
    let mut session = session(channel);
    for make in path {
        let _ = session.step(make()).expect("it was allowed before");
    }
    session
}

/// Tries each event in each state that can be reached.
fn explore(channel: Channel, mut attempt: impl FnMut(&str, Make, &mut ServerSession) -> bool) {
    let events = events();
    let mut known = BTreeSet::from([key(&session(channel))]);
    let mut waiting = VecDeque::from([Vec::new()]);
    while let Some(path) = waiting.pop_front() {
        for (name, make) in &events {
            let mut session = after(channel, &path);
            if attempt(name, *make, &mut session) && known.insert(key(&session)) {
                let mut longer = path.clone();
                longer.push(*make);
                waiting.push_back(longer);
            }
        }
    }
}

#[derive(PartialEq, Eq, Clone, Debug)]
struct Seen {
    logged_in: bool,
    tls: bool,
    utf8: bool,
    language: bool,
    name: Option<Vec<u8>>,
}

fn seen(session: &ServerSession) -> Seen {
    Seen {
        logged_in: session.state().is_logged_in(),
        tls: session.channel().is_tls(),
        utf8: session.is_utf8(),
        language: session.language().is_some(),
        name: session.name().map(<[u8]>::to_vec),
    }
}

// 1939-3.08, 1939-4.05, 2595-4.16
#[test]
fn whatever_happens_in_whatever_state_these_rules_hold() {
    let mut states = BTreeSet::new();
    // From both, STLS leads to TLS.
    for channel in [Channel::Plaintext, Channel::TrustedPlaintext] {
        explore(channel, |name, make, session| {
            let (before, state, debug) = (seen(session), session.state(), format!("{session:?}"));
            states.insert(super::server::place(session));
            let step = session.step(make());
            let now = seen(session);
            let what = || format!("{name} in {debug}");
            let Ok(action) = step else {
                assert_eq!(format!("{session:?}"), debug, "{name}: a misuse changes nothing");
                return false;
            };
            assert!(!matches!(state, ServerState::Closed(_)), "the end is the end: {}", what());
            let accepted = matches!(make(), ServerEvent::Answer(Answer::Accept(_)));
            assert_eq!(now.logged_in && !before.logged_in, accepted, "{}", what());
            let secured = matches!(make(), ServerEvent::TlsEstablished);
            assert_eq!(now.tls && !before.tls, secured, "{}", what());
            if secured {
                let fresh = Seen { logged_in: false, tls: true, utf8: false, language: false, name: None };
                assert_eq!(now, fresh, "{}", what());
                return true;
            }
            let command = if let ServerEvent::Command(command) = make() { Some(command) } else { None };
            let authorization = state == ServerState::Authorization;
            let utf8 = authorization && command == Some(Command::Utf8);
            assert_eq!(now.utf8, before.utf8 || utf8, "{}", what());
            let named = matches!(command, Some(Command::User(_))) && authorization;
            assert!(now.name.is_none() || now.name == before.name || named, "{}", what());
            // Messages are removed at QUIT, and only those that were marked by DELE.
            if let ServerAction::Ask(Request::Commit(deletions)) = &action {
                assert_eq!((command, state), (Some(Command::Quit), ServerState::Transaction), "{}", what());
                let deleted = debug.contains("deleted_count: 1");
                assert_eq!(deletions.contains(MessageNumber::FIRST), deleted, "{}", what());
            }
            // A password is only taken where nobody can read it.
            if matches!(&action, ServerAction::Ask(Request::Password { .. })) {
                assert!(session.channel().carries_secrets(), "{}", what());
            }
            // A negative reply to AUTH, or to a response, ends the exchange.
            let negative = matches!(&action, ServerAction::Reply(line) if line.status == Status::Negative);
            let refused = negative || matches!(&action, ServerAction::Refuse { .. });
            let open = matches!(session.state(), ServerState::Responding { .. });
            assert!(!refused || !open, "{}", what());
            // An answer needs a request.
            let idle = matches!(
                state,
                ServerState::Authorization | ServerState::Transaction | ServerState::Responding { .. }
            );
            assert!(!idle || !matches!(make(), ServerEvent::Answer(_)), "{}", what());
            true
        });
    }
    let missing: Vec<_> = super::server::STATES.into_iter().filter(|state| !states.contains(state)).collect();
    assert!(missing.is_empty(), "no path leads to {missing:?}");
}
