//! The login: secrets are sent only on protected channels, in order, and in no other way.

use pop3_proto::apop::{Digest, Timestamp};
use pop3_proto::client::{ClientConfig, ClientState, SendError};
use pop3_proto::{ArgumentError, Channel, Command, Extension, Name, Password, ReplyShape, Xclient};

use crate::support::{Player, apop, extension, pass, user};

/// 2595-2.10: on a plaintext channel neither name nor password is sent.
#[test]
fn plaintext_carries_no_secret() {
    let mut player = Player::new(ClientConfig::default(), Channel::default());
    player.feed(b"+OK <1.2@h>\r\n");
    for command in [user(), pass(), apop()] {
        assert_eq!(player.try_send(&command), Err(SendError::Plaintext));
    }
    player.exchange(&Command::Capa, b"-ERR\r\n");
    assert_eq!(&player.sent[..], b"CAPA\r\n");
}

/// A command as an extension does not circumvent this.
#[test]
fn an_extension_is_no_other_command() {
    let mut player = Player::new(ClientConfig::default(), Channel::Plaintext);
    player.feed(b"+OK\r\n");
    for line in [
        &b"PASS secret"[..],
        b"pass secret",
        b"USER a",
        b"AUTH PLAIN AGEAYg==",
        b"APOP a b",
        b"STLS",
        b"quit",
    ] {
        assert_eq!(player.try_send(&extension(line, ReplyShape::Line)), Err(SendError::Reserved));
    }
    player.exchange(&extension(b"XTND", ReplyShape::Lines), b"-ERR\r\n");
    assert_eq!(&player.sent[..], b"XTND\r\n");
}

/// 1939-7.18: the password is sent unchanged, after one space.
#[test]
fn the_password_is_sent_verbatim() {
    for channel in [Channel::Tls, Channel::TrustedPlaintext] {
        let mut player = Player::new(ClientConfig::default(), channel);
        player.feed(b"+OK\r\n");
        player.exchange(&user(), b"+OK\r\n");
        player.exchange(&Command::Pass(Password::parse(b"  x ").unwrap()), b"+OK\r\n");
        assert_eq!(&player.sent[..], b"USER mrose\r\nPASS   x \r\n");
        assert_eq!(player.client.state(), ClientState::Transaction);
    }
}

/// 1939-7.24: after a refused name no password is sent, and never twice for one name.
#[test]
fn the_password_needs_an_accepted_name() {
    let mut player = Player::greeted(ClientConfig::default());
    assert_eq!(player.try_send(&pass()), Err(SendError::Unnamed));
    player.exchange(&user(), b"-ERR never heard of mrose\r\n");
    assert_eq!(player.try_send(&pass()), Err(SendError::Unnamed));
    player.exchange(&user(), b"+OK\r\n");
    player.exchange(&pass(), b"-ERR [AUTH] no\r\n");
    assert_eq!(player.client.state(), ClientState::Authorization);
    assert_eq!(player.try_send(&pass()), Err(SendError::Unnamed));
    for between in [Command::Capa, Command::Utf8] {
        player.exchange(&user(), b"+OK\r\n");
        player.exchange(&between, b"-ERR\r\n");
        assert_eq!(player.try_send(&pass()), Err(SendError::Unnamed));
    }
    assert!(!player.sent[..].ends_with(b"PASS tanstaaf\r\n"));
}

/// 1939-7.33, 1939-7.39, 1939-7.40: the timestamp of the greeting, if it is valid.
#[test]
fn apop_takes_the_timestamp_of_the_greeting() {
    let mut player = Player::new(ClientConfig::default(), Channel::Tls);
    player.feed(b"+OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>\r\n");
    let timestamp = player.client.greeting_timestamp().unwrap();
    assert_eq!(*timestamp, Timestamp::parse(b"<1896.697170952@dbc.mtview.ca.us>").unwrap());
    let command =
        Command::Apop { name: Name::parse(b"mrose").unwrap(), digest: Digest::new(timestamp, b"tanstaaf") };
    player.exchange(&command, b"+OK\r\n");
    assert_eq!(&player.sent[..], b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n");
    assert_eq!(player.client.state(), ClientState::Transaction);

    for greeting in
        [&b"+OK <\xfe\x01@x>\r\n"[..], b"+OK <a>\r\n", b"+OK <a@>\r\n", b"+OK >x@y<\r\n", b"-ERR <1.2@h>\r\n"]
    {
        let mut player = Player::new(ClientConfig::default(), Channel::Tls);
        player.feed(greeting);
        assert_eq!(player.client.greeting_timestamp(), None);
    }
}

/// No secret is stored, and none is shown.
#[test]
fn nothing_secret_is_shown() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&user(), b"+OK\r\n");
    player.try_send(&pass()).unwrap();
    let shown = format!("{:?}", player.client);
    assert!(!shown.contains("tanstaaf") && !format!("{:?}", pass()).contains("tanstaaf"));
    assert!(!format!("{:?}", apop()).contains("c4c9"));
}

/// 1939-3.13: arguments that would break a line cannot be created.
#[test]
fn arguments_cannot_break_a_line() {
    for octets in [&b"a\r\nDELE 1"[..], b"a\nb", b"a\0b", b"a\r"] {
        assert!(Name::parse(octets).is_err());
        assert!(Password::parse(octets).is_err());
        assert!(Extension::new(octets, ReplyShape::Line).is_err());
    }
}

/// 1939-3.03: between two words there is a single space. A name is one word, whatever spaces are in it.
#[test]
fn words_are_separated_by_one_space() {
    for octets in [&b"XTND  XLST"[..], b" XTND", b"XTND ", b"X a   b"] {
        assert_eq!(Extension::new(octets, ReplyShape::Line), Err(ArgumentError::Space));
        assert_eq!(Xclient::parse(octets), Err(ArgumentError::Space));
    }
    assert!(Extension::new(b"XTND XLST a", ReplyShape::Line).is_ok() && Xclient::parse(b"A=1 B=2").is_ok());
    assert!(Name::parse(b"a  b").is_ok() && Name::parse(b" a").is_err());
}
