//! How the client reads capability lists and response codes of real servers.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test looks at the cases it is about")]

use pop3_proto::{Advice, Capability, Keyword, Reply, ResponseCode};
use pop3_tests::client::{Client, Seen};

fn ask(lines: &[&str]) -> Client {
    let mut client = Client::new();
    client.receive(b"+OK\r\n");
    client.send("CAPA").unwrap();
    let list: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    let seen = client.receive(format!("+OK\r\n{list}.\r\n").as_bytes());
    assert_eq!(seen.last(), Some(&Seen::End(Keyword::Capa)), "{seen:?}");
    assert!(client.error().is_none());
    client
}

// 2449-5.04, 2449-5.07, 2449-5.13, PRS-08, PRS-09, PRS-10
#[test]
fn lists_of_real_servers_are_read() {
    let gmail = [
        "USER",
        "RESP-CODES",
        "EXPIRE 0",
        "LOGIN-DELAY 300",
        "TOP",
        "UIDL",
        "X-GOOGLE-RICO",
        "SASL PLAIN XOAUTH2 OAUTHBEARER",
    ];
    let client = ask(&gmail);
    let list = client.connection().capabilities().unwrap();
    assert!(list.has(Capability::User) && list.has(Capability::Uidl) && !list.has(Capability::Pipelining));
    let exchange = ask(&["TOP", "UIDL", "SASL NTLM GSSAPI PLAIN LOGIN", "USER"]);
    assert!(exchange.connection().capabilities().unwrap().has(Capability::Top));
    let zimbra = ask(&[
        "CAPA",
        "EXPIRE 31 USER",
        "XOIP",
        "SASL PLAIN X-ZIMBRA",
        "uidl",
        "Pipelining",
        "UTF8 USER NEW",
        "TOP foo",
    ]);
    let list = zimbra.connection().capabilities().unwrap();
    assert!(list.has(Capability::Uidl) && list.has(Capability::Pipelining) && list.has(Capability::Top));
    assert!(!list.has(Capability::User));
}

// The lists are stored, and their memory is bounded even if they have few lines.
#[test]
fn a_list_of_too_many_octets_ends_the_connection() {
    for (lines, good) in [(8, true), (9, false)] {
        let mut client = Client::new();
        client.receive(b"+OK\r\n");
        client.send("CAPA").unwrap();
        let list = format!("X{}\r\n", "x".repeat(7_999)).repeat(lines);
        client.receive(format!("+OK\r\n{list}.\r\n").as_bytes());
        assert_eq!(client.error().is_none(), good, "{lines}");
    }
}

// 2449-6.72
#[test]
fn what_expires_is_read_but_nonsense_is_not() {
    let read = |line: &'static str| match Capability::parse(line.as_bytes()) {
        Capability::Expire(expire) => Some((expire.days, expire.per_user)),
        _ => None,
    };
    assert_eq!(read("EXPIRE 0"), Some((Some(0), false)));
    assert_eq!(read("EXPIRE NEVER"), Some((None, false)));
    assert_eq!(read("EXPIRE 31 USER"), Some((Some(31), true)));
    for line in ["EXPIRE", "EXPIRE x", "EXPIRE -1", "EXPIRE 99999999999999999999"] {
        assert_eq!(read(line), None, "{line}");
        assert!(matches!(Capability::parse(line.as_bytes()), Capability::Other(_)));
    }
}

// 2449-8.02, 2449-8.03, 2449-8.05, 2449-8.06, 2449-8.12, 3206-4.02, 1939-3.16, 2449-6.41
#[test]
fn response_codes_are_read_whether_announced_or_not() {
    for (line, code, message, temporary) in [
        (&b"-ERR [in-use] busy"[..], Some(ResponseCode::InUse), &b"busy"[..], true),
        (b"-ERR [SYS/TEMP/DISK] full", Some(ResponseCode::SysTemp), b"full", true),
        (b"-ERR [AUTH/EXPIRED] old", Some(ResponseCode::Auth), b"old", false),
        (b"-ERR [Sys/perm]", Some(ResponseCode::SysPerm), b"", false),
        (b"-ERR [LOGIN-DELAY] wait", Some(ResponseCode::LoginDelay), b"wait", true),
        (b"-ERR [SYS] x", Some(ResponseCode::Other(b"SYS")), b"x", false),
        (b"-ERR [", None, b"[", false),
        (b"-ERR [] x", None, b"[] x", false),
        (b"-ERR [A", None, b"[A", false),
        (b"-ERR [/] x", None, b"[/] x", false),
        (b"-ERR [A B] x", None, b"[A B] x", false),
        (b"-ERR [A//B]", None, b"[A//B]", false),
    ] {
        let reply = Reply::parse(line).unwrap();
        assert_eq!((reply.code, reply.message), (code, message), "{}", line.escape_ascii());
        assert_eq!(
            reply.code.is_some_and(|code| code.advice() == Advice::RetryLater),
            temporary,
            "{}",
            line.escape_ascii()
        );
    }
}

// 1939-3.16
#[test]
fn only_the_status_counts() {
    let mut client = ask(&[]);
    client.send("XONE").unwrap();
    assert!(client.receive(b"+OK -ERR failed\r\n")[0].is_positive_reply());
    client.send("XONE").unwrap();
    assert!(!client.receive(b"-ERR +OK\r\n")[0].is_positive_reply());
    client.send("XONE").unwrap();
    assert!(client.receive(b"+OK [garbage\r\n")[0].is_positive_reply());
}
