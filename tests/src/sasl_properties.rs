//! Properties of SASL exchanges that hold for any octets from the other side.

use std::sync::LazyLock;

use pop3_sasl::client::{self, Credentials};
use pop3_sasl::saslprep::{StringKind, prepare};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{self, Decision, ExchangeStep, Question, TokenRefusal, TokenStatus};
use pop3_sasl::{ChannelBindings, Mechanism, Nonce};

/// Keys of the only user, whose password is `pencil`. They are computed once, because that takes time.
static KEYS: LazyLock<Vec<Keys>> = LazyLock::new(|| {
    let derive = |&hash: &Hash| Keys::derive(hash, b"pencil", &[7; 16], 4096).expect("a good password");
    let keys: Vec<Keys> = Hash::ALL.iter().map(derive).collect();
    for keys in &keys {
        assert!(keys.verify_password(b"pencil") && !keys.verify_password(b"pencils"));
        assert!(!keys.verify_password(b"\xff") && !format!("{keys:?}").contains("pencil"));
        let short = Keys::new(keys.hash(), keys.salt(), keys.iterations(), &b"x"[..], &b"y"[..]);
        assert!(short.is_err() && Keys::derive(keys.hash(), b"pencil", b"", 4096).is_err());
        assert!(Keys::derive(keys.hash(), b"pencil", b"salt", 1).is_err());
    }
    keys
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
                assert!(exchange.answer(Decision::Granted).is_err() && exchange.begin(None).is_err());
                match messages.next() {
                    Some(message) => exchange.respond(message).expect("in turn"),
                    None => exchange.cancel().expect("not over"),
                }
            }
            ExchangeStep::Ask(question) => {
                assert!(exchange.respond(b"").is_err() && exchange.begin(None).is_err());
                exchange.answer(answer(question, how)).expect("asked")
            }
            ExchangeStep::Done(identity) => {
                assert!(!mechanism.is_mutual(), "a proof out of nothing");
                assert!(identity.acts_as().is_none_or(|name| name == "user"));
                break;
            }
            ExchangeStep::Fail(failure) => {
                assert!(
                    !failure.to_string().is_empty() && !failure.to_string().chars().any(char::is_control)
                );
                break;
            }
        };
    }
    assert!(exchange.begin(None).is_err() && exchange.respond(b"").is_err() && exchange.cancel().is_err());
}

fn answer(question: Question, how: u8) -> Decision {
    if how & 0x80 != 0 {
        return Decision::Unavailable;
    }
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
            let granted = name.is_none_or(|name| name == "user") && token.same_octets(b"tok");
            if !granted && how & 8 != 0 {
                let status =
                    if how & 16 != 0 { TokenStatus::InsufficientScope } else { TokenStatus::InvalidToken };
                return Decision::RefusedToken(
                    TokenRefusal::new(status)
                        .with_scope("mail")
                        .with_openid_configuration("https://login.example/\"\\"),
                );
            }
            granted
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
    if how & 0x20 != 0 {
        credentials = credentials.with_authorization("other").with_endpoint("mail.example", 995);
    }
    assert!(!format!("{credentials:?}").contains("pencil"));
    let mut exchange = match client::ClientExchange::new(mechanism, &credentials, &setup) {
        Ok(exchange) => exchange,
        Err(error) => return assert!(how & 0x20 != 0 && !error.to_string().is_empty(), "{error:?}"),
    };
    assert_eq!(exchange.mechanism(), mechanism);
    assert!(exchange.initial().is_none() || mechanism.is_client_first());
    if how & 4 != 0 {
        let _ = exchange.take_initial();
    }
    let mut answered = 0;
    for challenge in challenges {
        match exchange.respond(challenge) {
            Ok(response) => assert!(response.len() <= 1024),
            Err(error) => {
                assert!(!error.to_string().is_empty() && !error.to_string().chars().any(char::is_control));
                break;
            }
        }
        answered += 1;
    }
    choose(how, challenges, &credentials);
    assert!(answered <= 3, "{mechanism} goes on");
    assert!(!mechanism.is_mutual() || exchange.finish().is_err(), "a proof out of nothing");
    assert!(exchange.failure_details().is_none_or(|details| details.len() <= 8192));
}

/// A mechanism is only chosen if it was offered, is permitted and suits the credentials.
fn choose(how: u8, offered: &[&[u8]], credentials: &Credentials) {
    let is = |bit: u8| how & (1 << bit) != 0;
    let policy = client::MechanismPolicy::default()
        .with_secrets(is(3))
        .with_bindings(is(4))
        .with_binding_required(is(5))
        .with_cram_md5(is(6));
    let names: Vec<&[u8]> = offered.iter().flat_map(|list| list.split(|&octet| octet == b' ')).collect();
    let chosen = client::candidates(&names, credentials, &policy);
    for mechanism in Mechanism::ALL {
        let is_offered = names.iter().any(|name| name.eq_ignore_ascii_case(mechanism.name().as_bytes()));
        let is_secret = is(3) || !mechanism.exposes_secret();
        let is_bound = mechanism.needs_channel_binding();
        let is_permitted = is_secret && (is(4) || !is_bound) && (is_bound || !is(5));
        let is_possible = is_offered && is_permitted && (is(6) || *mechanism != Mechanism::CramMd5);
        assert_eq!(policy.permits(*mechanism) && is_offered, is_possible);
        assert!(is_possible || !chosen.contains(mechanism));
        let suits = credentials.suit(*mechanism);
        assert!(suits.is_ok() || !chosen.contains(mechanism));
        assert!(suits.is_ok_and(|()| true) || suits.is_err_and(|error| !error.to_string().is_empty()));
    }
    let plus = names.iter().any(|name| name.to_ascii_uppercase().ends_with(b"-PLUS"));
    assert_eq!(client::offers_plus(&names), plus);
}

/// What can be read is written unchanged, and preparing it again changes nothing.
fn text(octets: &[u8]) {
    match Keys::parse(octets) {
        Ok(keys) => assert_eq!(keys.to_text().expose(), octets),
        Err(error) => assert!(!error.to_string().is_empty()),
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
