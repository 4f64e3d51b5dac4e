//! EXTERNAL, ANONYMOUS, and properties of all exchanges.

use pop3_sasl::scram::{Hash, Keys, KeysError, MAX_ITERATIONS};
use pop3_sasl::server::{Decision, ExchangeMisuse, ExchangeStep, Failure, Question, ServerExchange};
use pop3_sasl::{ChannelBindings, Mechanism, Secret};

use crate::support::{challenge, client, exchange, failure, identity, keys, malformed, question, setup};
// EXT-1.01
#[test]
fn external_with_bad_names() {
    for message in [b"\0".as_slice(), b"fred\0", b"a\nb", b"\xff", &[b'x'; 256]] {
        malformed(Mechanism::External, message);
    }
    let mut exchange = exchange(Mechanism::External);
    question(exchange.begin(Some(b"fred")));
    assert_eq!(failure(exchange.answer(Decision::Refused)), Failure::Refused);
}

// 4505-2.01
#[test]
fn anonymous_with_traces() {
    for trace in ["", "sirhc", "someone@example.com", "\u{16a0} \u{16a1}", &"\u{e9}".repeat(255)] {
        let asked = question(exchange(Mechanism::Anonymous).begin(Some(trace.as_bytes())));
        assert!(matches!(asked, Question::Anonymous { trace: found } if found == trace));
    }
    for trace in ["a\nb", "\u{85}", "\u{e000}", "\u{fffd}", "\u{202e}", &"x".repeat(256), "\u{627}1"] {
        malformed(Mechanism::Anonymous, trace.as_bytes());
    }
    malformed(Mechanism::Anonymous, b"\xff");
}

// 5034-4.11
#[test]
fn cancelling_tells_nothing_about_the_credentials() {
    for &mechanism in Mechanism::ALL {
        let mut exchange = exchange(mechanism);
        challenge(exchange.begin(None));
        assert_eq!(failure(exchange.cancel()), Failure::Cancelled);
        assert_eq!(exchange.cancel().unwrap_err(), ExchangeMisuse::Over);
    }
    let mut exchange = exchange(Mechanism::Plain);
    question(exchange.begin(Some(b"\0u\0p")));
    assert_eq!(failure(exchange.cancel()), Failure::Cancelled);
}

// 5034-4.17
#[test]
fn the_answer_to_our_proof_is_empty() {
    for (response, done) in [(b"".as_slice(), true), (b"=", false), (b"\0", false)] {
        let mut client = client();
        let mut exchange = exchange(Mechanism::ScramSha256);
        let first = client.take_initial().expect("a first message");
        question(exchange.begin(Some(first.expose())));
        let salt = challenge(exchange.answer(Decision::Keys(Some(keys()))));
        let proof = client.respond(&salt).expect("a proof");
        challenge(exchange.respond(proof.expose()));
        let end = exchange.respond(response).expect("in turn");
        assert_eq!(matches!(end, ExchangeStep::Done(_)), done, "{end:?}");
    }
}

// 3206-5.03
#[test]
fn a_fault_is_not_a_refusal() {
    for (mechanism, message) in [
        (Mechanism::Plain, b"\0u\0p".as_slice()),
        (Mechanism::ScramSha1, b"n,,n=user,r=abc"),
        (Mechanism::XOAuth2, b"user=u\x01auth=Bearer t\x01\x01"),
        (Mechanism::External, b""),
    ] {
        let mut exchange = exchange(mechanism);
        question(exchange.begin(Some(message)));
        let failure = failure(exchange.answer(Decision::Unavailable));
        assert_eq!(failure, Failure::Unavailable);
        assert!(!failure.is_refusal());
    }
}

#[test]
fn misuse_changes_nothing() {
    let mut exchange = exchange(Mechanism::ScramSha256);
    assert_eq!(exchange.respond(b"").unwrap_err(), ExchangeMisuse::NotTheClient);
    assert_eq!(exchange.answer(Decision::Granted).unwrap_err(), ExchangeMisuse::NotAsked);
    challenge(exchange.begin(None));
    assert_eq!(exchange.begin(None).unwrap_err(), ExchangeMisuse::Begun);
    assert_eq!(exchange.answer(Decision::Keys(None)).unwrap_err(), ExchangeMisuse::NotAsked);
    let mut client = client();
    let first = client.take_initial().expect("a first message");
    question(exchange.respond(first.expose()));
    assert_eq!(exchange.respond(b"").unwrap_err(), ExchangeMisuse::NotTheClient);
    assert_eq!(exchange.answer(Decision::Granted).unwrap_err(), ExchangeMisuse::NotAsked);
    assert_eq!(exchange.answer(Decision::GrantedAs("x".into())).unwrap_err(), ExchangeMisuse::NotAsked);
    let other = Keys::derive(Hash::Sha1, b"pencil", &[1; 16], 4096).expect("keys");
    assert_eq!(exchange.answer(Decision::Keys(Some(other))).unwrap_err(), ExchangeMisuse::WrongHash);
    let salt = challenge(exchange.answer(Decision::Keys(Some(keys()))));
    let proof = client.respond(&salt).expect("a proof");
    let ours = challenge(exchange.respond(proof.expose()));
    client.respond(&ours).expect("a server that knows the keys");
    assert_eq!(identity(exchange.respond(b"")).acts_as(), Some("user"));
    assert_eq!(exchange.respond(b"").unwrap_err(), ExchangeMisuse::Over);
    assert_eq!(exchange.begin(None).unwrap_err(), ExchangeMisuse::Over);
    assert_eq!(exchange.answer(Decision::Keys(None)).unwrap_err(), ExchangeMisuse::Over);

    let mut plain = self::exchange(Mechanism::Plain);
    question(plain.begin(Some(b"\0u\0p")));
    assert_eq!(plain.answer(Decision::Keys(None)).unwrap_err(), ExchangeMisuse::NotAsked);
    identity(plain.answer(Decision::Granted));
}

