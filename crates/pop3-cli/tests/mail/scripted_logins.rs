//! The fetcher's logins to scripted servers, which cheat, refuse or hang up.

use base64ct::{Base64, Encoding as _};
use pop3_sasl::scram::Keys;
use pop3_sasl::server::{Decision, ExchangeStep, ServerExchange, ServerSetup};
use pop3_sasl::{Mechanism, Nonce};

use crate::logins::{A, fetch, told};
use crate::support::{House, PASSWORD, RUNTIMES, Script, Scripted, code, errors, script};

/// A scripted server that announces this and answers AUTH by itself.
pub(crate) fn auth_script(
    sasl: &'static str,
    mut answer: impl FnMut(&str) -> Option<Option<Vec<u8>>> + Send + 'static,
) -> Script {
    script(vec![A.to_vec()], move |line| {
        if line == "CAPA" {
            return Some(Some(format!("+OK\r\n{sasl}\r\nUIDL\r\n.\r\n").into_bytes()));
        }
        answer(line)
    })
}

/// Plays SCRAM with the right keys, and changes the server's signature.
fn tampering() -> impl FnMut(&str) -> Option<Option<Vec<u8>>> + Send + 'static {
    let mut exchange: Option<ServerExchange> = None;
    move |line| {
        let mut step = if let Some(first) = line.strip_prefix("AUTH SCRAM-SHA-256 ") {
            let setup = ServerSetup::new(Nonce::from_text("servers").unwrap(), "0123456789abcdef");
            let begun = exchange.insert(ServerExchange::new(Mechanism::ScramSha256, setup));
            begun.begin(Some(&Base64::decode_vec(first).unwrap())).unwrap()
        } else if line == "*" {
            exchange = None;
            return Some(Some(b"-ERR cancelled\r\n".to_vec()));
        } else {
            exchange.as_mut()?.respond(&Base64::decode_vec(line).unwrap()).unwrap()
        };
        loop {
            step = match step {
                ExchangeStep::Ask(_) => {
                    let keys =
                        Keys::derive(pop3_sasl::scram::Hash::Sha256, PASSWORD.as_bytes(), b"salt", 4096);
                    exchange.as_mut()?.answer(Decision::Keys(Some(keys.unwrap()))).unwrap()
                }
                ExchangeStep::Challenge(octets) => {
                    let mut octets = octets.expose().to_vec();
                    if octets.starts_with(b"v=") {
                        octets[2] = if octets[2] == b'A' { b'B' } else { b'A' };
                    }
                    return Some(Some(format!("+ {}\r\n", Base64::encode_string(&octets)).into_bytes()));
                }
                ExchangeStep::Done(_) => return Some(Some(b"+OK\r\n".to_vec())),
                ExchangeStep::Fail(_) => return Some(Some(b"-ERR [AUTH] no\r\n".to_vec())),
            };
        }
    }
}

// 5802-5.07, 5034-4.18
#[test]
fn a_server_that_does_not_know_the_password_gets_no_further() {
    let house = House::new();
    let server = Scripted::start(b"+OK\r\n", vec![auth_script("SASL SCRAM-SHA-256 PLAIN", tampering())]);
    let text = told(&fetch(&house, &server.url(), &[]), 4);
    assert!(text.contains("did not prove that it knows the password"), "{text}");
    let said = server.said();
    assert_eq!(said.last().map(String::as_str), Some("*"));
    assert!(!said.iter().any(|line| line.contains("PLAIN") || line.starts_with("USER")), "{said:?}");

    let server = Scripted::start(
        b"+OK\r\n",
        vec![auth_script("SASL SCRAM-SHA-256", |line| {
            line.starts_with("AUTH").then(|| Some(b"+OK welcome\r\n".to_vec()))
        })],
    );
    let text = told(&fetch(&house, &server.url(), &[]), 4);
    assert!(text.contains("did not prove that it knows the password"), "{text}");
    assert_eq!(server.said().len(), 2, "CAPA and AUTH");
    assert!(house.fetched().is_empty());
}

#[test]
fn an_exchange_that_is_cut_is_told_as_such() {
    for cut in ["AUTH", "cmVz"] {
        let house = House::new();
        let server = Scripted::start(
            b"+OK\r\n",
            vec![auth_script("SASL LOGIN", move |line| {
                if line.starts_with(cut) || !line.starts_with("AUTH") {
                    return Some(None);
                }
                Some(Some(b"+ VXNlcm5hbWU6\r\n".to_vec()))
            })],
        );
        let text = told(&fetch(&house, &server.url(), &[]), 3);
        assert!(
            text.contains("the server closed the connection instead of sending the reply to AUTH"),
            "{text}"
        );
        server.said();
    }
}

#[test]
fn a_way_that_is_not_offered_is_told_as_such() {
    for (auth, what) in [
        ("plain", "refused PLAIN, which it does not offer"),
        ("scram-sha-1", "refused SCRAM-SHA-1, which it does not offer"),
        ("user", "refused login with USER and PASS, which it does not offer"),
        ("apop", "does not offer APOP"),
    ] {
        for runtime in RUNTIMES {
            let house = House::new();
            let refuse = |line: &str| {
                (line.starts_with("AUTH") || line.starts_with("USER"))
                    .then(|| Some(b"-ERR what?\r\n".to_vec()))
            };
            let server = Scripted::start(b"+OK <no timestamp\r\n", vec![auth_script("SASL LOGIN", refuse)]);
            let text = told(&fetch(&house, &server.url(), &["--auth", auth, "--runtime", runtime]), 4);
            assert!(text.contains(what) && text.contains("--auth"), "{text}");
            let said = server.said();
            assert!(!said.iter().any(|line| line.contains(PASSWORD.trim())), "{said:?}");
        }
    }
}

