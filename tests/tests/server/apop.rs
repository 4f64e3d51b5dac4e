//! Logins by APOP.

use bytes::BytesMut;
use pop3_proto::apop::Timestamp;
use pop3_proto::server::{Answer, Request, ServerConfig, ServerConnection, ServerState, ServerStep};
use pop3_proto::{Channel, Input, Rejection};
use pop3_tests::START;
use pop3_tests::model::check_line;
use pop3_tests::observed::Watch;
use pop3_tests::server::Server;
use pop3_tests::store::Store;

const TIMESTAMP: &str = "<1896.697170952@dbc.mtview.ca.us>";
const GOOD: &str = "APOP mrose c4c9334bac560ecc979e58001b3e22fb";

fn new(channel: Channel) -> Server {
    let mut config = ServerConfig::default();
    config.starttls = true;
    Server::with(Store::fixture(), config, channel, Some(TIMESTAMP))
}

// 1939-7.30, 1939-7.33, 1939-7.36, 3206-5.01, 3206-6.01
#[test]
fn the_digest_of_the_greetings_timestamp_logs_in() {
    let mut server = new(Channel::Plaintext);
    assert_eq!(server.take(), format!("+OK POP3 server ready {TIMESTAMP}\r\n").as_bytes());
    assert_eq!(server.say(GOOD), "+OK maildrop has 3 messages (67 octets)\r\n");
    let mut server = new(Channel::Plaintext);
    server.take();
    assert!(server.say("APOP mrose c4c9334bac560ecc979e58001b3e22fc").starts_with("-ERR [AUTH] "));
    assert!(server.say(GOOD).starts_with("+OK "));
}

// 1939-7.32
#[test]
fn without_a_timestamp_there_is_no_apop() {
    let mut config = ServerConfig::default();
    config.greeting = "hello <1.2@h> there".into();
    let mut server = Server::with(Store::fixture(), config, Channel::TrustedPlaintext, None);
    assert!(!server.take().contains(&b'<'));
    assert!(server.say(GOOD).starts_with("-ERR "));
    assert_eq!(server.asked(), []);
    assert!(!server.say("CAPA").contains("APOP"));
}

// A timestamp that could break the greeting cannot be created, and the longest one fits.
#[test]
fn no_timestamp_breaks_the_greeting() {
    let longest = format!("<{}@b>", "a".repeat(Timestamp::MAX_LEN - 4));
    for bad in ["<a@b>\r\n+OK", "a@b", "<a b@c>", "", &format!("<a{}", &longest[1..])] {
        assert_eq!(Timestamp::parse(bad.as_bytes()), None, "{bad}");
    }
    let mut config = ServerConfig::default();
    config.greeting = "x".repeat(600);
    let mut server = Server::with(Store::fixture(), config, Channel::Plaintext, Some(&longest));
    let greeting = server.take();
    check_line(&greeting).unwrap();
    assert_eq!(Timestamp::find(&greeting), Timestamp::parse(longest.as_bytes()));
    assert!(server.say(GOOD).starts_with("-ERR [AUTH] "));
}

// 1939-7.34: upper-case digits are accepted, too.
#[test]
fn hexadecimal_digits_have_no_case() {
    let mut server = new(Channel::Plaintext);
    server.take();
    assert!(server.say("APOP mrose C4C9334BAC560ECC979E58001B3E22FB").starts_with("+OK "));
}

// 1939-7.35
#[test]
fn what_is_no_digest_is_refused() {
    let z = format!("APOP mrose {}", "z".repeat(32));
    for line in [
        "APOP",
        "APOP mrose",
        "APOP mrose abc",
        &z,
        &format!("{GOOD} x"),
        &format!("{GOOD}0"),
        &format!("{GOOD}\t"),
    ] {
        let mut server = new(Channel::Plaintext);
        server.take();
        assert!(server.say(line).starts_with("-ERR "), "{line}");
        assert_eq!(server.asked(), [], "{line}");
        assert_eq!(server.connection().session().state(), ServerState::Authorization);
    }
}

// 1939-7.37: APOP after USER is accepted, as by other servers, but not after the login.
#[test]
fn apop_logs_in_once() {
    let mut server = new(Channel::TrustedPlaintext);
    server.take();
    server.say("USER other");
    assert!(server.say(GOOD).starts_with("+OK "));
    assert!(server.say(GOOD).starts_with("-ERR "));
    assert_eq!(server.say("STAT"), "+OK 3 67\r\n");
}

// 1939-7.42: the timestamp of the only greeting remains valid after STLS.
#[test]
fn the_timestamp_outlives_stls() {
    let mut server = new(Channel::Plaintext);
    server.say("STLS");
    assert_eq!(server.handshakes(), 1);
    assert!(server.say(GOOD).starts_with("+OK "));
}

// 1939-7.31
#[test]
fn timestamps_differ_as_their_random_octets_do() {
    let all: std::collections::HashSet<_> =
        (0..10_000_u128).map(|random| Timestamp::from_random(random.to_be_bytes(), "h")).collect();
    assert_eq!(all.len(), 10_000);
}

// 1939-7.13, 1939-7.38: a store can distinguish the two methods, and permit a user only one of them.
#[test]
fn the_store_knows_how_the_name_was_proved() {
    for (line, has_password) in [("USER mrose\r\nPASS tanstaaf", true), (GOOD, false)] {
        let timestamp = Timestamp::parse(TIMESTAMP.as_bytes());
        let mut core = ServerConnection::new(ServerConfig::default().into(), Channel::Tls, timestamp, START);
        let line = format!("{line}\r\n");
        let (mut input, mut out) = (Input::new(line.as_bytes()), BytesMut::new());
        let step = core.poll(START, &mut input, &mut out);
        if let ServerStep::Ask(Request::Password { password, .. }) = &step {
            assert!(has_password && password.same_octets(b"tanstaaf"));
        } else if let ServerStep::Ask(Request::Apop { proof, .. }) = &step {
            assert!(!has_password && proof.timestamp().as_str() == TIMESTAMP);
            assert!(proof.is_made_with(b"tanstaaf") && !proof.is_made_with(b"tanstaaF"));
        } else {
            panic!("credentials are to be checked: {step:?}");
        }
        let length = out.len();
        core.answer(Answer::Reject(Rejection::credentials()), START, &mut out).unwrap();
        let ServerStep::Pause(until) = core.poll(START, &mut input, &mut out) else {
            panic!("it is held back")
        };
        let _ = core.poll(until, &mut input, &mut out);
        assert!(out[length..].starts_with(b"-ERR [AUTH] "));
        Watch::server(Channel::Tls, line.as_bytes(), &out);
    }
}
