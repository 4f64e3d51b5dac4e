//! Time: an argument, never asked for.

use core::time::Duration;

use pop3_proto::client::{Config, State};
use pop3_proto::{Channel, Command, Instant};

use crate::support::{Player, retr};

fn config() -> Config {
    Config::default()
        .with_greeting_timeout(Duration::from_secs(10))
        .with_reply_timeout(Duration::from_secs(20))
        .with_quit_timeout(Duration::from_secs(100))
}

fn at(seconds: u64) -> Option<Instant> {
    Some(Instant::new(Duration::from_secs(seconds)))
}

/// TOL-24:
/// The greeting has one deadline, however slowly it comes.
#[test]
fn the_greeting_must_be_whole_in_time() {
    let mut player = Player::new(config(), Channel::Tls);
    assert_eq!(player.client.deadline(), at(10));
    for _ in 0..9 {
        player.after(1);
        player.feed(b"+");
        assert!(player.told().is_empty());
    }
    assert_eq!(player.client.deadline(), at(10));
    player.after(1);
    player.feed(b"+");
    assert_eq!(player.told(), ["error TimedOut { during: None }"]);
    assert_eq!(player.client.state(), State::Closed);
}

/// While nothing is outstanding there is no deadline.
#[test]
fn idle_has_no_deadline() {
    let mut player = Player::greeted(config());
    assert_eq!(player.client.deadline(), None);
    player.after(100_000);
    player.feed(b"");
    assert!(player.told().is_empty());
}

/// TOL-24:
/// Each octet starts the time for a reply anew; silence ends it.
#[test]
fn a_slow_message_is_no_fault_but_silence_is() {
    let mut player = Player::ready(config());
    player.after(5);
    player.try_send(&retr(1)).unwrap();
    player.try_send(&retr(2)).unwrap();
    assert_eq!(player.client.deadline(), at(25));
    for octet in b"+OK\r\nabcdef\r\n." {
        player.after(19);
        player.feed(&[*octet]);
    }
    assert_eq!(player.told(), ["Retr Positive  …", "data abcdef\\r\\n"]);
    player.after(19);
    player.feed(b"");
    assert!(player.told().is_empty());
    player.after(1);
    player.feed(b"");
    assert_eq!(player.told(), ["error TimedOut { during: Some(Retr) }"]);
    assert_eq!(player.client.deadline(), None);
}

/// TOL-22: a message whose last line is not ended goes on until the time is over.
#[test]
fn a_dot_behind_an_unended_line_is_no_end() {
    let mut player = Player::ready(config());
    player.exchange(&retr(1), b"+OK\r\ntext.\r\n");
    player.after(20);
    player.feed(b"");
    assert_eq!(player.told().last().unwrap(), "error TimedOut { during: Some(Retr) }");
}

/// Octets that came in time are not lost when the caller is late.
#[test]
fn a_late_caller_still_gets_what_came() {
    let mut player = Player::ready(config());
    player.try_send(&retr(1)).unwrap();
    player.after(1000);
    player.feed(b"+OK\r\nabc\r\n");
    assert_eq!(player.told(), ["Retr Positive  …", "data abc\\r\\n"]);
    assert_eq!(player.client.deadline(), at(1020));
}

/// Sending more does not extend the time for what is due already.
#[test]
fn sending_is_no_progress_of_the_server() {
    let mut player = Player::ready(config());
    player.try_send(&Command::Noop).unwrap();
    player.after(15);
    player.try_send(&Command::Noop).unwrap();
    assert_eq!(player.client.deadline(), at(20));
}

/// TOL-24:
/// The server removes the messages before it answers QUIT, and gets more time.
#[test]
fn quit_has_its_own_time() {
    let mut player = Player::ready(config());
    player.try_send(&Command::Quit).unwrap();
    assert_eq!(player.client.deadline(), at(100));
    player.after(100);
    player.feed(b"");
    assert_eq!(player.told(), ["error TimedOut { during: Some(Quit) }"]);
}
