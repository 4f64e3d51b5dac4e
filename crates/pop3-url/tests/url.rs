//! POP URLs: what is accepted, what is refused, and that formatting and parsing are inverse.

use core::num::NonZeroU16;

use pop3_url::{AuthChoice, Scheme, Url, UrlError};
use proptest::prelude::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> UrlError {
    match Url::parse(text) {
        Ok(url) => panic!("{text} was read as {url:?}"),
        Err(error) => error,
    }
}

/// RFC 2384 section 7.
#[test]
fn the_examples_of_the_rfc() {
    let first = url("pop://rg@mailsrv.qualcomm.com");
    assert_eq!(first.user(), Some(&b"rg"[..]));
    assert_eq!((first.host(), first.port()), ("mailsrv.qualcomm.com", 110));
    assert_eq!(first.auth(), &AuthChoice::Any);
    assert!(!first.scheme().implicit_tls());

    let second = url("pop://rg;AUTH=+APOP@mail.eudora.com:8110");
    assert_eq!(second.user(), Some(&b"rg"[..]));
    assert_eq!((second.host(), second.port()), ("mail.eudora.com", 8110));
    assert_eq!(second.auth(), &AuthChoice::Apop);

    let third = url("pop://baz;AUTH=SCRAM-MD5@foo.bar");
    assert_eq!(third.auth(), &AuthChoice::Sasl("SCRAM-MD5".into()));
}

#[test]
fn schemes_ports_and_tls() {
    for (text, scheme, port, tls) in [
        ("pop://h", Scheme::Pop, 110, false),
        ("POP://h", Scheme::Pop, 110, false),
        ("pop3://h", Scheme::Pop3, 110, false),
        ("pops://h", Scheme::Pops, 995, true),
        ("pop3s://h", Scheme::Pop3s, 995, true),
        ("Pop3S://h:110", Scheme::Pop3s, 110, true),
        ("pop3://h:", Scheme::Pop3, 110, false),
        ("pop3://h:1/", Scheme::Pop3, 1, false),
        ("pop3://h:65535", Scheme::Pop3, 65_535, false),
        ("pop3://h:00110", Scheme::Pop3, 110, false),
    ] {
        let url = url(text);
        assert_eq!((url.scheme(), url.port(), url.scheme().implicit_tls()), (scheme, port, tls), "{text}");
        assert_eq!((url.user(), url.auth()), (None, &AuthChoice::Any), "{text}");
    }
}

#[test]
fn hosts() {
    assert_eq!(url("pop://[::1]:110").host(), "::1");
    assert_eq!(url("pop://[2001:DB8::0:1]").host(), "2001:db8::1");
    assert_eq!(url("pop://127.0.0.1:1110/").host(), "127.0.0.1");
    assert_eq!(url("pop://MAIL.Example./").host(), "mail.example.");
    assert_eq!(url("pop3://u@[::1]:1110").to_string(), "pop3://u@[::1]:1110");
    for bad in [
        "pop://",
        "pop:///",
        "pop://u@",
        "pop://u@/",
        "pop://:110",
        "pop://::1",
        "pop://[::1",
        "pop://[127.0.0.1]",
        "pop://[fe80::1%25eth0]",
        "pop://a b",
        "pop://h\u{f6}st",
        "pop://a..b",
        "pop://.",
        "pop://h%41",
        "pop://h\r\n",
        "pop://[]",
    ] {
        assert_eq!(refused(bad), UrlError::Host, "{bad}");
    }
    let long = ["a"; 128].join(".");
    assert_eq!(refused(&format!("pop://{long}")), UrlError::Host);
}

#[test]
fn users_and_mechanisms() {
    for (text, user, auth) in [
        ("pop://a%40b%3Bc%20d@h", Some("a@b;c d"), AuthChoice::Any),
        ("pop://alice%40example.com@h", Some("alice@example.com"), AuthChoice::Any),
        ("pop://j%c3%b6rg@h", Some("j\u{f6}rg"), AuthChoice::Any),
        ("pop://a;AUTH=*@h", Some("a"), AuthChoice::Any),
        ("pop://a;auth=+apop@h", Some("a"), AuthChoice::Apop),
        ("pop://baz;auth=scram-sha-256@foo.bar", Some("baz"), AuthChoice::Sasl("SCRAM-SHA-256".into())),
        ("pop://a;AUTH=+x%21y@h", Some("a"), AuthChoice::Extension("X!Y".into())),
        ("pop://;AUTH=EXTERNAL@h", None, AuthChoice::Sasl("EXTERNAL".into())),
        ("pop://$-_.+!*'(),&=~@h", Some("$-_.+!*'(),&=~"), AuthChoice::Any),
    ] {
        let url = url(text);
        assert_eq!(url.user(), user.map(str::as_bytes), "{text}");
        assert_eq!(url.auth(), &auth, "{text}");
    }
    assert_eq!(url("pop://%ff@h").user(), Some(&[0xff][..]));
}

