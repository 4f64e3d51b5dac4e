//! UTF-8 and languages in the calls of the client.

use pop3_driver::client::{Client, ClientError, ClientOptions, Credentials, LoginPolicy};
use pop3_driver::{LoginMethod, wait};
use pop3_proto::client::SendError;
use pop3_proto::{Advice, LanguageRange, MessageNumber, Quirk};
use pop3_sasl::client::Unusable;

use crate::logins::open;
use crate::wire::Wire;

/// A server with these capabilities that accepts everything, or sends this reply to one command.
fn client(capabilities: &'static str, to: &'static str, reply: &'static str) -> (Client<Wire>, Wire) {
    let greeting = "+OK <1896.697170952@dbc.mtview.ca.us>\r\n";
    let wire = Wire::talking(greeting, move |line| {
        Some(match line.split(' ').next().unwrap_or_default() {
            "CAPA" => format!("+OK\r\n{capabilities}\r\n.\r\n"),
            word if word == to => reply.to_owned(),
            _ => "+OK\r\n".to_owned(),
        })
    });
    (open(&wire, ClientOptions::new()), wire)
}

// 6856-2.22, 6856-2.23
#[test]
fn utf8_mode_is_asked_for_where_it_is_announced_and_a_refusal_is_no_harm() {
    for (capabilities, reply, on, sent) in [
        ("UTF8", "+OK\r\n", true, "CAPA UTF8"),
        ("UTF8 USER", "+OK\r\n", true, "CAPA UTF8"),
        ("UTF8", "-ERR no\r\n", false, "CAPA UTF8"),
        ("UIDL", "+OK\r\n", false, "CAPA"),
    ] {
        let (mut client, wire) = client(capabilities, "UTF8", reply);
        assert_eq!(wait(client.utf8()).expect("no harm"), on);
        assert_eq!(wire.lines().join(" "), sent);
        wait(client.login(b"mrose", b"tanstaaf")).expect("it goes on");
        let late = wait(client.utf8());
        assert_eq!(capabilities == "UIDL", late.is_ok(), "not after the login");
    }
}

// 6856-2.17, 6856-2.19
#[test]
fn utf8_in_names_and_passwords_needs_the_announcement() {
    let (mut plain, wire) = client("UTF8", "", "");
    for (name, password) in [("josé", "tanstaaf"), ("mrose", "tänstaaf")] {
        let failed = wait(plain.login(name.as_bytes(), password.as_bytes()));
        assert!(matches!(failed, Err(ClientError::Unsendable(SendError::NotAscii))), "{failed:?}");
        let failed = wait(plain.login_apop(name.as_bytes(), password.as_bytes()));
        assert!(matches!(failed, Err(ClientError::Unsendable(SendError::NotAscii))), "{failed:?}");
    }
    assert_eq!(wire.lines(), ["CAPA"]);

    let (mut utf8, wire) = client("UTF8 USER", "", "");
    wait(utf8.login("I\u{ad}X\u{2168}é".as_bytes(), "tänst\u{a0}aaf".as_bytes())).expect("it is taken");
    assert_eq!(wire.lines()[1..3], ["USER IXIXé", "PASS tänst aaf"]);
    for name in ["a\u{e000}b", "\u{ad}"] {
        let (mut client, wire) = client("UTF8 USER", "", "");
        let failed = wait(client.login(name.as_bytes(), b"tanstaaf"));
        assert!(matches!(failed, Err(ClientError::Unusable(Unusable::Name))), "{failed:?}");
        assert_eq!(wire.lines(), ["CAPA"]);
    }
    let (mut latin1, wire) = client("UTF8 USER", "", "");
    let failed = wait(latin1.login(b"jos\xe9", b"tanstaaf"));
    assert!(matches!(failed, Err(ClientError::Unsendable(SendError::NotUtf8))), "{failed:?}");
    assert_eq!(wire.lines(), ["CAPA"]);

    // SASL uses UTF-8 without the command.
    let (mut sasl, wire) = client("SASL PLAIN", "", "");
    let credentials = Credentials::new("josé").with_password("tänstaaf");
    let method = wait(sasl.login_with(&credentials, &LoginPolicy::default())).expect("by PLAIN");
    assert!(matches!(method, LoginMethod::Auth(_)));
    let response = pop3_proto::encode_base64("\0josé\0tänstaaf".as_bytes());
    let response = core::str::from_utf8(response.expose()).expect("ASCII");
    assert_eq!(wire.lines()[1..3], ["AUTH PLAIN", response]);
}

// 6856-2.20
#[test]
fn apop_digests_the_prepared_secret() {
    for secret in ["tänstaaf", "ta\u{308}nstaaf", "t\u{ad}änstaaf"] {
        let (mut client, wire) = client("UTF8 USER", "", "");
        wait(client.login_apop(b"mrose", secret.as_bytes())).expect("it is taken");
        assert_eq!(wire.lines()[1], "APOP mrose b704db237082dc921c16902f719a0b0e");
    }
}

// 6856-3.07, 6856-3.08
#[test]
fn languages() {
    let es = LanguageRange::parse(b"es").expect("a range");
    for (reply, tag) in
        [("+OK es-MX Idioma\r\n", "es-MX"), ("+OK\r\n", "es"), ("+OK Idioma cambiado!\r\n", "Idioma")]
    {
        let (mut client, _wire) = client("LANG", "LANG", reply);
        assert_eq!(wait(client.lang(es)).expect("a language"), tag);
        assert_eq!(client.quirks().contains(&Quirk::UnnamedLanguage), reply == "+OK\r\n");
    }
    let (mut refused, _wire) = client("LANG", "LANG", "-ERR no\r\n");
    assert!(matches!(wait(refused.lang(es)), Err(ClientError::Refused(_))));
    let (mut listed, _wire) = client("LANG", "LANG", "+OK\r\nen English\r\nde-AT\r\n.\r\n");
    let list: Vec<_> = wait(listed.languages()).expect("a list");
    let list: Vec<_> = list.iter().map(|language| (&language.tag[..], &language.description[..])).collect();
    assert_eq!(list, [("en", "English"), ("de-AT", "")]);
}

// 6856-5.02
#[test]
fn a_message_that_needs_utf8_says_so() {
    let (mut client, _wire) = client("UTF8", "RETR", "-ERR [UTF8] say UTF8 first\r\n");
    wait(client.login(b"mrose", b"tanstaaf")).expect("it is taken");
    let failed = wait(client.retr(MessageNumber::FIRST, &mut Vec::new()));
    assert!(matches!(failed, Err(ClientError::Refused(refusal)) if refusal.advice() == Advice::RetryInUtf8));
}

// TOL-13: sizes are hints. The client compares them and reports differences.
#[test]
fn a_wrong_size_is_told() {
    for (listing, wrong) in [("+OK\r\n1 3\r\n.\r\n", false), ("+OK\r\n1 4\r\n.\r\n", true)] {
        let (mut client, wire) = client("UIDL", "LIST", listing);
        wait(client.login(b"mrose", b"tanstaaf")).expect("it is taken");
        wait(client.list()).expect("a listing");
        wire.state().incoming.push_back("+OK\r\na\r\n.\r\n".into());
        wait(client.retr(MessageNumber::FIRST, &mut Vec::new())).expect("a message");
        assert_eq!(client.quirks().contains(&Quirk::WrongSize), wrong);
    }
}
