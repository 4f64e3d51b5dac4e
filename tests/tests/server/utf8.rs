//! UTF8 (RFC 6856 section 2): the command, and UTF-8 in names and passwords.

use pop3_proto::server::ServerConfig;
use pop3_proto::{Channel, Rejection};
use pop3_tests::sasl::offer;
use pop3_tests::server::{Asked, Server};
use pop3_tests::store::{Fault, Store};

/// A server that offers UTF8 if there is a value, and UTF8 USER if that is true.
fn with(store: Store, utf8: Option<bool>) -> Server {
    let mut config = ServerConfig::default();
    config.starttls = true;
    config.utf8 = utf8.is_some();
    config.utf8_user = utf8.unwrap_or_default();
    config.mechanisms = offer(&["PLAIN"]);
    let mut server = Server::with(store, config, Channel::TrustedPlaintext, Some("<1.2@h>"));
    server.take();
    server
}

fn new(utf8: Option<bool>) -> Server {
    with(Store::fixture(), utf8)
}

fn jose() -> Server {
    let mut store = Store::fixture();
    (store.name, store.password) = ("jos\u{e9}".into(), "p\u{e4}ss".into());
    with(store, Some(true))
}

// 6856-2.01
#[test]
fn utf8_is_announced_in_both_states_as_it_is_offered() {
    for (utf8, line) in [(Some(false), "UTF8"), (Some(true), "UTF8 USER")] {
        for mut server in [new(utf8), new(utf8).log_in()] {
            let list = server.say("CAPA");
            assert!(list.contains(&format!("\r\n{line}\r\n")), "{list}");
        }
    }
    assert!(!new(None).say("CAPA").contains("UTF8"));
}

// 6856-2.11
#[test]
fn utf8_comes_before_the_login_and_without_argument() {
    let mut server = new(Some(false));
    assert!(server.say("UTF8 x").starts_with("-ERR "));
    assert!(!server.connection().session().is_utf8());
    server.say("USER mrose");
    assert!(server.say("utf8").starts_with("+OK "));
    assert!(server.say("UTF8").starts_with("+OK "), "once more does no harm");
    assert!(server.connection().session().is_utf8());
    assert!(server.say("PASS tanstaaf").starts_with("+OK "), "the name is still there");
    assert!(server.connection().session().is_utf8());
    assert!(server.say("UTF8").starts_with("-ERR "));
    for mut server in [new(None), new(None).log_in()] {
        assert_eq!(server.say("UTF8"), "-ERR unknown command\r\n");
    }
}

// 6856-2.12, 6856-2.14: sizes and surrogates come from the store, which knows the mode.
#[test]
fn the_store_learns_of_utf8_with_every_login() {
    for utf8 in [false, true] {
        for login in ["USER mrose\r\nPASS tanstaaf\r\n", "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n"] {
            let mut server = new(Some(false));
            if utf8 {
                server.say("UTF8");
            }
            server.send(login.as_bytes());
            assert_eq!(server.credentials()[0].utf8, utf8, "{login}");
        }
    }
}

// 6856-5.01
#[test]
fn a_store_can_demand_utf8_of_a_message() {
    let store = Store::fixture().with_fault(Fault::Unavailable(Rejection::utf8()));
    let mut server = with(store, Some(false)).log_in();
    assert_eq!(server.say("RETR 1"), "-ERR [UTF8] this message requires the UTF8 command\r\n");
    assert_eq!(server.say("TOP 1 0"), "-ERR [UTF8] this message requires the UTF8 command\r\n");
    assert!(server.say("NOOP").starts_with("+OK "));
}

// 6856-2.13, 6856-2.15
#[test]
fn eight_bit_bodies_pass_with_and_without_utf8() {
    for utf8 in [false, true] {
        let store = Store::with([("a", &b"Subject: x\r\n\r\n\xe9 \xc3\xa9\r\n"[..])]);
        let mut server = with(store, Some(false));
        if utf8 {
            server.say("UTF8");
        }
        let sent = server.log_in().send(b"RETR 1\r\n");
        assert!(sent.ends_with(b"\r\n\r\n\xe9 \xc3\xa9\r\n.\r\n"), "{}", sent.escape_ascii());
    }
}

// 6856-2.02, 2595-4.02, 2595-4.16
#[test]
fn stls_is_refused_behind_utf8_and_forgets_it() {
    let mut server = new(Some(true));
    server.say("UTF8");
    assert!(!server.say("CAPA").contains("STLS"));
    assert!(server.say("STLS").starts_with("-ERR "));
    assert_eq!(server.handshakes(), 0);
    // STLS is not possible after UTF8, so nothing can be left over.
    let mut server = new(Some(true));
    server.say("STLS");
    assert!(!server.connection().session().is_utf8() && server.handshakes() == 1);
    assert!(server.say("UTF8").starts_with("+OK "));
}

// 6856-2.16
#[test]
fn names_and_passwords_may_be_utf8_where_that_is_announced() {
    for first in ["", "UTF8\r\n"] {
        let mut server = jose();
        server.send(first.as_bytes());
        assert!(server.say("USER jos\u{e9}").starts_with("+OK "));
        assert!(server.say("PASS p\u{e4}ss").starts_with("+OK "));
        assert_eq!(server.asked(), [Asked::Authenticate("jos\u{e9}".into())]);
    }
    let mut server = jose();
    let reply = server.say("APOP jos\u{e9} c4c9334bac560ecc979e58001b3e22fb");
    assert!(reply.starts_with("-ERR [AUTH] "), "it was looked at: {reply}");
    assert_eq!(server.asked(), [Asked::Authenticate("jos\u{e9}".into())]);
}

// 6856-2.16: what was not announced is not accepted.
#[test]
fn names_are_ascii_otherwise() {
    for utf8 in [None, Some(false)] {
        let mut server = new(utf8);
        assert!(server.say("USER jos\u{e9}").starts_with("-ERR "));
        assert!(server.say("APOP jos\u{e9} c4c9334bac560ecc979e58001b3e22fb").starts_with("-ERR "));
        assert_eq!(server.asked(), []);
    }
}

// 6856-2.18
#[test]
fn what_is_no_utf8_is_refused() {
    for bad in [
        &b"\xc0\xaf"[..],
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc3",
        b"\xff",
        b"\xe9",
        b"a\x80",
        b"\xf8\x88\x80\x80\x80",
    ] {
        let mut server = new(Some(true));
        for (before, behind) in [("USER ", ""), ("APOP ", " c4c9334bac560ecc979e58001b3e22fb")] {
            let line = [before.as_bytes(), bad, behind.as_bytes(), b"\r\n"].concat();
            assert!(server.send(&line).starts_with(b"-ERR "), "{}", line.escape_ascii());
        }
        server.say("USER mrose");
        assert!(server.send(&[b"PASS ", bad, b"\r\n"].concat()).starts_with(b"-ERR "));
        assert_eq!(server.asked(), [], "{}", bad.escape_ascii());
    }
}

// 6856-2.19: the driver does the rest of SASLprep and has its own tests.
#[test]
fn controls_are_in_no_name() {
    let mut server = new(Some(true));
    assert!(server.say("USER a\u{7}b").starts_with("-ERR "));
    assert!(server.say("USER a\u{7f}b").starts_with("-ERR "));
}
