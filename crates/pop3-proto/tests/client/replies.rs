//! First lines of replies: what has a meaning, and what has none.

use pop3_proto::client::{ClientConfig, ClientEvent, ClientState};
use pop3_proto::{Advice, Command, Input, ResponseCode};

use crate::support::{Player, number, pass, play_split, retr, strict, turn, user};

/// 1957-1.01: the status may be the whole line, everywhere.
#[test]
fn the_status_may_stand_alone() {
    let turns = [
        turn(&[], b"+OK\r\n"),
        turn(&[user()], b"+OK\r\n"),
        turn(&[pass()], b"+OK\r\n"),
        turn(&[retr(1)], b"+OK\r\n.\r\n"),
        turn(&[Command::Dele(number(1))], b"-ERR\r\n"),
        turn(&[Command::Quit], b"+OK\r\n"),
    ];
    let told = play_split(&strict(), &turns);
    assert_eq!(
        told,
        [
            "greeting Positive ",
            "User Positive ",
            "Pass Positive ",
            "Retr Positive  …",
            "end Retr",
            "Dele Negative ",
            "Quit Positive ",
            "closed"
        ]
    );
}

/// 1939-3.16, TOL-25: only the status counts.
#[test]
fn the_text_has_no_meaning() {
    let mut player = Player::ready(strict());
    player.exchange(&Command::Dele(number(1)), b"+OK -ERR failed\r\n");
    player.exchange(&Command::Dele(number(1)), b"-ERR +OK\r\n");
    player.exchange(&Command::Rset, b"+OK [garbage\r\n");
    player.exchange(&Command::Noop, b"-ERR \xff\x00\r\n");
    assert_eq!(
        player.told(),
        [
            "Dele Positive -ERR failed",
            "Dele Negative +OK",
            "Rset Positive [garbage",
            "Noop Negative \\xff\\x00"
        ]
    );
}

/// 2449-6.41, 2449-8.01: response codes are read whether RESP-CODES was announced or not.
#[test]
fn response_codes_come_with_the_reply() {
    let mut player = Player::greeted(strict());
    player.exchange(&user(), b"+OK\r\n");
    player.try_send(&pass()).unwrap();
    let mut input = Input::new(b"-ERR [IN-USE] busy\r\n");
    let Ok(ClientEvent::Reply { reply, .. }) = player.client.poll(player.now, &mut input) else { panic!() };
    assert_eq!((reply.code, reply.message), (Some(ResponseCode::InUse), &b"busy"[..]));
    assert_eq!(reply.code.unwrap().advice(), Advice::RetryLater);
    assert_eq!(player.client.state(), ClientState::Authorization);
}

/// 1939-5.43, 1939-5.30, TOL-13: a size in the first line is ignored.
#[test]
fn announced_sizes_are_hints() {
    for first in [&b"+OK\r\n"[..], b"+OK 9 octets\r\n", b"+OK 18446744073709551616 octets\r\n"] {
        let mut player = Player::ready(strict());
        player.exchange(&retr(1), &[first, b"abc\r\n.\r\n"].concat());
        assert_eq!(player.told()[1..], ["data abc\\r\\n", "end Retr"]);
    }
}

/// 1939-3.03, 1939-3.02: one space between words, none at the end.
#[test]
fn commands_are_written_plainly() {
    let mut player = Player::ready(ClientConfig::default());
    let top = Command::Top { message: number(1), lines: 10 };
    for command in [retr(1), Command::List(None), Command::List(Some(number(2))), top, Command::Stat] {
        player.try_send(&command).unwrap();
    }
    assert_eq!(&player.sent[..], b"RETR 1\r\nLIST\r\nLIST 2\r\nTOP 1 10\r\nSTAT\r\n");
}
