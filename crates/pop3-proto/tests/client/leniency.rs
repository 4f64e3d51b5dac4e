//! Quirks of servers: they are reported with the event that they concern, or refused.

use pop3_proto::client::ClientConfig;
use pop3_proto::{Command, ReplyShape};

use crate::support::{Player, extension, number, play_split, retr, strict, turn};

/// TOL-02, TOL-03, TOL-04, TOL-08, TOL-15, 1939-5.32, 1939-7.58: each line is the command, the reply, the quirk.
#[test]
fn lenient_warns_and_strict_refuses() {
    for (command, reply, quirk) in [
        (Command::Noop, &b"+ok\r\n"[..], "StatusCase"),
        (Command::Noop, b"-Err no\r\n", "StatusCase"),
        (Command::Noop, b"+OK hi\n", "BareLineFeed"),
        (Command::Noop, b"+OK\thi\r\n", "Spacing"),
        (Command::Stat, b"+OK  2 320\r\n", "Spacing"),
        (Command::Stat, b"+OK 2  320\r\n", "Spacing"),
        (Command::Stat, b"+OK 2 -1\r\n", "NegativeOctets"),
        (Command::List(Some(number(1))), b"+OK 1  120\r\n", "Spacing"),
        (Command::List(None), b"+OK\r\n 1 120 foo\r\n.\r\n", "Spacing"),
        (Command::List(None), b"+OK\r\n1 120\n.\r\n", "BareLineFeed"),
        (Command::List(None), b"+OK\r\n1 120\r\n.\n", "BareLineFeed"),
        (Command::List(None), b"+OK\r\n\r\n1 120\r\n.\r\n", "EmptyListingLine"),
        (Command::List(None), b"+OK\r\n1 120\r\n1 130\r\n.\r\n", "RepeatedNumber"),
        (Command::List(None), b"+OK\r\n1 120\r\n2 130\r\n1 1\r\n.\r\n", "UnorderedListing"),
        (Command::Uidl(None), b"+OK\r\n1 a b\r\n.\r\n", "UniqueIdSyntax"),
        (Command::Uidl(Some(number(1))), b"+OK 3f2a@x\r\n", "MissingNumber"),
        (Command::Capa, b"+OK\r\nTOP \r\n.\r\n", "Spacing"),
        (Command::Capa, b"+OK\r\nEXPIRENEVER\r\n.\r\n", "JoinedCapability"),
        (Command::Capa, b"+OK\r\n\r\n.\r\n", "EmptyListingLine"),
    ] {
        let name = String::from_utf8_lossy(reply);
        let mut player = Player::ready(ClientConfig::default());
        player.exchange(&command, reply);
        let told = player.told();
        let warnings: Vec<_> = told.iter().filter(|line| line.starts_with("warning")).collect();
        assert_eq!(warnings, [&format!("warning {quirk}")], "{name}");
        assert!(!told.iter().any(|line| line.starts_with("error")), "{name}: {told:?}");
        assert_eq!(player.client.outstanding(), 0, "{name}");

        let mut player = Player::ready(strict());
        player.exchange(&command, reply);
        assert_eq!(player.told().last().unwrap(), &format!("error Quirk({quirk})"), "{name}");
    }
}

/// Quirks are reported with their event.
#[test]
fn quirks_come_with_their_event() {
    let mut player = Player::ready(ClientConfig::default());
    player.exchange(&Command::Stat, b"+ok 1  -5\n");
    assert_eq!(
        player.told(),
        [
            "warning StatusCase",
            "warning BareLineFeed",
            "warning NegativeOctets",
            "Stat Positive 1  -5 Drop(DropListing { messages: 1, octets: 0, quirk: Some(NegativeOctets) })",
        ]
    );
}

/// TOL-05: a few empty lines before the greeting, and nothing else.
#[test]
fn empty_lines_before_the_greeting() {
    let told = play_split(&ClientConfig::default(), &[turn(&[], b"\r\n\n\r\n\r\n+OK hi\r\n")]);
    assert_eq!(told[..2], ["warning EmptyLineBeforeGreeting", "greeting Positive hi"]);
    let told = play_split(&ClientConfig::default(), &[turn(&[], b"\r\n\r\n\r\n\r\n\r\n+OK hi\r\n")]);
    assert_eq!(told.last().unwrap(), "error OutOfStep");
    let told = play_split(&ClientConfig::default(), &[turn(&[], b"log: started\r\n+OK hi\r\n")]);
    assert_eq!(told, ["error OutOfStep"]);
    let told = play_split(&strict(), &[turn(&[], b"\r\n+OK hi\r\n")]);
    assert_eq!(told, ["error Quirk(EmptyLineBeforeGreeting)"]);
}

/// 1939-3.35, TOL-23, SEC-12: a body ends with CRLF.CRLF, lenient or not.
#[test]
fn bodies_are_strict() {
    for config in [ClientConfig::default(), strict()] {
        let mut player = Player::ready(config);
        player.exchange(&retr(1), b"+OK\r\na\n.\r\n.. \r\n..\r\n..\n\r\nb\n.\n-ERR x\r\n.\r\n");
        assert_eq!(
            player.told(),
            ["Retr Positive  …", "data a\\n.\\r\\n. \\r\\n.\\r\\n.\\n\\r\\nb\\n.\\n-ERR x\\r\\n", "end Retr"]
        );
    }
}

/// The lines of an extension may come from a message, so a bare LF is refused even in lenient mode.
#[test]
fn lines_of_extensions_are_strict() {
    for reply in [&b"+OK\r\nSubject: a\n.\r\n+OK\r\n.\r\n"[..], b"+OK\r\n.\n"] {
        let mut player = Player::ready(ClientConfig::default());
        player.exchange(&extension(b"XTND XLST Subject", ReplyShape::Lines), reply);
        assert_eq!(player.told(), ["Extension Positive  …", "error Quirk(BareLineFeed)"]);
    }
}
