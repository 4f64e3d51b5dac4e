//! Properties of SASL exchanges that hold for any octets from the other side.

use std::sync::LazyLock;

use pop3_sasl::client::{self, Credentials};
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{self, Decision, ExchangeStep, Question};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};

/// Keys of the only user, whose password is `pencil`. They are computed once, because that takes time.
static KEYS: LazyLock<Vec<Keys>> = LazyLock::new(|| {
    let derive = |&hash: &Hash| Keys::derive(hash, b"pencil", &[7; 16], 4096).expect("a good password");
    Hash::ALL.iter().map(derive).collect()
});

/// The first octet selects the mechanism, and the second how it is used. The rest are messages, one per line.
///
/// Both sides accept all messages or end the exchange. Nobody logs in by SCRAM without the password, and only
/// the user can log in at all.
///
/// # Panics
/// If that does not hold.
pub fn sasl(octets: &[u8]) {
    sasl_server(octets);
    sasl_client(octets);
}

/// The same for the messages of a client.
///
/// # Panics
/// If that does not hold.
pub fn sasl_server(octets: &[u8]) {
    let Some((mechanism, how, messages)) = header(octets) else { return };
    server(mechanism, how, &messages);
    text(&octets[2..]);
}

/// The same for the messages of a server.
///
/// # Panics
/// If that does not hold.
pub fn sasl_client(octets: &[u8]) {
    let Some((mechanism, how, messages)) = header(octets) else { return };
    client(mechanism, how, &messages);
}

fn header(octets: &[u8]) -> Option<(Mechanism, u8, Vec<&[u8]>)> {
    let (&[mechanism, how], rest) = octets.split_first_chunk()?;
    let mechanism = Mechanism::ALL[usize::from(mechanism) % Mechanism::ALL.len()];
    Some((mechanism, how, rest.split(|&octet| octet == b'\n').collect()))
}

fn server(mechanism: Mechanism, how: u8, messages: &[&[u8]]) {
    let mut setup =
        server::ServerSetup::new(nonce(), "decoy key").with_hosts(["mail.example"]).with_ports([995]);
    if how & 1 != 0 {
        let bindings = ChannelBindings::none().with_exporter([3; 32]).with_server_end_point([4; 32]);
        setup = setup.with_bindings(bindings).with_plus_offered(how & 2 != 0);
    }
    let mut exchange = server::ServerExchange::new(mechanism, setup);
    let mut messages = messages.iter().copied();
    let initial = if how & 4 != 0 { messages.next() } else { None };
    let mut step = exchange.begin(initial).expect("the first call");
    for round in 0.. {
        assert!(round < 8, "{mechanism} goes on");
        step = match step {
            ExchangeStep::Challenge(challenge) => {
                assert!(challenge.len() <= 1024);
                match messages.next() {
                    Some(message) => exchange.respond(message).expect("in turn"),
                    None => exchange.cancel().expect("not over"),
                }
            }
            ExchangeStep::Ask(question) => exchange.answer(answer(question)).expect("asked"),
            ExchangeStep::Done(identity) => {
                assert!(!mechanism.is_mutual(), "a proof out of nothing");
                assert!(identity.acts_as().is_none_or(|name| name == "user"));
                break;
            }
            ExchangeStep::Fail(_) => break,
        };
    }
    assert!(exchange.begin(None).is_err() && exchange.respond(b"").is_err() && exchange.cancel().is_err());
}

fn answer(question: Question) -> Decision {
    let granted = match question {
        Question::Password { name, authorization, password } => {
            name == "user" && authorization.is_none() && password.same_octets(b"pencil")
        }
        Question::CramMd5(digest) => digest.name() == "user" && digest.prove(b"pencil"),
        Question::Keys { name, hash, .. } => {
            let keys = KEYS.iter().find(|keys| keys.hash() == hash && name == "user");
            return Decision::Keys(keys.cloned());
        }
        Question::Token { name, token, .. } => {
            name.is_none_or(|name| name == "user") && token.same_octets(b"tok")
        }
        Question::Certificate { name } => name.is_none_or(|name| name == "user"),
        Question::Anonymous { trace } => trace.len() > 3,
    };
    if granted { Decision::Granted } else { Decision::Refused }
}

fn client(mechanism: Mechanism, how: u8, challenges: &[&[u8]]) {
    let mut credentials =
        Credentials::new("user").with_password("pencil").with_token("tok").with_certificate();
    if mechanism == Mechanism::Anonymous {
        credentials = Credentials::anonymous("");
    }
    let bindings = ChannelBindings::none().with_exporter([3; 32]);
    // A low iteration count, so that many exchanges are tried.
    let setup = client::ClientSetup::new(nonce())
        .with_bindings(bindings)
        .with_plus_offered(how & 2 != 0)
        .with_iterations(1..=3);
    let mut exchange = client::ClientExchange::new(mechanism, &credentials, &setup).expect("usable");
    if how & 4 != 0 {
        let _ = exchange.take_initial();
    }
    let mut answered = 0;
    for challenge in challenges {
        match exchange.respond(challenge) {
            Ok(response) => assert!(response.len() <= 1024),
            Err(_) => break,
        }
        answered += 1;
    }
    assert!(answered <= 3, "{mechanism} goes on");
    assert!(!mechanism.is_mutual() || exchange.finish().is_err(), "a proof out of nothing");
    assert!(exchange.failure_details().is_none_or(|details| details.len() <= 8192));
}

/// What can be read is written unchanged, and preparing it again changes nothing.
fn text(octets: &[u8]) {
    if let Ok(keys) = Keys::parse(octets) {
        assert_eq!(keys.to_text().expose(), octets);
    }
    let Ok(text) = core::str::from_utf8(octets) else { return };
    if let Ok(prepared) = prepare(text, StringKind::Stored) {
        assert!(!prepared.is_empty() && !prepared.chars().any(char::is_control));
        assert!(prepare(&prepared, StringKind::Stored).is_ok_and(|again| again == prepared));
    }
}

fn nonce() -> Nonce {
    Nonce::from_text("abc").expect("a nonce")
}