/// A server that announces this and refuses every AUTH.
fn without_auth(sasl: &'static str) -> Scripted {
    let refuse = |line: &str| line.starts_with("AUTH").then(|| Some(b"-ERR unknown command\r\n".to_vec()));
    Scripted::start(b"+OK\r\n", vec![auth_script(sasl, refuse)])
}

#[test]
fn a_server_that_refuses_every_auth_gets_user_and_pass_where_that_reveals_no_more() {
    for runtime in RUNTIMES {
        let house = House::new();
        let server = without_auth("SASL PLAIN LOGIN\r\nUSER");
        let output = fetch(&house, &server.url(), &["--runtime", runtime]);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert_eq!(house.fetched(), [A]);
        let said = server.said();
        assert_eq!(said.iter().filter(|line| line.contains(PASSWORD.trim())).count(), 1, "{said:?}");

        for sasl in ["SASL SCRAM-SHA-256\r\nUSER", "SASL SCRAM-SHA-256 PLAIN LOGIN\r\nUSER", "SASL PLAIN"] {
            let server = without_auth(sasl);
            let text = told(&fetch(&house, &server.url(), &["--runtime", runtime]), 4);
            assert!(text.contains("--auth user"), "{text}");
            let said = server.said();
            assert!(!said.iter().any(|line| line.contains(PASSWORD.trim())), "{said:?}");
        }
    }
}

#[test]
fn the_password_is_in_the_line_of_auth_on_demand() {
    for (options, expected) in [(&[][..], false), (&["--initial-response"], true)] {
        let house = House::new();
        let answer = |line: &str| {
            let done = line.starts_with("AUTH PLAIN ") || line.starts_with("AGFsaWNl");
            let reply: &[u8] = if done { b"+OK\r\n" } else { b"+ \r\n" };
            (done || line == "AUTH PLAIN").then(|| Some(reply.to_vec()))
        };
        let server = Scripted::start(b"+OK\r\n", vec![auth_script("SASL PLAIN", answer)]);
        let output = fetch(&house, &server.url(), options);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        assert_eq!(server.said().iter().any(|line| line.starts_with("AUTH PLAIN ")), expected);
    }
}

// 3206-5.02, TOL-19: the client does not guess from the text of a refusal.
#[test]
fn a_refusal_that_is_not_about_the_credentials_is_told_as_such() {
    for (capabilities, refusal, what) in [
        ("AUTH-RESP-CODE\r\nRESP-CODES", "-ERR something", "the credentials are not the reason"),
        ("AUTH-RESP-CODE\r\nRESP-CODES", "-ERR [AUTH] no", "name or password is wrong"),
        ("USER", "-ERR maildrop locked, wait", "usually the user name or password is wrong"),
        ("USER", "-ERR [SYS/PERM] broken", "contact its administrator"),
    ] {
        let house = House::new();
        let server = Scripted::start(
            b"+OK\r\n",
            vec![auth_script(capabilities, move |line| {
                line.starts_with("PASS").then(|| Some(format!("{refusal}\r\n").into_bytes()))
            })],
        );
        let text = told(&fetch(&house, &server.url(), &[]), 4);
        assert!(text.contains(what), "{text}");
        server.said();
    }
}

// 6856-2.22, TOL-17
#[test]
fn options_change_what_is_said() {
    let house = House::new();
    let said = |options: &[&str], capabilities: &'static str| {
        let server = Scripted::start(b"+OK\r\n", vec![auth_script(capabilities, |_| None)]);
        let output = fetch(&house, &server.url(), options);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        server.said()
    };
    assert_eq!(said(&["--utf8"], "UTF8\r\nSASL PLAIN")[..2], ["CAPA", "UTF8"]);
    assert_eq!(said(&["--utf8"], "USER")[..2], ["CAPA", "USER alice"]);
    assert_eq!(said(&["--no-capa"], "SASL PLAIN")[0], "USER alice");
    assert!(!said(&["--no-capa"], "SASL PLAIN").contains(&"CAPA".to_owned()));

    let server = Scripted::start(
        b"+OK\r\n",
        vec![auth_script("USER", |line| line.starts_with("PASS").then(|| Some(b"+ok\r\n".to_vec())))],
    );
    let text = told(&fetch(&house, &server.url(), &["--strict"]), 5);
    assert!(text.contains("violates the protocol"), "{text}");
    server.said();
}

#[test]
fn a_port_that_speaks_plain_text_is_told_as_such() {
    for runtime in RUNTIMES {
        let house = House::new();
        let server = Scripted::start(b"+OK ready\r\n", vec![Box::new(|_| None)]);
        let url = server.url().replace("pop3:", "pop3s:");
        let text = told(&fetch(&house, &url, &["--runtime", runtime]), 3);
        assert!(text.contains("answered in plain text instead of TLS"), "{text}");
        server.said();
    }
}