#[test]
fn what_is_refused() {
    for (text, error) in [
        ("pop://u:p@h", UrlError::Password),
        ("pop3s://u:@h", UrlError::Password),
        ("pop://u;AUTH=PLAIN:p@h", UrlError::Password),
        ("pop://a%0d%0aDELE@h", UrlError::LineOctet),
        ("pop://a%00@h", UrlError::LineOctet),
        ("pop://a;AUTH=%0A@h", UrlError::LineOctet),
        ("pop://a%zz@h", UrlError::Escape),
        ("pop://a%4@h", UrlError::Escape),
        ("pop://a%@h", UrlError::Escape),
        ("pop://a%+1@h", UrlError::Escape),
        ("pop://a b@h", UrlError::Unescaped),
        ("pop://a@b@h", UrlError::Unescaped),
        ("pop://\u{f6}@h", UrlError::Unescaped),
        ("pop://a\r\n@h", UrlError::Unescaped),
        ("pop://@h", UrlError::EmptyUser),
        ("pop://a;AUTH=@h", UrlError::Auth),
        ("pop://a;AUTH=+@h", UrlError::Auth),
        ("pop://a;@h", UrlError::Auth),
        ("pop://a;AUTH@h", UrlError::Auth),
        ("pop://a;TYPE=*@h", UrlError::Auth),
        ("pop://a;AUTH=%2A@h", UrlError::Auth),
        ("pop://a;AUTH=A-NAME-OF-21-LETTERS-@h", UrlError::Auth),
        ("pop://h:0", UrlError::Port),
        ("pop://h:65536", UrlError::Port),
        ("pop://h:+110", UrlError::Port),
        ("pop://h:1a", UrlError::Port),
        ("pop://h:000110", UrlError::Port),
        ("pop://[::1]110", UrlError::Port),
        ("pop://h/inbox", UrlError::Path),
        ("pop://h//", UrlError::Path),
        ("pop://h?x", UrlError::Path),
        ("pop://h#x", UrlError::Path),
        ("//h", UrlError::Scheme),
        ("u@h", UrlError::Scheme),
        ("h", UrlError::Scheme),
        ("", UrlError::Scheme),
        ("pop:h", UrlError::Scheme),
        ("imap://h", UrlError::Scheme),
        (" pop://h", UrlError::Scheme),
    ] {
        assert_eq!(refused(text), error, "{text}");
    }
}

/// An error about a URL with a password never shows the password.
#[test]
fn an_error_repeats_nothing() {
    let error = refused("pop://alice:tanstaaf@h");
    assert!(!format!("{error} {error:?}").contains("tanstaaf"));
}

#[test]
fn built_from_parts() {
    let port = NonZeroU16::new(995).unwrap();
    let url = Url::new(Scheme::Pop3s, "Mail.Example").unwrap().with_user(b"a@b").unwrap().with_port(port);
    assert_eq!(url.to_string(), "pop3s://a%40b@mail.example");
    assert_eq!(Url::new(Scheme::Pop, "::1").unwrap().to_string(), "pop://[::1]");
    assert_eq!(Url::new(Scheme::Pop, "h").unwrap().with_user(b"a\r\nb"), Err(UrlError::LineOctet));
    assert_eq!(Url::new(Scheme::Pop, "h").unwrap().with_user(b""), Err(UrlError::EmptyUser));
    assert_eq!(Url::new(Scheme::Pop, "h/x"), Err(UrlError::Host));
}

fn schemes() -> impl Strategy<Value = Scheme> {
    prop_oneof![Just(Scheme::Pop), Just(Scheme::Pop3), Just(Scheme::Pops), Just(Scheme::Pop3s)]
}

fn hosts_drawn() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_-]{1,20}(\\.[a-zA-Z0-9-]{1,20}){0,3}\\.?",
        any::<core::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<core::net::Ipv6Addr>().prop_map(|address| address.to_string()),
    ]
}

proptest! {
    #[test]
    fn reading_what_was_formatted_gives_the_same(
        scheme in schemes(),
        host in hosts_drawn(),
        user in proptest::option::of(proptest::collection::vec(any::<u8>(), 1..40)),
        auth in prop_oneof![Just(String::new()), Just("+APOP".to_owned()), "\\+?[A-Za-z0-9_-]{1,20}"],
        port in proptest::option::of(any::<NonZeroU16>()),
    ) {
        let mut url = Url::new(scheme, &host).unwrap();
        if let Some(port) = port {
            url = url.with_port(port);
        }
        if let Some(user) = &user {
            match url.clone().with_user(user) {
                Ok(with_user) => url = with_user,
                Err(error) => prop_assert_eq!(error, UrlError::LineOctet),
            }
        }
        let mut text = url.to_string();
        prop_assert_eq!(Url::parse(&text).unwrap(), url.clone());
        if let Some(port) = port {
            prop_assert_eq!(url.port(), port.get());
        }
        // The same with a mechanism that only text can express.
        if url.user().is_some() && !auth.is_empty() {
            let at = text.find('@').unwrap();
            text.insert_str(at, &format!(";AUTH={auth}"));
            let url = Url::parse(&text).unwrap();
            prop_assert_eq!(Url::parse(&url.to_string()).unwrap(), url);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(pop3?s?://)?\\PC{0,40}") {
        if let Ok(url) = Url::parse(&text) {
            prop_assert_eq!(Url::parse(&url.to_string()).unwrap(), url);
        }
    }

    #[test]
    fn url_like_text_is_read_or_refused(text in "pop://[a@:;%\\[\\]=*+/.0-9AUTH]{0,30}") {
        if let Ok(url) = Url::parse(&text) {
            prop_assert_eq!(Url::parse(&url.to_string()).unwrap(), url);
        }
    }
}
