//! Where a SASL login of the client shows a password or token: on the wire, in a trace, in an error.

use std::sync::{Arc, Mutex};

use pop3_driver::client::{ClientError, ClientOptions, Credentials, Mechanism, Security, Trace, Tracer};
use pop3_driver::{LoginMethod, wait};
use pop3_proto::client::SendError;
use pop3_proto::encode_base64;

use crate::logins::{ALL, client, fred, honest, login, open, open_with};
use crate::sasl_server::{PASSWORD, TOKEN, USER, sasl_server};
use crate::wire::Wire;

// 2595-2.10, 5034-4.23, 2384-4.05
#[test]
fn no_secret_travels_in_clear() {
    for credentials in [fred(), Credentials::new(USER).with_token(TOKEN)] {
        for capabilities in ["SASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\nUSER", "USER", ""] {
            let wire = Wire::talking("+OK <1.2@h>\r\n", sasl_server(capabilities, honest));
            let mut client = open_with(&wire, &Security::Plaintext, ClientOptions::new());
            let failed = login(&mut client, &credentials);
            assert!(matches!(failed, Err(ClientError::Unsendable(SendError::Plaintext))), "{failed:?}");
            for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
                let forced = wait(client.authenticate(mechanism, &fred()));
                assert!(matches!(forced, Err(ClientError::Unsendable(SendError::Plaintext))), "{forced:?}");
            }
            assert!(wire.lines().is_empty(), "{:?}", wire.lines());
        }
    }
    // Even on a trusted line, SCRAM sends no secret.
    let (mut client, wire) = client(ALL, honest);
    assert_eq!(login(&mut client, &fred()).expect("SCRAM"), LoginMethod::Auth(Mechanism::ScramSha512));
    let plain = encode_base64(format!("\0{USER}\0{PASSWORD}").as_bytes());
    let plain = core::str::from_utf8(plain.expose()).expect("ASCII").to_owned();
    assert!(!wire.sent().contains(PASSWORD) && !wire.sent().contains(&plain));
}

