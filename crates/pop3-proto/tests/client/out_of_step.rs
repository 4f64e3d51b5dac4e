//! Lines that are not replies.

use pop3_proto::Command;
use pop3_proto::client::ClientConfig;

use crate::support::{Player, number, play_split, retr, strict, turn};

/// TOL-14: a server that does not stuff dots ends the message too early, and what follows is not a reply.
#[test]
fn a_body_that_went_on_is_detected() {
    let mut player = Player::ready(ClientConfig::default());
    player.try_send(&retr(1)).unwrap();
    player.try_send(&retr(2)).unwrap();
    player.feed(b"+OK\r\na\r\n.\r\nb\r\n.\r\n");
    assert_eq!(player.told(), ["Retr Positive  …", "data a\\r\\n", "end Retr", "error OutOfStep"]);

    let mut player = Player::ready(ClientConfig::default());
    player.exchange(&retr(1), b"+OK\r\na\r\n.\r\nb\r\n.\r\n");
    assert_eq!(player.told().last().unwrap(), "error Unsolicited");
}

/// 2449-3.02, 2449-3.03: only `+OK` and `-ERR` as whole words begin a reply, in strict mode or not.
#[test]
fn what_is_no_reply_is_refused() {
    for config in [ClientConfig::default(), strict()] {
        for line in [&b"+ abc"[..], b"+", b"* OK", b"220 ready", b"+OKAY", b"-ERRfoo", b"", b" +OK"] {
            let line = [line, b"\r\n"].concat();
            let told = play_split(&config, &[turn(&[], b"+OK\r\n"), turn(&[Command::Capa], &line)]);
            assert_eq!(told.last().unwrap(), "error OutOfStep", "{}", line.escape_ascii());
        }
    }
}

#[test]
fn greetings_of_other_protocols_are_known() {
    for (greeting, protocol) in [
        (&b"220 mail.example.org ESMTP\r\n"[..], "OtherProtocol(Smtp)"),
        (b"220-mail.example.org\r\n", "OtherProtocol(Smtp)"),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", "OtherProtocol(Imap)"),
        (b"* BYE\r\n", "OtherProtocol(Imap)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "OtherProtocol(Http)"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "OtherProtocol(Ssh)"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "OtherProtocol(Tls)"),
        (b"\x16\x03\x03", "OtherProtocol(Tls)"),
        (b"\r\n\x16\x03", "OtherProtocol(Tls)"),
        (b"+OKAY hello\r\n", "OutOfStep"),
        (b"hello\r\n", "OutOfStep"),
        (b"\x00\r\n", "OutOfStep"),
    ] {
        let told = play_split(&ClientConfig::default(), &[turn(&[], greeting)]);
        assert_eq!(told.last().unwrap(), &format!("error {protocol}"));
    }
}

/// TOL-11: a reply about another message is refused.
#[test]
fn another_number_is_refused() {
    for (command, reply, error) in [
        (Command::Uidl(Some(number(2))), &b"+OK 3 x\r\n"[..], "WrongNumber"),
        (Command::List(Some(number(2))), b"+OK 3 120\r\n", "WrongNumber"),
        (Command::Uidl(Some(number(3))), b"+OK 3\r\n", "Entry"),
        (Command::Uidl(Some(number(3))), b"+OK\r\n", "Entry"),
        (Command::Uidl(Some(number(3))), b"+OK no such\r\n", "Entry"),
        (Command::List(Some(number(2))), b"+OK 120\r\n", "Entry"),
        (Command::Last, b"+OK x\r\n", "Entry"),
    ] {
        let mut player = Player::ready(ClientConfig::default());
        player.exchange(&command, reply);
        assert_eq!(player.told(), [format!("error {error}")]);
    }
}
