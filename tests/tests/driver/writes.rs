//! Replies are sent with as few writes as possible, however little a write accepts.

use pop3_tests::store::{Store, awkward, content, wire as stuffed};

use crate::store::Policy;
use crate::wire::Wire;

const LOGIN: &str = "USER mrose\r\nPASS tanstaaf\r\n";

/// What is written after the login, for each group of commands that arrives together.
fn writes(store: Store, groups: &[&str]) -> Vec<Vec<u8>> {
    let wire = Wire::new([LOGIN].iter().chain(groups).map(|&group| group.into()));
    Policy::new(store).serve(&wire);
    let writes = wire.state().writes.clone();
    let replies = |write: &Vec<u8>| write.split(|&octet| octet == b'\n').count() - 1;
    // The greeting is sent with the replies to commands that arrived before it, or alone.
    let login: Vec<usize> = writes
        .iter()
        .map(replies)
        .scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        })
        .collect();
    let behind = login.iter().position(|&sum| sum == 3).expect("the greeting and the login") + 1;
    writes[behind..].to_vec()
}

#[test]
fn a_short_reply_is_one_write() {
    let none = Store::with([]);
    for command in ["LIST\r\n", "UIDL\r\n", "CAPA\r\n", "STAT\r\n", "NOOP\r\n", "XYZZY\r\n", "LIST 1\r\n"] {
        assert_eq!(writes(none.clone(), &[command]).len(), 1, "{command:?} in an empty maildrop");
        assert_eq!(writes(Store::fixture(), &[command]).len(), 1, "{command:?}");
    }
    for command in ["RETR 2\r\n", "TOP 2 0\r\n", "QUIT\r\n"] {
        assert_eq!(writes(Store::fixture(), &[command]).len(), 1, "{command:?}");
    }
}

#[test]
fn the_replies_to_a_burst_are_one_write() {
    let burst = "STAT\r\nLIST\r\nRETR 1\r\nTOP 2 0\r\nDELE 3\r\nRETR 2\r\nNOOP\r\n";
    assert_eq!(writes(Store::fixture(), &[burst]).len(), 1);
    assert_eq!(writes(Store::fixture(), &["STAT\r\n", "RETR 1\r\n", "NOOP\r\n"]).len(), 3);
}

#[test]
fn the_end_of_a_message_is_not_cut() {
    for piece in [16, 32, 64, 128] {
        for near in -12_i32..=12 {
            let length = usize::try_from(piece * 1024 + near).expect("more than nothing");
            let mut store = Store::with([("a", &b"x".repeat(length)[..])]);
            store.chunk = 65536;
            let writes = writes(store, &["RETR 1\r\n"]);
            let last = writes.last().expect("a write");
            assert!(last.ends_with(b"\r\n.\r\n"), "{length}: {:?}", last.len());
            assert!(writes.iter().all(|write| write.len() <= 65536), "no write is too large for TLS");
            assert_eq!(writes.concat().len(), format!("+OK {}\r\n", length + 2).len() + 7 + length + 5);
        }
    }
}

#[test]
fn nothing_is_lost_where_writes_take_little() {
    let messages = awkward();
    let mut store = Store::with(messages.iter().map(|(uid, message)| (*uid, &message[..])));
    store.chunk = 1000;
    let mut commands = LOGIN.to_owned();
    let mut wanted = Vec::new();
    for (at, (_, message)) in messages.iter().enumerate() {
        commands += &format!("RETR {}\r\n", at + 1);
        let content = content(message);
        wanted.extend(format!("+OK {} octets\r\n", content.len()).into_bytes());
        wanted.extend(stuffed(&content));
    }
    for takes in [1, 7, 4096, usize::MAX] {
        let wire = Wire::new([commands.as_str().into()]);
        wire.state().takes = takes;
        Policy::new(store.clone()).serve(&wire);
        assert!(wire.state().writes.concat().ends_with(&wanted), "{takes} at a time");
    }
}
