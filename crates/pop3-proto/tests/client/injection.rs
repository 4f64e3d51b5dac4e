//! STLS: nothing from before TLS is trusted after it.

use pop3_proto::client::{ClientConfig, ClientMisuse, ClientState, SendError};
use pop3_proto::{Channel, Command};

use crate::support::{Player, apop, configured, lines, pass, user};

const GREETING: &[u8] = b"+OK <1896.697170952@dbc.mtview.ca.us>\r\n";

fn upgraded(config: ClientConfig) -> Player {
    let mut player = Player::new(config, Channel::Plaintext);
    player.feed(GREETING);
    player.exchange(&Command::Capa, b"+OK\r\nSTLS\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n");
    player.exchange(&Command::Stls, b"+OK go\r\n");
    player
}

/// 2595-4.13, SEC-06: octets after the reply to STLS end the connection, however they arrive.
#[test]
fn octets_behind_the_reply_are_refused() {
    let reply = b"+OK go\r\n+OK injected\r\n";
    for cut in 0..=reply.len() {
        let mut player = Player::new(ClientConfig::default(), Channel::Plaintext);
        player.feed(b"+OK\r\n");
        player.try_send(&Command::Stls).unwrap();
        player.feed(&reply[..cut]);
        player.feed(&reply[cut..]);
        assert_eq!(player.log.last().unwrap(), "error Injected");
        assert!(player.client.tls_established(player.now).is_err());
        assert_eq!(player.try_send(&user()), Err(SendError::State(ClientState::Closed)));
        assert_eq!(&player.sent[..], b"STLS\r\n");
    }
}

/// 2595-4.14: nothing is sent before the handshake is complete.
#[test]
fn nothing_is_sent_before_tls() {
    let mut player = upgraded(ClientConfig::default());
    assert_eq!(player.log.last().unwrap(), "start tls");
    assert_eq!((player.client.state(), player.client.deadline()), (ClientState::Handshake, None));
    let sent = player.sent.clone();
    for command in [user(), pass(), apop(), Command::Capa, Command::Stls, Command::Quit, Command::Noop] {
        assert_eq!(player.try_send(&command), Err(SendError::State(ClientState::Handshake)));
    }
    assert_eq!(player.sent, sent);
}

/// 2595-4.15: capabilities are forgotten, and so is the timestamp unless requested (1939-7.42).
#[test]
fn what_was_learnt_is_forgotten() {
    let mut player = upgraded(ClientConfig::default());
    assert_eq!(lines(player.client.capabilities().unwrap()).len(), 3);
    player.client.tls_established(player.now).unwrap();
    assert_eq!((player.client.capabilities(), player.client.greeting_timestamp()), (None, None));
    assert_eq!((player.client.channel(), player.client.state()), (Channel::Tls, ClientState::Authorization));
    assert_eq!(player.try_send(&Command::Stls), Err(SendError::AlreadyTls));
    player.exchange(&Command::Capa, b"+OK\r\nUSER\r\n.\r\n");
    assert_eq!(lines(player.client.capabilities().unwrap()), [b"USER"]);
    player.exchange(&user(), b"+OK\r\n");
    player.exchange(&pass(), b"+OK\r\n");
    assert_eq!(player.client.state(), ClientState::Transaction);

    let mut player = upgraded(configured(|it| it.apop_after_stls = true));
    player.client.tls_established(player.now).unwrap();
    assert!(player.client.greeting_timestamp().is_some());
}

/// The name is forgotten, too: PASS needs a new USER.
#[test]
fn the_name_is_forgotten() {
    let mut player = Player::new(ClientConfig::default(), Channel::TrustedPlaintext);
    player.feed(b"+OK\r\n");
    player.exchange(&user(), b"+OK\r\n");
    player.exchange(&Command::Stls, b"+OK\r\n");
    player.client.tls_established(player.now).unwrap();
    assert_eq!(player.try_send(&pass()), Err(SendError::Unnamed));
}

/// 2595-4.21, 2595-2.10: after a refusal the session continues, and no secret is sent.
#[test]
fn a_refusal_leaves_the_session_in_plaintext() {
    let mut player = Player::new(ClientConfig::default(), Channel::Plaintext);
    player.feed(GREETING);
    player.exchange(&Command::Stls, b"-ERR no TLS here\r\n");
    assert_eq!(player.log.last().unwrap(), "Stls Negative no TLS here");
    assert_eq!(
        player.client.tls_established(player.now),
        Err(ClientMisuse::State(ClientState::Authorization))
    );
    assert_eq!(player.client.channel(), Channel::Plaintext);
    for command in [user(), pass(), apop()] {
        assert_eq!(player.try_send(&command), Err(SendError::Plaintext));
    }
    player.exchange(&Command::Quit, b"+OK\r\n");
    assert_eq!(&player.sent[..], b"STLS\r\nQUIT\r\n");
}

#[test]
fn the_connection_may_end_before_the_handshake() {
    let mut player = upgraded(ClientConfig::default());
    player.feed_last(b"");
    assert_eq!(player.log.last().unwrap(), "error Closed { during: Some(Stls) }");
}