#[test]
fn keys_that_are_none() {
    let salt = [1; 16];
    let derive =
        |password: &[u8], salt: &[u8], count| Keys::derive(Hash::Sha1, password, salt, count).map(drop);
    assert_eq!(derive(b"p", &salt, 4095), Err(KeysError::Iterations));
    assert_eq!(derive(b"p", &salt, MAX_ITERATIONS + 1), Err(KeysError::Iterations));
    assert_eq!(derive(b"p", &[], 4096), Err(KeysError::Salt));
    assert_eq!(derive(b"p", &[0; 129], 4096), Err(KeysError::Salt));
    assert_eq!(derive(b"", &salt, 4096), Err(KeysError::Password));
    assert_eq!(derive(b"\xff", &salt, 4096), Err(KeysError::Password));
    assert_eq!(derive(b"a\0", &salt, 4096), Err(KeysError::Password));
    assert_eq!(derive(&[b'p'; 1025], &salt, 4096), Err(KeysError::Password));
    let good = "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE=";
    assert!(Keys::parse(good.as_bytes()).expect("keys").verify_password(b"pencil"));
    for (from, to, error) in [
        ("SHA-1", "SHA-2", KeysError::Hash),
        ("SCRAM", "scram", KeysError::Hash),
        ("4096", "1", KeysError::Iterations),
        ("4096", "04096", KeysError::Iterations),
        ("4096", "+4096", KeysError::Iterations),
        ("4096", "99999999999", KeysError::Iterations),
        ("QSXCR+Q6sek8bf92", "", KeysError::Salt),
        ("QSXCR+Q6sek8bf92", "QSXCR+Q6sek8bf9", KeysError::Syntax),
        ("6dlGYMOdZcOPutkcNY8U2g7vK9Y=", "AAAA", KeysError::Length),
        ("D+CSWLOshSulAsxiupA+qs2/fTE=", "AAAA", KeysError::Length),
        ("TE=", "TE", KeysError::Syntax),
        ("TE=", "TE=$", KeysError::Syntax),
        (":D", "$D", KeysError::Syntax),
        ("$6", ":6", KeysError::Syntax),
    ] {
        let text = good.replacen(from, to, 1);
        assert_eq!(Keys::parse(text.as_bytes()).map(drop), Err(error), "{text}");
    }
    assert_eq!(Keys::parse(b"\xff").map(drop), Err(KeysError::Syntax));
    assert_eq!(Keys::parse(&[b'$'; 1025]).map(drop), Err(KeysError::Syntax));
}

// 5034-4.30
#[test]
fn nothing_secret_is_printed() {
    let mut plain = exchange(Mechanism::Plain);
    let asked = plain.begin(Some(b"\0user\0pencil"));
    let mut scram = ServerExchange::new(
        Mechanism::ScramSha256Plus,
        setup().with_bindings(ChannelBindings::none().with_exporter(*b"EXPORTEREXPORTEREXPORTEREXPORTER")),
    );
    question(scram.begin(Some(b"p=tls-exporter,,n=user,r=abc")));
    let challenged = scram.answer(Decision::Keys(Some(keys())));
    let text = keys().to_text();
    let printed =
        format!("{asked:?} {plain:?} {challenged:?} {scram:?} {:?} {text:?}", Decision::Keys(Some(keys())));
    for secret in ["pencil", "a key that nobody knows", "EXPORTER", "SCRAM-SHA-256$"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
        let octets = format!("{:?}", secret.as_bytes());
        assert!(!printed.contains(octets.trim_matches(['[', ']'])), "{secret} in {printed}");
    }
    assert_eq!(format!("{:?}", Secret::from("pencil")), "Secret(***)");
}
