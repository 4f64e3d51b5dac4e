//! Several commands outstanding.

use pop3_proto::Command;
use pop3_proto::client::{ClientConfig, ClientState, SendError};

use crate::support::{Player, configured, number, pass, retr, user};

/// 2449-6.61, 1939-3.18, 1939-6.15: replies are matched in order, whatever their shape.
#[test]
fn replies_are_paired_in_order() {
    let mut player = Player::ready(ClientConfig::default());
    for command in
        [Command::List(None), retr(1), Command::Dele(number(9)), Command::Uidl(None), Command::Quit]
    {
        player.try_send(&command).unwrap();
    }
    assert_eq!(&player.sent[..], b"LIST\r\nRETR 1\r\nDELE 9\r\nUIDL\r\nQUIT\r\n");
    assert_eq!((player.client.outstanding(), player.client.state()), (5, ClientState::Closing));
    player
        .feed(b"-ERR no\r\n+OK\r\n+OK\r\n-ERR x\r\n.\r\n-ERR what\r\n+OK\r\n.\r\n-ERR some not removed\r\n");
    assert_eq!(
        player.told(),
        [
            "List Negative no",
            "Retr Positive  …",
            "data +OK\\r\\n-ERR x\\r\\n",
            "end Retr",
            "Dele Negative what",
            "Uidl Positive  …",
            "end Uidl",
            "Quit Negative some not removed",
            "closed",
        ]
    );
}

/// 2449-6.63: without PIPELINING, or if it is turned off, one command at a time.
#[test]
fn without_pipelining_one_command_is_in_flight() {
    let mut unannounced = Player::greeted(ClientConfig::default());
    unannounced.exchange(&user(), b"+OK\r\n");
    unannounced.exchange(&pass(), b"+OK\r\n");
    let unwanted = Player::ready(configured(|it| it.pipelining = false));
    for mut player in [unannounced, unwanted] {
        player.try_send(&retr(1)).unwrap();
        assert_eq!(player.try_send(&retr(2)), Err(SendError::Window));
        player.feed(b"+OK\r\nabc\r\n");
        assert_eq!(player.try_send(&Command::Quit), Err(SendError::Window));
        player.feed(b".\r\n");
        player.try_send(&retr(2)).unwrap();
    }
}

/// 2449-5.09: some servers announce PIPELINING only after the login.
#[test]
fn the_window_opens_with_the_capability() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&user(), b"+OK\r\n");
    player.exchange(&pass(), b"+OK\r\n");
    player.exchange(&Command::Capa, b"+OK\r\npipelining\r\n.\r\n");
    player.try_send(&retr(1)).unwrap();
    player.try_send(&retr(2)).unwrap();
    player.feed(b"-ERR\r\n-ERR\r\n");
    player.exchange(&Command::Capa, b"+OK\r\nTOP\r\n.\r\n");
    player.try_send(&retr(1)).unwrap();
    assert_eq!(player.try_send(&retr(2)), Err(SendError::Window));
}

/// 2449-6.64: nothing is sent after a command that changes the state, and it waits for earlier replies.
#[test]
fn nothing_is_pipelined_before_the_login() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&Command::Capa, b"+OK\r\nPIPELINING\r\n.\r\n");
    player.try_send(&user()).unwrap();
    for command in [pass(), Command::Capa, Command::Quit, user()] {
        assert_eq!(player.try_send(&command), Err(SendError::Window));
    }
    player.feed(b"+OK\r\n");
    player.try_send(&pass()).unwrap();
    assert_eq!(player.try_send(&Command::Capa), Err(SendError::Window));
    assert_eq!(player.try_send(&Command::Quit), Err(SendError::Window));
}

/// 2449-6.62: the octets of the commands in flight do not exceed the window, and so neither do the commands.
#[test]
fn the_window_is_bounded_in_octets() {
    let mut player = Player::ready(configured(|it| it.max_octets_in_flight = 20));
    let mut sent = 0;
    for _ in 0..10 {
        sent += usize::from(player.try_send(&retr(1)).is_ok());
    }
    assert_eq!((sent, player.sent.len()), (2, 16));
    // The first line of a reply proves that its command was read.
    player.feed(b"+OK\r\n");
    player.try_send(&retr(1)).unwrap();
    assert_eq!(player.try_send(&retr(1)), Err(SendError::Window));
    assert_eq!(player.client.outstanding(), 3);

    let mut player = Player::ready(configured(|it| it.max_octets_in_flight = 0));
    player.try_send(&Command::Noop).unwrap();
    assert_eq!(player.try_send(&Command::Noop), Err(SendError::Window));
}

#[test]
fn nothing_follows_quit() {
    let mut player = Player::ready(ClientConfig::default());
    player.try_send(&retr(1)).unwrap();
    player.try_send(&Command::Quit).unwrap();
    for command in [Command::Noop, Command::Quit, user(), Command::Stls] {
        assert_eq!(player.try_send(&command), Err(SendError::State(ClientState::Closing)));
    }
}

/// A hundred thousand commands through the default window.
#[test]
fn a_long_run_keeps_the_window() {
    let mut player = Player::ready(ClientConfig::default());
    let (mut asked, mut answered) = (0, 0);
    while answered < 100_000 {
        while asked < 100_000 {
            match player.try_send(&Command::Noop) {
                Ok(()) => asked += 1,
                Err(full) => {
                    assert_eq!(full, SendError::Window);
                    break;
                }
            }
        }
        assert!(player.client.outstanding() <= 4096 / "NOOP\r\n".len());
        player.feed(b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
        assert_eq!(player.told(), ["Noop Positive "; 4]);
        answered += 4;
    }
    assert_eq!(player.client.outstanding(), 0);
}
