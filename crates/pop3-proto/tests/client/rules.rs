//! The rules alone: every command in every state, and every unexpected signal.

use pop3_proto::client::rules::{ClientAction, ClientSession, Signal};
use pop3_proto::client::{ClientMisuse, ClientState};
use pop3_proto::{Channel, Keyword, Status};

const ALL: [Keyword; 16] = [
    Keyword::User,
    Keyword::Pass,
    Keyword::Apop,
    Keyword::Stat,
    Keyword::List,
    Keyword::Retr,
    Keyword::Top,
    Keyword::Dele,
    Keyword::Noop,
    Keyword::Rset,
    Keyword::Uidl,
    Keyword::Last,
    Keyword::Capa,
    Keyword::Stls,
    Keyword::Quit,
    Keyword::Extension,
];

fn session(channel: Channel, signals: &[Signal]) -> ClientSession {
    let mut session = ClientSession::new(channel);
    for &signal in signals {
        let _ = session.step(signal).unwrap();
    }
    session
}

const GREETED: Signal = Signal::Greeting(Status::Positive);

fn exchange(keyword: Keyword, status: Status) -> [Signal; 2] {
    [Signal::Send(keyword), Signal::Reply(keyword, status)]
}

fn logged_in(channel: Channel) -> ClientSession {
    let [user, named] = exchange(Keyword::User, Status::Positive);
    let [pass, done] = exchange(Keyword::Pass, Status::Positive);
    session(channel, &[GREETED, user, named, pass, done])
}

/// 1939-4.02 and the table of states: what may be sent when. A refusal changes nothing.
#[test]
fn commands_by_state() {
    let [user, named] = exchange(Keyword::User, Status::Positive);
    let [stls, started] = exchange(Keyword::Stls, Status::Positive);
    let [quit, done] = exchange(Keyword::Quit, Status::Negative);
    let transaction = "Stat List Retr Top Dele Noop Rset Uidl Last Capa Quit Extension";
    for (session, allowed) in [
        (session(Channel::Tls, &[]), ""),
        (session(Channel::Plaintext, &[GREETED]), "Capa Stls Quit Extension"),
        (session(Channel::TrustedPlaintext, &[GREETED]), "User Apop Capa Stls Quit Extension"),
        (session(Channel::Tls, &[GREETED]), "User Apop Capa Quit Extension"),
        (session(Channel::Tls, &[GREETED, user]), ""),
        (session(Channel::Tls, &[GREETED, user, named]), "User Pass Apop Capa Quit Extension"),
        (session(Channel::Plaintext, &[GREETED, stls]), ""),
        (session(Channel::Plaintext, &[GREETED, stls, started]), ""),
        (
            session(Channel::Plaintext, &[GREETED, stls, started, Signal::TlsEstablished]),
            "User Apop Capa Quit Extension",
        ),
        (logged_in(Channel::Tls), transaction),
        (session(Channel::Tls, &[GREETED, quit]), ""),
        (session(Channel::Tls, &[GREETED, quit, done]), ""),
        (session(Channel::Tls, &[Signal::Greeting(Status::Negative)]), ""),
    ] {
        let may = ALL.iter().filter(|&&keyword| {
            let mut tried = session;
            let sent = tried.step(Signal::Send(keyword));
            assert!(sent.is_ok() || tried == session);
            sent.is_ok()
        });
        let may: Vec<_> = may.map(|keyword| format!("{keyword:?}")).collect();
        assert_eq!(may.join(" "), allowed, "{session:?}");
    }
}

/// Why a command is refused.
#[test]
fn refusals_have_reasons() {
    let refusal = |mut session: ClientSession, keyword| session.step(Signal::Send(keyword)).unwrap_err();
    let plain = session(Channel::Plaintext, &[GREETED]);
    let waiting = session(Channel::Tls, &[GREETED, Signal::Send(Keyword::User)]);
    assert_eq!(refusal(plain, Keyword::Pass), ClientMisuse::Plaintext);
    assert_eq!(refusal(session(Channel::Tls, &[GREETED]), Keyword::Pass), ClientMisuse::Unnamed);
    assert_eq!(refusal(session(Channel::Tls, &[GREETED]), Keyword::Stls), ClientMisuse::AlreadyTls);
    assert_eq!(refusal(waiting, Keyword::Pass), ClientMisuse::Awaiting(Keyword::User));
    assert_eq!(refusal(plain, Keyword::Stat), ClientMisuse::State(ClientState::Authorization));
    assert_eq!(
        refusal(logged_in(Channel::TrustedPlaintext), Keyword::Stls),
        ClientMisuse::State(ClientState::Transaction)
    );
}

/// What replies change.
#[test]
fn replies_decide() {
    for (keyword, status, action, state) in [
        (Keyword::User, Status::Positive, ClientAction::Continue, ClientState::Authorization),
        (Keyword::Apop, Status::Positive, ClientAction::Continue, ClientState::Transaction),
        (Keyword::Apop, Status::Negative, ClientAction::Continue, ClientState::Authorization),
        (Keyword::Stls, Status::Positive, ClientAction::StartTls, ClientState::Handshake),
        (Keyword::Stls, Status::Negative, ClientAction::Continue, ClientState::Authorization),
        (Keyword::Capa, Status::Negative, ClientAction::Continue, ClientState::Authorization),
        (Keyword::Quit, Status::Positive, ClientAction::Close, ClientState::Closed),
        (Keyword::Quit, Status::Negative, ClientAction::Close, ClientState::Closed),
    ] {
        let mut session = session(Channel::TrustedPlaintext, &[GREETED, Signal::Send(keyword)]);
        assert_eq!(session.step(Signal::Reply(keyword, status)), Ok(action));
        assert_eq!(session.state(), state);
    }
}

/// Impossible signals change nothing.
#[test]
fn signals_out_of_place_change_nothing() {
    let sessions = [
        session(Channel::Tls, &[]),
        session(Channel::Tls, &[GREETED]),
        logged_in(Channel::Tls),
        session(Channel::Tls, &[Signal::Greeting(Status::Negative)]),
    ];
    for session in sessions {
        let mut signals = vec![Signal::TlsEstablished];
        for keyword in [Keyword::User, Keyword::Pass, Keyword::Apop, Keyword::Stls, Keyword::Quit] {
            signals.push(Signal::Reply(keyword, Status::Positive));
        }
        if session.state() != ClientState::Greeting {
            signals.push(GREETED);
        }
        for signal in signals {
            let mut tried = session;
            assert_eq!(tried.step(signal), Err(ClientMisuse::State(session.state())), "{signal:?}");
            assert_eq!(tried, session);
        }
    }
}
