//! The tables of the client's session.

use core::fmt::Write as _;

use pop3_proto::client::rules::{ClientAction, ClientSession, Signal};
use pop3_proto::client::{ClientMisuse, ClientState};
use pop3_proto::{Channel, Keyword, Status};

pub(crate) fn keywords() -> Vec<Keyword> {
    use Keyword::*;
    vec![
        User, Pass, Apop, Auth, AuthList, Capa, Stls, Utf8, Lang, Xclient, Quit, Stat, List, Uidl, Retr, Top,
        Dele, Noop, Rset, Last, Extension,
    ]
}

pub(crate) const CLIENT_STATES: [ClientState; 7] = [
    ClientState::Greeting,
    ClientState::Authorization,
    ClientState::Handshake,
    ClientState::Challenged,
    ClientState::Transaction,
    ClientState::Closing,
    ClientState::Closed,
];

fn client_session(state: ClientState, channel: Channel, named: bool) -> ClientSession {
    use Keyword::{Apop, Quit, Stls, User};
    use Signal::{Challenge, Greeting, Reply, Send, SendSealedAuth};
    let ok = Status::Positive;
    let signals: &[Signal] = match state {
        ClientState::Greeting => &[],
        ClientState::Authorization if named => &[Greeting(ok), Send(User), Reply(User, ok)],
        ClientState::Authorization => &[Greeting(ok)],
        ClientState::Handshake => &[Greeting(ok), Send(Stls), Reply(Stls, ok)],
        ClientState::Challenged => &[Greeting(ok), SendSealedAuth, Challenge],
        ClientState::Transaction => &[Greeting(ok), Send(Apop), Reply(Apop, ok)],
        ClientState::Closing => &[Greeting(ok), Send(Quit)],
        ClientState::Closed => &[Greeting(Status::Negative)],
    };
    let mut session = ClientSession::new(channel);
    for signal in signals {
        let _ = session.step(*signal).unwrap();
    }
    assert_eq!(session.state(), state);
    session
}

fn keyword(keyword: Keyword) -> String {
    match keyword.as_str() {
        "" => "an extension".into(),
        "AUTH" if keyword == Keyword::AuthList => "`AUTH` without an argument".into(),
        word => format!("`{word}`"),
    }
}

/// What a signal does, and the state that follows.
fn signal(mut session: ClientSession, signal: Signal) -> String {
    let before = session;
    match session.step(signal) {
        Err(misuse) => {
            assert_eq!(session, before, "a misuse changes nothing");
            match misuse {
                ClientMisuse::State(_) => "–".into(),
                ClientMisuse::Awaiting(earlier) => format!("waits for {}", keyword(earlier)),
                ClientMisuse::Unnamed => "USER first".into(),
                ClientMisuse::Plaintext => "TLS first".into(),
                ClientMisuse::AlreadyTls => "TLS already".into(),
                ClientMisuse::AfterUtf8 => "UTF8 was sent".into(),
                other => format!("{other:?}"),
            }
        }
        Ok(does) => {
            let mut text = match does {
                ClientAction::Continue => "continues".to_owned(),
                ClientAction::StartTls => "TLS begins".to_owned(),
                ClientAction::Close => "closes".to_owned(),
                other => panic!("{other:?}: the table has no words for it"),
            };
            if session.state() != before.state() {
                write!(text, " → {:?}", session.state()).unwrap();
            }
            text
        }
    }
}

