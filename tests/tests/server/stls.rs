//! STLS: what was sent before TLS counts for nothing after it.

use bytes::BytesMut;
use pop3_observer::Side;
use pop3_proto::server::{Close, ServerConfig, ServerConnection, ServerState, ServerStep};
use pop3_proto::{Channel, Input, Instant};
use pop3_tests::START;
use pop3_tests::observed::Watch;
use pop3_tests::server::Server;
use pop3_tests::store::Store;

fn new() -> Server {
    let mut config = ServerConfig::default();
    config.starttls = true;
    let mut server = Server::with(Store::fixture(), config, Channel::TrustedPlaintext, None);
    server.take();
    server
}

// 2595-4.11, 2595-4.17
#[test]
fn the_reply_is_one_line_and_there_is_no_second_greeting() {
    let mut server = new();
    assert_eq!(server.say("STLS"), "+OK begin TLS negotiation\r\n");
    assert_eq!((server.handshakes(), server.connection().session().state()), (1, ServerState::Authorization));
    assert_eq!(server.connection().session().channel(), Channel::Tls);
    assert_eq!(server.take(), b"");
    assert!(server.log_in_again().say("STAT").starts_with("+OK 3 67"));
}

trait LogIn {
    fn log_in_again(self) -> Self;
}

impl LogIn for Server {
    fn log_in_again(mut self) -> Self {
        self.say("USER mrose");
        self.say("PASS tanstaaf");
        self
    }
}

// 2595-4.12: complete lines, a part of one, and at every split of the flight.
#[test]
fn octets_behind_stls_are_thrown_away() {
    for injected in
        [&b"USER x\r\n"[..], b"USER mrose\r\nPASS tanstaaf\r\nDELE 1\r\n", b"QUI", b"\r\n", b"STLS\r\n"]
    {
        let flight = [&b"CAPA\r\nSTLS\r\n"[..], injected].concat();
        for length in 1..=flight.len() {
            let mut server = new();
            server.feed(&flight, &[length]);
            let sent = String::from_utf8(server.take()).unwrap();
            assert!(sent.ends_with(".\r\n+OK begin TLS negotiation\r\n"), "{sent}");
            assert_eq!((server.handshakes(), server.received()), (1, &b""[..]));
            assert_eq!(server.asked(), []);
            // None of it precedes the first command under TLS.
            assert!(server.say("NOOP").starts_with("-ERR log in first"));
            assert!(server.say("CAPA").starts_with("+OK "));
            assert_eq!(server.connection().session().state(), ServerState::Authorization);
        }
    }
}

// 2595-4.12: the core itself discards the input, and accepts nothing before the handshake.
#[test]
fn the_core_leaves_nothing_to_forget() {
    let mut config = ServerConfig::default();
    config.starttls = true;
    let mut core = ServerConnection::new(config.into(), Channel::Plaintext, None, START);
    let (mut input, mut out) = (Input::new(b"STLS\r\nCAPA\r\nQUI"), BytesMut::new());
    assert!(matches!(core.poll(START, &mut input, &mut out), ServerStep::StartTls));
    assert_eq!(input.rest(), b"");
    let mut watch = Watch::new(Side::Server, Channel::Plaintext);
    watch.sent(Side::Client, b"STLS\r\nCAPA\r\nQUI");
    watch.sent(Side::Server, &out);
    let length = out.len();
    let mut late = Input::new(b"CAPA\r\n");
    assert!(matches!(core.poll(START, &mut late, &mut out), ServerStep::StartTls));
    assert_eq!((late.consumed(), out.len()), (0, length));
    core.tls_established(START).unwrap();
    // Half a line from before does not precede this one.
    let mut input = Input::new(b"T\r\n");
    assert!(matches!(core.poll(START, &mut input, &mut out), ServerStep::Read));
    assert_eq!(&out[length..], b"-ERR unknown command\r\n");
    watch.encrypted();
    watch.sent(Side::Client, b"T\r\n");
    watch.sent(Side::Server, &out[length..]);
}

// 2595-4.16
#[test]
fn the_name_given_before_is_forgotten_and_failures_are_not() {
    let mut server = new();
    server.say("USER mrose");
    server.say("PASS wrong");
    server.say("USER mrose");
    assert!(server.say("STLS").starts_with("+OK "));
    assert!(server.say("PASS tanstaaf").starts_with("-ERR "));
    assert_eq!(server.asked().len(), 1);
    for _ in 0..2 {
        server.say("USER mrose");
        server.say("PASS wrong");
    }
    assert_eq!(server.closed(), Some(Close::FailedLogins));
}

// 2595-4.10, 2595-4.18, 2595-4.19
#[test]
fn stls_is_refused_where_it_makes_no_sense() {
    let mut server = new().log_in_again();
    assert!(server.say("STLS").starts_with("-ERR "));
    let mut server = new();
    server.say("STLS");
    assert!(server.say("STLS").starts_with("-ERR "));
    for (starttls, channel) in [(true, Channel::Tls), (false, Channel::Plaintext), (false, Channel::Tls)] {
        let mut config = ServerConfig::default();
        config.starttls = starttls;
        let mut server = Server::with(Store::fixture(), config, channel, None);
        server.take();
        assert!(server.say("STLS").starts_with("-ERR "));
        assert_eq!(server.handshakes(), 0);
        assert!(server.say("CAPA").starts_with("+OK "));
    }
}

// SEC-10: the deadline for the login includes the handshake.
#[test]
fn the_handshake_has_the_logins_deadline() {
    let mut server = new();
    let deadline = server.connection().deadline();
    server.advance(core::time::Duration::from_secs(50));
    server.say("STLS");
    assert_eq!(server.connection().deadline(), deadline);
    assert!(deadline > Instant::EPOCH);
}