// SEC-08: if a server repeats the token in its details, the client does not show it.
#[test]
fn a_token_in_the_details_of_a_refusal_is_masked() {
    let wire = Wire::talking("+OK\r\n", |line| {
        let details = encode_base64(format!(r#"{{"status":"401","token":"{TOKEN}"}}"#).as_bytes());
        let challenge = String::from_utf8(details.expose().clone()).expect("ASCII");
        match line {
            "CAPA" => Some("+OK\r\nSASL XOAUTH2\r\n.\r\n".to_owned()),
            "AUTH XOAUTH2" => Some("+ \r\n".to_owned()),
            "" => Some("-ERR no\r\n".to_owned()),
            _ => Some(format!("+ {challenge}\r\n")),
        }
    });
    let mut client = open(&wire, ClientOptions::new());
    let credentials = Credentials::new(USER).with_token(TOKEN);
    let Err(ClientError::Refused(refusal)) = wait(client.authenticate(Mechanism::XOAuth2, &credentials))
    else {
        panic!("the token is refused")
    };
    let details = String::from_utf8(refusal.details.expect("JSON")).expect("text");
    assert_eq!(details, r#"{"status":"401","token":"***"}"#);
}

// 5034-4.30
#[test]
fn secrets_of_exchanges_are_not_traced() {
    let traces = Arc::new(Mutex::new(String::new()));
    let tracer = Tracer::new({
        let traces = Arc::clone(&traces);
        move |trace: Trace<'_>| traces.lock().expect("no panic").push_str(&format!("{trace:?}\n"))
    });
    let wire = Wire::talking("+OK\r\n", sasl_server(ALL, honest));
    let mut client = open(&wire, ClientOptions::new().with_tracer(tracer));
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
        let wrong = Credentials::new(USER).with_password("wrong");
        wait(client.authenticate(mechanism, &wrong)).expect_err("it is wrong");
    }
    let traces = traces.lock().expect("no panic");
    for said in ["AUTH PLAIN\"", "AUTH LOGIN\"", "AUTH SCRAM-SHA-256 ***", "Challenge", "Sent(\"***\")"] {
        assert!(traces.contains(said), "{said} in {traces}");
    }
    for line in wire
        .lines()
        .iter()
        .filter(|line| line.len() > 10 && !["AUTH LOGIN", "AUTH PLAIN"].contains(&line.as_str()))
    {
        let secret = line.rsplit(' ').next().unwrap_or_default();
        assert!(!traces.contains(secret), "{secret} in {traces}");
    }
}

// SEC-08: whatever the server repeats, at any time, is masked in a trace.
#[test]
fn secrets_that_the_server_repeats_are_not_traced() {
    for mechanism in [None, Some(Mechanism::Plain), Some(Mechanism::ScramSha256)] {
        let traces = Arc::new(Mutex::new(String::new()));
        let tracer = Tracer::new({
            let traces = Arc::clone(&traces);
            move |trace: Trace<'_>| traces.lock().expect("no panic").push_str(&format!("{trace:?}\n"))
        });
        let mut server = sasl_server(ALL, honest);
        let mut logged_in = false;
        let wire = Wire::talking("+OK\r\n", move |line| match line {
            "CAPA" if logged_in => Some(format!("+OK\r\nX-{PASSWORD}\r\nIMPLEMENTATION {PASSWORD}\r\n.\r\n")),
            "UIDL" => Some(format!("+OK {PASSWORD}\r\n1 {PASSWORD}\r\n2 b\r\n.\r\n")),
            "STAT" => Some(format!("+OK 2 2 {PASSWORD}\r\n")),
            "NOOP" => Some(format!("-ERR {PASSWORD} {PASSWORD}\r\n")),
            _ if line.starts_with("USER") || line.starts_with("PASS") => Some(format!("+OK {PASSWORD}\r\n")),
            _ => {
                let reply = server(line);
                logged_in |= reply.as_ref().is_some_and(|reply| reply.starts_with("+OK") && line != "CAPA");
                reply
            }
        });
        let mut client = open(&wire, ClientOptions::new().with_tracer(tracer));
        match mechanism {
            Some(mechanism) => wait(client.authenticate(mechanism, &fred())).expect("it is right"),
            None => wait(client.login(USER.as_bytes(), PASSWORD.as_bytes())).expect("it is right"),
        }
        wait(client.stat()).expect("STAT");
        wait(client.uidl()).expect("UIDL");
        wait(client.noop()).expect_err("NOOP");
        let traces = traces.lock().expect("no panic");
        assert!(!traces.contains(PASSWORD), "{traces}");
        for said in ["text: \"*** ***\"", "Line(\"***\")", "uid: \"b\""] {
            assert!(traces.contains(said), "{mechanism:?}: {said} in {traces}");
        }
    }
}

// SEC-05: neither the client nor its error shows what could not be sent.
#[test]
fn a_secret_that_could_not_be_sent_is_not_shown() {
    let secret = "tanstaaf".repeat(3000 / 8);
    let plain = String::from_utf8(encode_base64(format!("\0{USER}\0{PASSWORD}").as_bytes()).expose().clone());
    for (mechanism, credentials, hidden) in [
        (Some(Mechanism::Plain), fred(), plain.expect("base64")),
        (Some(Mechanism::XOAuth2), Credentials::new(USER).with_token(secret.as_str()), "dGFuc3Rh".into()),
        (None, fred(), PASSWORD.into()),
    ] {
        let capabilities = if mechanism.is_some() { ALL } else { "USER" };
        let (mut client, wire) = client(capabilities, honest);
        let before = wire.state().written;
        // CAPA and a part of AUTH, or CAPA, USER and a part of PASS.
        let sent = match mechanism {
            Some(Mechanism::Plain) => 6 + 12,
            Some(_) => 6 + "AUTH XOAUTH2\r\n".len() + 40,
            None => 6 + "USER \r\n".len() + USER.len() + 6,
        };
        let kind = std::io::ErrorKind::BrokenPipe;
        wire.state().writing = crate::wire::Writing::FailsAfter(before + sent, kind);
        let error = login(&mut client, &credentials).expect_err("the wire is cut");
        assert!(matches!(error, ClientError::Network(_)), "{error:?}");
        let shown = format!("{client:?} {error:?} {error}");
        // The beginning was sent and is no longer stored.
        let hidden = &hidden[hidden.len() - 6..];
        let bytes = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
        assert!(!shown.contains(hidden) && !shown.contains(&bytes(hidden)), "{mechanism:?}: {shown}");
    }
}