pub(crate) fn tables(out: &mut String) {
    use Signal::{Cancel, Challenge, Greeting, Reply, Respond, Send, SendSealedAuth, TlsEstablished};
    out.push_str(
        "## Client\n\nThese are the rules of `pop3_proto::client::rules::ClientSession`. `→` leads to the next state if it\n\
         changes. `–` is a misuse: nothing is sent, and nothing changes.\n\n\
         ### What may be sent\n\n\
         The table has three columns for the state Authorization: on a plaintext channel, on a channel that may carry\n\
         passwords, and on the latter after a positive reply to USER (\"named\").\n\n",
    );
    let mut columns =
        vec![("Authorization, plaintext".to_owned(), ClientState::Authorization, Channel::Plaintext, false)];
    for state in CLIENT_STATES {
        columns.push((format!("{state:?}"), state, Channel::TrustedPlaintext, false));
        if state == ClientState::Authorization {
            columns.push(("Authorization, named".to_owned(), state, Channel::TrustedPlaintext, true));
        }
    }
    let names: Vec<_> = columns.iter().map(|column| column.0.as_str()).collect();
    writeln!(out, "| | {} |\n|---{}|", names.join(" | "), "|---".repeat(names.len())).unwrap();
    for word in keywords() {
        let cells: Vec<_> = columns
            .iter()
            .map(|(_, state, channel, named)| signal(client_session(*state, *channel, *named), Send(word)))
            .collect();
        writeln!(out, "| {} | {} |", keyword(word), cells.join(" | ")).unwrap();
        if word == Keyword::Auth {
            let cells: Vec<_> = columns
                .iter()
                .map(|(_, state, channel, named)| {
                    signal(client_session(*state, *channel, *named), SendSealedAuth)
                })
                .collect();
            writeln!(out, "| `AUTH` that reveals no secret | {} |", cells.join(" | ")).unwrap();
        }
    }
    out.push_str("\n### What follows a reply\n\n| reply to | sent in | `+OK` | `-ERR` | sending NOOP before the reply |\n|---|---|---|---|---|\n");
    for word in keywords() {
        for (state, named) in [(ClientState::Authorization, true), (ClientState::Transaction, false)] {
            let mut session = client_session(state, Channel::TrustedPlaintext, named);
            if session.step(Send(word)).is_err() {
                continue;
            }
            let replies =
                [Status::Positive, Status::Negative].map(|status| signal(session, Reply(word, status)));
            let noop = signal(session, Send(Keyword::Noop));
            writeln!(out, "| {} | {state:?} | {} | {noop} |", keyword(word), replies.join(" | ")).unwrap();
        }
    }
    out.push_str("\n### An AUTH exchange after AUTH was sent\n\n| | Authorization | Challenged | cancelled |\n|---|---|---|---|\n");
    let mut sent = client_session(ClientState::Authorization, Channel::TrustedPlaintext, false);
    let _ = sent.step(Send(Keyword::Auth)).unwrap();
    let mut challenged = sent;
    let _ = challenged.step(Challenge).unwrap();
    let mut cancelled = challenged;
    let _ = cancelled.step(Cancel).unwrap();
    for (name, event) in [
        ("a challenge", Challenge),
        ("a response", Respond),
        ("`*`", Cancel),
        ("`+OK`", Reply(Keyword::Auth, Status::Positive)),
        ("`-ERR`", Reply(Keyword::Auth, Status::Negative)),
        ("sending NOOP", Send(Keyword::Noop)),
    ] {
        let cells = [sent, challenged, cancelled].map(|session| signal(session, event));
        writeln!(out, "| {name} | {} |", cells.join(" | ")).unwrap();
    }
    out.push_str("\n### Greeting and TLS handshake\n\n");
    let names: Vec<_> = CLIENT_STATES.iter().map(|state| format!("{state:?}")).collect();
    writeln!(out, "| | {} |\n|---{}|", names.join(" | "), "|---".repeat(names.len())).unwrap();
    for (name, event) in [
        ("greeting `+OK`", Greeting(Status::Positive)),
        ("greeting `-ERR`", Greeting(Status::Negative)),
        ("TLS is established", TlsEstablished),
    ] {
        let cells: Vec<_> = CLIENT_STATES
            .iter()
            .map(|state| signal(client_session(*state, Channel::TrustedPlaintext, false), event))
            .collect();
        writeln!(out, "| {name} | {} |", cells.join(" | ")).unwrap();
    }
}
