//! Messages, and where they end.

use pop3_proto::client::ProtocolError;
use pop3_proto::{Keyword, Quirk};
use pop3_tests::client::{Client, Seen};
use pop3_tests::split::{OCTETS, WHOLE};

use crate::{answer, logged_in};

pub(crate) fn body(octets: &[u8]) -> Option<Vec<u8>> {
    let seen = answer("RETR 1", octets);
    let data =
        seen.iter().find_map(|seen| if let Seen::Data(data) = seen { Some(data.clone()) } else { None });
    matches!(seen.last(), Some(Seen::End(Keyword::Retr))).then(|| data.unwrap_or_default())
}

// 1939-3.24, 1939-3.25, 1939-3.26, 1939-3.31, 1939-3.35, TOL-23
#[test]
fn bodies_end_at_one_dot_between_two_line_ends() {
    for (wire, content) in [
        (&b"abc\r\n.\r\n"[..], &b"abc\r\n"[..]),
        (b".\r\n", b""),
        (b"...two\r\n.\r\n", b"..two\r\n"),
        (b".x\r\n.\r\n", b"x\r\n"),
        (b"a.\r\n. \r\n..\r\n.\r\n", b"a.\r\n \r\n.\r\n"),
        (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
        (b"+OK\r\n-ERR x\r\n.\r\n", b"+OK\r\n-ERR x\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"\x00\xff\r\n.\r\n", b"\x00\xff\r\n"),
    ] {
        assert_eq!(body(&[b"+OK\r\n", wire].concat()).as_deref(), Some(content), "{}", wire.escape_ascii());
    }
    assert_eq!(body(b"+OK\r\nabc.\r\n"), None);
}

// 1939-3.37, 8314-3.03, TOL-06, TOL-07
#[test]
fn a_reply_that_is_cut_is_not_complete() {
    let whole = b"+OK\r\nabc\r\n.\r\n";
    for end in 0..whole.len() {
        for lengths in [WHOLE, OCTETS] {
            let mut client = logged_in();
            client.send("RETR 1").unwrap();
            client.feed(&whole[..end], lengths);
            client.end();
            let during = Some(Keyword::Retr);
            let expected =
                if end == 0 { ProtocolError::Closed { during } } else { ProtocolError::Truncated { during } };
            assert_eq!(client.error(), Some(expected), "{end}");
            assert!(!client.log().contains(&Seen::End(Keyword::Retr)));
        }
    }
    // The reply to QUIT may lack its line end, and no other.
    for (command, accepted) in [("QUIT", true), ("DELE 1", false)] {
        let mut client = logged_in();
        client.send(command).unwrap();
        client.receive(b"+OK bye");
        client.end();
        assert_eq!(client.error().is_none(), accepted, "{command}");
    }
    let mut client = logged_in();
    client.send("QUIT").unwrap();
    client.end();
    assert_eq!(client.error(), Some(ProtocolError::Closed { during: Some(Keyword::Quit) }));
}

// TOL-12: a server that sends more than requested.
#[test]
fn what_top_sends_is_taken_as_it_comes() {
    let seen = answer("TOP 1 0", b"+OK\r\na: b\r\n\r\nc\r\nd\r\n.\r\n");
    assert_eq!(seen[1..], [Seen::Data(b"a: b\r\n\r\nc\r\nd\r\n".to_vec()), Seen::End(Keyword::Top)]);
}

// PRS-11, 2449-5.02, TOL-13: no CAPA, a space after each status, sizes that count LF as one octet, and an extra
// empty line after each message.
#[test]
fn a_server_like_qmail_pop3d_is_understood() {
    let mut client = Client::new();
    client.receive(b"+OK <1.2@h>\r\n");
    client.send("CAPA").unwrap();
    client.receive(b"-ERR unimplemented\r\n");
    for command in ["USER mrose", "PASS tanstaaf"] {
        client.send(command).unwrap();
        assert!(client.receive(b"+OK \r\n")[0].is_positive_reply(), "{command}");
    }
    client.send("LIST").unwrap();
    assert_eq!(client.receive(b"+OK \r\n1 8\r\n.\r\n")[1], Seen::Entry("1 8".into()));
    client.send("RETR 1").unwrap();
    let seen = client.receive(b"+OK \r\na: b\r\n\r\nc\r\n\r\n.\r\n");
    assert_eq!(seen[1..], [Seen::Data(b"a: b\r\n\r\nc\r\n\r\n".to_vec()), Seen::End(Keyword::Retr)]);
    client.send("DELE 1").unwrap();
    assert!(client.receive(b"+OK \r\n")[0].is_positive_reply());
    client.send("QUIT").unwrap();
    assert_eq!(client.receive(b"+OK \r\n").last(), Some(&Seen::Closed));
    let warnings: Vec<_> = client.log().iter().filter(|seen| matches!(seen, Seen::Warning(_))).collect();
    assert_eq!(warnings, [&Seen::Warning(Quirk::NoCapabilities)]);
}
