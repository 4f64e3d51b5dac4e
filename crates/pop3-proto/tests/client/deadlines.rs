//! Time is always an argument.

use core::time::Duration;

use pop3_proto::client::{ClientConfig, ClientState};
use pop3_proto::{Base64, Channel, Command, Instant, MechanismName};

use crate::support::{Player, configured, number, retr, user};

fn config() -> ClientConfig {
    configured(|it| {
        it.greeting_timeout = Duration::from_secs(10);
        it.reply_timeout = Duration::from_secs(20);
        it.quit_timeout = Duration::from_secs(100);
    })
}

fn at(seconds: u64) -> Option<Instant> {
    Some(Instant::new(Duration::from_secs(seconds)))
}

/// TOL-24:
/// The greeting has one deadline, however slowly it arrives.
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
    assert_eq!(player.client.state(), ClientState::Closed);
}

/// While nothing is outstanding, there is no deadline.
#[test]
fn idle_has_no_deadline() {
    let mut player = Player::greeted(config());
    assert_eq!(player.client.deadline(), None);
    player.after(100_000);
    player.feed(b"");
    assert!(player.told().is_empty());
}

/// TOL-24:
/// Each octet of a message restarts the time limit. Silence ends it.
#[test]
fn a_slow_message_is_no_fault_but_silence_is() {
    let mut config = config();
    config.min_octets = 0;
    let mut player = Player::ready(config);
    player.after(5);
    player.try_send(&retr(1)).unwrap();
    player.try_send(&retr(2)).unwrap();
    assert_eq!(player.client.deadline(), at(25));
    player.feed(b"+OK\r\n");
    for octet in b"abcdef\r\n." {
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

/// TOL-24, SEC-08:
/// A first line must be complete in time, also after the login, whatever the command.
#[test]
fn a_first_line_that_drips_is_given_up() {
    let uidl = Command::Uidl(Some(number(1)));
    for command in
        [Command::Stat, Command::List(None), retr(1), Command::Noop, uidl, Command::Dele(number(1))]
    {
        let mut player = Player::ready(config());
        player.after(5);
        player.try_send(&command).unwrap();
        for _ in 0..19 {
            player.after(1);
            player.feed(b"+");
            assert_eq!(player.client.deadline(), at(25));
        }
        player.after(1);
        player.feed(b"+");
        let keyword = command.keyword();
        assert_eq!(player.told(), [format!("error TimedOut {{ during: Some({keyword:?}) }}")]);
    }
}

/// An empty line that is skipped grants no additional time.
#[test]
fn an_empty_line_before_a_reply_gains_nothing() {
    let mut player = Player::ready(config());
    player.try_send(&Command::Noop).unwrap();
    player.after(19);
    player.feed(b"\r\n");
    assert_eq!(player.client.deadline(), at(20));
}

/// With pipelining, a first line is due when the reply before it is complete, however long that took.
#[test]
fn the_time_of_a_reply_begins_behind_the_one_before() {
    let mut player = Player::ready(config());
    for message in 1..=3 {
        player.try_send(&retr(message)).unwrap();
    }
    player.feed(b"+OK\r\n");
    for _ in 0..100 {
        player.after(15);
        player.feed(&[b'x'; 1000]);
    }
    player.feed(b"\r\n.\r\n");
    assert_eq!(player.client.deadline(), at(1520));
    player.after(19);
    player.feed(b"+OK\r\n.\r\n+O");
    assert_eq!(player.client.deadline(), at(1539));
    player.after(19);
    player.feed(b"K");
    assert_eq!(player.client.deadline(), at(1539));
    player.after(1);
    player.feed(b" ");
    assert_eq!(player.told().last().unwrap(), "error TimedOut { during: Some(Retr) }");
}

/// SEC-08:
/// Listings and bodies must arrive at a minimum rate over a period. Silence is reported as such.
#[test]
fn what_drips_behind_a_first_line_is_given_up() {
    let mut config = config();
    config.min_octets = 100;
    config.min_octets_period = Duration::from_secs(60);
    for (command, line) in [(Command::List(None), &b"1 1\r\n"[..]), (retr(1), b"a b\r\n")] {
        // 5 octets in 4 seconds are 75 per minute, and in 3 seconds 100.
        for (pause, enough) in [(4, false), (3, true)] {
            let mut player = Player::ready(config.clone());
            player.exchange(&command, b"+OK\r\n");
            for _ in 0..60 {
                player.after(pause);
                player.feed(line);
            }
            let told = player.told().pop().unwrap();
            let slow = format!("error TooSlow {{ during: Some({:?}) }}", command.keyword());
            assert_eq!(told == slow, !enough, "{pause}: {told}");
            assert!(player.now == at(60 * pause).unwrap());
        }
        // Many octets at the beginning do not compensate for a later minute.
        let mut player = Player::ready(config.clone());
        player.exchange(&command, b"+OK\r\n");
        player.feed(&line.repeat(10_000));
        player.told();
        for second in 1..=59 {
            player.after(1);
            player.feed(if second % 15 == 0 { b"1" } else { b"" });
            assert!(!player.told().iter().any(|line| line.starts_with("error")), "{second}");
        }
        player.after(1);
        player.feed(b"1");
        assert!(player.told().pop().unwrap().starts_with("error TooSlow"));
    }
}

/// The caller may take any time for what it was given.
#[test]
fn the_callers_own_time_is_not_the_servers() {
    for rest in [&b".\r\n"[..], b"", b".\r\n+O"] {
        let mut player = Player::ready(config());
        player.try_send(&retr(1)).unwrap();
        player.try_send(&retr(2)).unwrap();
        player.after(10);
        // The caller learns of the beginning, stores it for an hour, and then polls for more.
        player.busy = 3600;
        player.feed(&[b"+OK\r\na\r\n", rest].concat());
        player.busy = 0;
        let told = player.told();
        assert!(!told.iter().any(|line| line.starts_with("error")), "{told:?}");
        let left = player.client.deadline().unwrap().since(player.now);
        assert!(left == Duration::from_secs(20), "{left:?}");
        player.after(20);
        player.feed(b"");
        assert!(player.told().pop().unwrap().starts_with("error TimedOut"));
    }
}

/// SEC-08:
/// Before the login, a reply, a list and a challenge must be complete in time, however slowly they arrive.
#[test]
fn replies_before_the_login_must_be_whole_in_time() {
    let auth = Command::Auth { mechanism: MechanismName::parse(b"PLAIN").unwrap(), initial: None };
    for (command, reply) in [
        (Command::Capa, &b"+OK\r\nA\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\n"[..]),
        (user(), &[b'+'; 30]),
        (auth, b"+ AAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ] {
        let mut player = Player::greeted(config());
        player.after(7);
        player.try_send(&command).unwrap();
        for octet in &reply[..19] {
            player.after(1);
            player.feed(&[*octet]);
            assert_eq!(player.client.deadline(), at(27));
        }
        player.after(1);
        player.feed(&reply[19..20]);
        assert!(player.told().last().unwrap().starts_with("error TimedOut"), "{command:?}");
    }
}

/// SEC-08: after each message of an exchange, the server's time starts again.
#[test]
fn each_challenge_has_its_own_time() {
    let auth = Command::Auth { mechanism: MechanismName::parse(b"PLAIN").unwrap(), initial: None };
    let mut player = Player::greeted(config());
    player.try_send(&auth).unwrap();
    for _ in 0..3 {
        player.after(19);
        player.feed(b"+ \r\n");
        assert_eq!(player.client.deadline(), None);
        player.after(1000);
        player.client.respond(Base64::EMPTY, player.now, &mut player.sent).unwrap();
    }
    player.after(19);
    player.feed(b"+OK\r\n");
    assert_eq!(player.client.state(), ClientState::Transaction);
}

/// TOL-22: a message whose last line has no line end continues until the time is over.
#[test]
fn a_dot_behind_an_unended_line_is_no_end() {
    let mut player = Player::ready(config());
    player.exchange(&retr(1), b"+OK\r\ntext.\r\n");
    player.after(20);
    player.feed(b"");
    assert_eq!(player.told().last().unwrap(), "error TimedOut { during: Some(Retr) }");
}

/// Octets that arrived in time are not lost if the caller is late.
#[test]
fn a_late_caller_still_gets_what_came() {
    let mut player = Player::ready(config());
    player.try_send(&retr(1)).unwrap();
    player.after(1000);
    player.feed(b"+OK\r\nabc\r\n");
    assert_eq!(player.told(), ["Retr Positive  …", "data abc\\r\\n"]);
    assert_eq!(player.client.deadline(), at(1020));
}

/// Sending more does not extend the time for what is already due.
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

/// A server may begin to remove messages at QUIT before it has answered the commands ahead of it.
#[test]
fn quit_behind_other_commands_gives_all_replies_its_time() {
    let mut player = Player::ready(config());
    for message in 1..=2 {
        player.try_send(&Command::Dele(number(message))).unwrap();
    }
    assert_eq!(player.client.deadline(), at(20));
    player.try_send(&Command::Quit).unwrap();
    assert_eq!(player.client.deadline(), at(100));
    player.after(99);
    player.feed(b"+OK\r\n");
    assert_eq!(player.told(), ["Dele Positive "]);
    assert_eq!(player.client.deadline(), at(199));
    player.after(100);
    player.feed(b"");
    assert_eq!(player.told(), ["error TimedOut { during: Some(Dele) }"]);
}
