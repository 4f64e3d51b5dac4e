//! Unsolicited lines are not accepted as replies.

use pop3_proto::Command;
use pop3_proto::client::{ClientConfig, ClientState, SendError};

use crate::support::{Cut, Player, play, play_split, turn, user};

/// SEC-07: a second reply to one command ends the connection.
#[test]
fn a_surplus_reply_is_refused() {
    let turns = [turn(&[], b"+OK\r\n"), turn(&[Command::Capa], b"-ERR\r\n+OK\r\n")];
    let told = play_split(&ClientConfig::default(), &turns);
    assert_eq!(told, ["greeting Positive ", "warning NoCapabilities", "Capa Negative ", "error Unsolicited"]);
}

/// SEC-06: only the greeting may arrive before the first command.
#[test]
fn octets_behind_the_greeting_are_refused() {
    let told = play_split(&ClientConfig::default(), &[turn(&[], b"+OK\r\n+OK\r\n")]);
    assert_eq!(told, ["greeting Positive ", "error Unsolicited"]);
}

/// If a caller sends a command before it has polled to the end, the command is not matched to what
/// had already arrived.
#[test]
fn sending_over_unread_octets_is_refused() {
    use bytes::BytesMut;
    use pop3_proto::client::{ClientConnection, ClientEvent};
    use pop3_proto::{Channel, Input, Instant};
    let mut client = ClientConnection::new(ClientConfig::default(), Channel::Tls, Instant::EPOCH);
    let mut input = Input::new(b"+OK\r\n+OK\r\n");
    assert!(matches!(client.poll(Instant::EPOCH, &mut input), Ok(ClientEvent::Greeting { .. })));
    let mut out = BytesMut::new();
    assert_eq!(client.send(&user(), Instant::EPOCH, &mut out), Err(SendError::Unread));
    assert!(out.is_empty());
}

/// TOL-21: a server that ends an idle session may say so.
#[test]
fn a_dismissal_is_told_apart() {
    for dismissal in [&b"-ERR Disconnected for inactivity.\r\n"[..], b"-ERR\r\n", b"-err bye", b"-ERR"] {
        let told = play_split(&ClientConfig::default(), &[turn(&[], b"+OK\r\n"), turn(&[], dismissal)]);
        assert_eq!(told, ["greeting Positive ", "error Dismissed"]);
    }
    for other in [&b"-ERRATIC\r\n"[..], b"-E", b"+", b"\r\n", b"hello"] {
        let told = play_split(&ClientConfig::default(), &[turn(&[], b"+OK\r\n"), turn(&[], other)]);
        assert_eq!(told, ["greeting Positive ", "error Unsolicited"]);
    }
}

#[test]
fn errors_are_final() {
    let mut player = Player::greeted(ClientConfig::default());
    player.feed(b"+OK\r\n");
    for _ in 0..3 {
        player.feed(b"+OK more\r\n");
        assert_eq!(player.told(), ["error Unsolicited"]);
        assert_eq!(player.try_send(&Command::Quit), Err(SendError::State(ClientState::Closed)));
        assert_eq!((player.client.state(), player.client.deadline()), (ClientState::Closed, None));
    }
}

#[test]
fn what_comes_behind_the_end_is_ignored() {
    let turns = [turn(&[], b"+OK\r\n"), turn(&[Command::Quit], b"+OK\r\n+OK more\r\n")];
    let told = play(&ClientConfig::default(), &turns, &Cut::Whole);
    assert_eq!(told, ["greeting Positive ", "Quit Positive ", "closed"]);
}
