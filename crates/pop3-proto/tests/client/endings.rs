//! The connection ends before, during and after replies.

use pop3_proto::client::{ClientConfig, ClientState};
use pop3_proto::{Command, MechanismName, ReplyShape};

use crate::support::{Player, extension, play_split, retr, strict, turn, user};

fn ended(command: &Command<'_>, reply: &[u8]) -> Vec<String> {
    let mut player = Player::ready(ClientConfig::default());
    player.try_send(command).unwrap();
    player.feed_last(reply);
    player.told()
}

/// 1939-3.37: a message is complete with its last line, and not before.
#[test]
fn a_body_that_is_cut_is_an_error() {
    for reply in [&b"+OK\r\nabc\r\n"[..], b"+OK\r\nabc\r\n.", b"+OK\r\nabc\r\n.\r", b"+OK\r\nabc\n.\n"] {
        let told = ended(&retr(1), reply);
        assert_eq!(told.last().unwrap(), "error Truncated { during: Some(Retr) }");
        assert!(!told.iter().any(|line| line.starts_with("end")));
    }
    assert_eq!(ended(&retr(1), b"+OK\r\n").last().unwrap(), "error Truncated { during: Some(Retr) }");
}

#[test]
fn a_listing_that_is_cut_is_an_error() {
    let xtnd = extension(b"XTND", ReplyShape::Lines);
    for (command, keyword) in [
        (Command::List(None), "List"),
        (Command::Uidl(None), "Uidl"),
        (Command::Capa, "Capa"),
        (xtnd, "Extension"),
    ] {
        for reply in [&b"+OK\r\n"[..], b"+OK\r\n1 2\r\n", b"+OK\r\n1 2\r\n.", b"+OK\r\n1 2"] {
            let error = format!("error Truncated {{ during: Some({keyword}) }}");
            assert_eq!(ended(&command, reply).last().unwrap(), &error);
        }
    }
}

/// A truncated list of capabilities is not used.
#[test]
fn capabilities_are_known_when_the_list_is_complete() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&Command::Capa, b"+OK\r\nPIPELINING\r\n");
    assert_eq!(player.client.capabilities(), None);
    player.feed(b".\r\n");
    assert_eq!(player.client.capabilities().unwrap().lines().count(), 1);
    // 2449-5.02: a refusal provides no information.
    player.exchange(&Command::Capa, b"-ERR\r\n");
    assert_eq!(player.client.capabilities().unwrap().lines().count(), 1);
}

/// TOL-06: only the last reply may lack its line end.
#[test]
fn a_line_that_is_cut_is_an_error_but_for_quit() {
    assert_eq!(ended(&Command::Noop, b"+OK bye"), ["error Truncated { during: Some(Noop) }"]);
    assert_eq!(ended(&Command::Quit, b"+OK bye"), ["warning UnendedLine", "Quit Positive bye", "closed"]);
    assert_eq!(ended(&Command::Quit, b"-ERR no\r"), ["warning UnendedLine", "Quit Negative no", "closed"]);
    assert_eq!(ended(&Command::Quit, b"+O"), ["error Truncated { during: Some(Quit) }"]);
    let told = play_split(&strict(), &[turn(&[], b"+OK\r\n"), turn(&[Command::Quit], b"+OK bye")]);
    assert_eq!(told.last().unwrap(), "error Quirk(UnendedLine)");
}

/// TOL-07, 1939-6.15: without a reply to QUIT, it is unknown what was removed, and the client says so.
#[test]
fn an_end_instead_of_a_reply_names_the_command() {
    assert_eq!(ended(&Command::Quit, b""), ["error Closed { during: Some(Quit) }"]);
    // TOL-17: some servers close the connection when they receive CAPA.
    let told = play_split(&ClientConfig::default(), &[turn(&[], b"+OK\r\n"), turn(&[Command::Capa], b"")]);
    assert_eq!(told.last().unwrap(), "error Closed { during: Some(Capa) }");
    // While a challenge waits for its response, AUTH is still outstanding.
    let mechanism = MechanismName::parse(b"PLAIN").unwrap();
    let mut player = Player::greeted(ClientConfig::default());
    player.try_send(&Command::Auth { mechanism, initial: None }).unwrap();
    player.feed_last(b"+ \r\n");
    assert_eq!(player.told(), ["challenge ", "error Closed { during: Some(Auth) }"]);
}

/// 1939-6.16: the reply to QUIT is the end, with or without the end of the connection.
#[test]
fn quit_is_the_end() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&Command::Quit, b"+OK\r\n");
    assert_eq!(player.told(), ["Quit Positive ", "closed"]);
    assert_eq!((player.client.state(), player.client.deadline()), (ClientState::Closed, None));
    player.feed_last(b"");
    assert_eq!(player.told(), ["closed"]);
}

#[test]
fn an_end_while_idle_and_before_the_greeting() {
    let mut player = Player::greeted(ClientConfig::default());
    player.feed_last(b"");
    assert_eq!(player.told(), ["error Closed { during: None }"]);
    assert_eq!(play_split(&ClientConfig::default(), &[turn(&[], b"")]), ["error Closed { during: None }"]);
    assert_eq!(
        play_split(&ClientConfig::default(), &[turn(&[], b"+OK hi")]),
        ["error Truncated { during: None }"]
    );
}

/// 1939-4.02: a negative greeting is the end, with its text and code.
#[test]
fn a_negative_greeting_is_the_end() {
    let told = play_split(
        &strict(),
        &[turn(&[], b"-ERR [SYS/TEMP] too many connections\r\n"), turn(&[user()], b"")],
    );
    assert_eq!(
        told,
        ["greeting Negative [SYS/TEMP] too many connections", "closed", "not sent State(Closed)", "closed"]
    );
}
