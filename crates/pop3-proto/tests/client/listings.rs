//! Drop listings, scan listings, unique-id listings and capabilities as events.

use pop3_proto::client::{ClientConfig, ClientEvent, ReplyItem};
use pop3_proto::{Command, Input};

use crate::support::{Player, lines, number};

fn told(command: &Command<'_>, reply: &[u8]) -> Vec<String> {
    let mut player = Player::ready(ClientConfig::default());
    player.exchange(command, reply);
    player.told()
}

/// 1939-5.23, 1939-5.24, 1939-5.31: text after the numbers is ignored, and invalid lines are refused.
#[test]
fn stat() {
    let drop = |reply: &[u8]| told(&Command::Stat, reply).last().unwrap().clone();
    assert!(drop(b"+OK 2 320 extra text\r\n").contains("messages: 2, octets: 320"));
    assert!(drop(b"+OK 1 5000000000\r\n").contains("octets: 5000000000"));
    for bad in
        [&b"+OK\r\n"[..], b"+OK x y\r\n", b"+OK 7\r\n", b"+OK -1 5\r\n", b"+OK 1 99999999999999999999999\r\n"]
    {
        assert_eq!(drop(bad), "error Entry", "{}", bad.escape_ascii());
    }
    assert_eq!(drop(b"-ERR busy\r\n"), "Stat Negative busy");
}

/// 1939-3.26, 1939-3.29, 1939-5.32, 1939-5.33, TOL-09: listings may be empty or have gaps, and the text of the first
/// line is ignored.
#[test]
fn listings_are_read_as_they_come() {
    assert_eq!(told(&Command::List(None), b"+OK\r\n.\r\n"), ["List Positive  …", "end List"]);
    assert_eq!(told(&Command::Uidl(None), b"+OK none\r\n.\r\n"), ["Uidl Positive none …", "end Uidl"]);
    let told = told(&Command::List(None), b"+OK POP3 clients that break here\r\n2 10\r\n5 20\r\n.\r\n");
    assert!(told[2].contains("#2, octets: 10") && told[4].contains("#5, octets: 20"));
    assert_eq!(told[5], "end List");
}

/// 1939-7.56, 1939-7.57, 1939-7.58: unique-ids are octets. A line without one is skipped.
#[test]
fn unique_ids_are_octets() {
    let mut player = Player::ready(ClientConfig::default());
    player.try_send(&Command::Uidl(None)).unwrap();
    let long = format!("+OK\r\n1 Ab\r\n2 aB\r\n3 6499\r\n4 6499\r\n5 {}\r\n.\r\n", "a".repeat(200));
    let mut input = Input::new(long.as_bytes());
    let mut uids = Vec::new();
    loop {
        let event = player.client.poll(player.now, &mut input).unwrap();
        if let ClientEvent::Entry { entry: ReplyItem::UniqueId(listing), .. } = event {
            uids.push((listing.message.number(), listing.uid));
        } else if matches!(event, ClientEvent::End { .. } | ClientEvent::Read) {
            break;
        }
    }
    let last = [b'a'; 200];
    assert_eq!(uids, [(1, &b"Ab"[..]), (2, b"aB"), (3, b"6499"), (4, b"6499"), (5, &last)]);
    let nameless = told(&Command::Uidl(None), b"+OK\r\n1 a\r\n2 \r\n3 c\r\n.\r\n");
    assert_eq!(nameless.len(), 5, "{nameless:?}");
    assert_eq!(nameless[2], "warning EmptyUniqueId");
    assert_eq!(told(&Command::Uidl(None), b"+OK\r\nx\r\n").last().unwrap(), "error Entry");
    assert_eq!(told(&Command::List(None), b"+OK\r\n1\r\n").last().unwrap(), "error Entry");
    assert_eq!(told(&Command::List(None), b"+OK\r\n0 1\r\n").last().unwrap(), "error Entry");
}

/// A server that omits the number in its reply to `UIDL n`.
#[test]
fn a_missing_number_is_that_of_the_command() {
    let told = told(&Command::Uidl(Some(number(7))), b"+OK ab\r\n");
    assert_eq!(
        told,
        [
            "warning MissingNumber",
            "Uidl Positive ab UniqueId(UniqueIdListing { message: #7, uid: \"ab\", quirk: Some(MissingNumber) })",
        ]
    );
}

/// 1939-3.28, 1939-7.59: a refusal is one line for every command, and the session continues.
#[test]
fn refusals_are_one_line() {
    let mut player = Player::ready(ClientConfig::default());
    let top = Command::Top { message: number(1), lines: 0 };
    for command in [Command::Capa, Command::List(None), Command::Uidl(None), Command::Retr(number(1)), top] {
        player.exchange(&command, b"-ERR\r\n");
        assert_eq!(player.client.outstanding(), 0);
    }
    player.exchange(&Command::Noop, b"+OK\r\n");
    // The refused CAPA causes a warning.
    assert_eq!(player.told().len(), 7);
}

/// 2449-5.04, 2449-5.07, PRS-02: every line is stored. A new list replaces the old one, also after the login.
#[test]
fn capabilities_are_kept_whole() {
    let mut player = Player::greeted(ClientConfig::default());
    player.exchange(&Command::Capa, b"+OK\r\nuidl\r\nX-GOOGLE-RICO\r\nTOP foo\r\n.\r\n");
    let kept = player.client.capabilities().unwrap();
    assert_eq!(lines(kept), [&b"uidl"[..], b"X-GOOGLE-RICO", b"TOP foo"]);
    player.exchange(&crate::support::user(), b"+OK\r\n");
    player.exchange(&crate::support::pass(), b"+OK\r\n");
    assert_eq!(player.client.capabilities().unwrap().lines().count(), 3);
    player.exchange(&Command::Capa, b"+OK\r\nEXPIRE 30\r\n.\r\n");
    assert_eq!(lines(player.client.capabilities().unwrap()), [b"EXPIRE 30"]);
}

/// The reply to LAST may be 0.
#[test]
fn last() {
    assert_eq!(told(&Command::Last, b"+OK 0\r\n"), ["Last Positive 0 Last(None)"]);
    assert_eq!(told(&Command::Last, b"+OK 3 that one\r\n"), ["Last Positive 3 that one Last(Some(#3))"]);
}
