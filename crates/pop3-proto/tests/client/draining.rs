//! Replies that nobody waits for any longer can be read and discarded, and the session continues.

use pop3_proto::client::{ClientConfig, ClientState};
use pop3_proto::{Channel, Command, MechanismName};

use crate::support::{Player, number, pass, retr, user};

/// Whatever was requested, and wherever in its reply: the rest is drained, and the next reply is the correct one.
#[test]
fn replies_are_drained_from_any_place() {
    let commands = [Command::List(None), retr(1), Command::Dele(number(1)), Command::Capa, retr(2)];
    let replies = b"+OK\r\n1 5\r\n.\r\n+OK\r\n..+OK\r\n.\r\n-ERR no\r\n+OK\r\nUIDL\r\n.\r\n-ERR gone\r\n";
    for at in 0..=replies.len() {
        let mut player = Player::ready(ClientConfig::default());
        for command in &commands {
            player.try_send(command).unwrap();
        }
        player.feed(&replies[..at]);
        assert!(player.client.can_drain());
        player.feed(&replies[at..]);
        assert_eq!((player.client.outstanding(), player.client.can_drain()), (0, true), "{at}");
        assert!(player.client.is_quiet());
        player.told();
        player.exchange(&Command::Stat, b"+OK 1 5\r\n");
        assert!(player.told()[0].starts_with("Stat Positive 1 5"), "{at}");
    }
}

/// A login and QUIT are drained, too. The state changes as their replies require.
#[test]
fn a_login_that_was_given_up_is_a_login() {
    let mut player = Player::greeted(ClientConfig::default());
    assert!(player.client.can_drain());
    player.exchange(&user(), b"+OK\r\n");
    player.try_send(&pass()).unwrap();
    assert!(player.client.can_drain());
    player.feed(b"+OK\r\n");
    assert_eq!(player.client.state(), ClientState::Transaction);
    player.try_send(&Command::Quit).unwrap();
    assert!(player.client.can_drain());
    player.feed(b"+OK\r\n");
    assert!(!player.client.can_drain(), "there is no session any more");
}

/// STLS and AUTH are not, because the caller must know what follows their reply.
#[test]
fn stls_and_auth_are_not_drained() {
    let mut player = Player::new(ClientConfig::default(), Channel::Plaintext);
    assert!(!player.client.can_drain(), "before the greeting");
    player.feed(b"+OK\r\n");
    player.try_send(&Command::Stls).unwrap();
    assert!(!player.client.can_drain());
    player.feed(b"-ERR\r\n");
    assert!(player.client.can_drain());
    player.exchange(&Command::Stls, b"+OK\r\n");
    assert!(!player.client.can_drain(), "the handshake is due");
    player.client.tls_established(player.now).unwrap();
    assert!(player.client.can_drain());

    let mechanism = MechanismName::parse(b"SCRAM-SHA-256").unwrap();
    for sealed in [true, false] {
        if sealed {
            player.client.send_sealed_auth(mechanism, None, player.now, &mut player.sent).unwrap();
        } else {
            player.try_send(&Command::Auth { mechanism, initial: None }).unwrap();
        }
        assert!(!player.client.can_drain());
        player.feed(b"+ \r\n");
        assert!(!player.client.can_drain(), "a challenge waits");
        player.client.cancel(player.now, &mut player.sent).unwrap();
        assert!(!player.client.can_drain(), "the reply to AUTH is still due");
        player.feed(b"-ERR\r\n");
        assert!(player.client.can_drain());
    }
    player.feed(b"+OK what\r\n");
    assert!(!player.client.can_drain(), "the connection failed");
}
