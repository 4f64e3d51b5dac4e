//! The client's logins by SASL over a server that plays each mechanism, or plays false.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use pop3_driver::client::{
    Client, Credentials, Error, LoginPolicy, Mechanism, NoLogin, Options, Security, Trace, Tracer,
};
use pop3_driver::{LoginMethod, Transport as _, wait};
use pop3_proto::client::{Config, Error as ProtocolError, SendError};
use pop3_proto::{Advice, Keyword, Quirk, encode_base64};
use pop3_sasl::client::{Error as ExchangeError, Unusable};
use proptest::prelude::*;

use crate::sasl_server::{Change, PASSWORD, TOKEN, USER, sasl_server};
use crate::wire::Wire;

const ALL: &str = "SASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512 EXTERNAL ANONYMOUS \
                   XOAUTH2 OAUTHBEARER\r\nUSER";

fn open_with(wire: &Wire, security: &Security, options: Options) -> Client<Wire> {
    let deadline = wire.now().after(Duration::from_secs(60));
    wait(Client::open(wire.clone(), security, options, deadline)).expect("a greeting")
}

/// A client with a server that has these capabilities and changes what it says.
fn client(capabilities: &'static str, change: Change) -> (Client<Wire>, Wire) {
    let wire = Wire::talking("+OK <1.2@h>\r\n", sasl_server(capabilities, change));
    (open_with(&wire, &Security::TrustedPlaintext, Options::new()), wire)
}

fn honest(line: &str) -> String {
    line.to_owned()
}

fn fred() -> Credentials {
    Credentials::new(USER).with_password(PASSWORD)
}

fn login(client: &mut Client<Wire>, credentials: &Credentials) -> Result<LoginMethod, Error> {
    wait(client.login_with(credentials, &LoginPolicy::default()))
}

fn auths(wire: &Wire) -> Vec<String> {
    let word = |line: &String| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    wire.lines()
        .iter()
        .filter(|line| line.starts_with("AUTH") || line.starts_with("USER"))
        .map(word)
        .collect()
}

#[test]
fn each_mechanism_logs_in() {
    for mechanism in Mechanism::ALL.into_iter().filter(|mechanism| !mechanism.needs_channel_binding()) {
        for capabilities in [ALL, ""] {
            let credentials = if mechanism == Mechanism::External {
                Credentials::certificate()
            } else if mechanism == Mechanism::Anonymous {
                Credentials::anonymous("sirhc")
            } else if matches!(mechanism, Mechanism::XOAuth2 | Mechanism::OAuthBearer) {
                Credentials::new(USER).with_token(TOKEN)
            } else {
                fred()
            };
            let (mut client, wire) = client(capabilities, honest);
            wait(client.authenticate(mechanism, &credentials)).expect("all is right");
            wait(client.noop()).expect("it is logged in");
            let inline = wire.lines().iter().any(|line| line.starts_with(&format!("AUTH {mechanism} ")));
            // 2449-6.31, XOA-1.04: without an announcement there is no initial response.
            let early = mechanism.is_client_first() && !mechanism.exposes_secret();
            assert_eq!(inline, !capabilities.is_empty() && early, "{mechanism}");
            assert!(client.quirks().iter().all(|quirk| *quirk == Quirk::NoCapabilities));
            assert_eq!(wire.lines().last().map(String::as_str), Some("NOOP"));
        }
    }
}

// 5034-4.28, 2195-2.03, EXT-1.01
#[test]
fn the_strongest_mechanism_is_chosen() {
    let token = || Credentials::new(USER).with_token(TOKEN);
    for (capabilities, credentials, chosen) in [
        (ALL, fred(), Some(LoginMethod::Auth(Mechanism::ScramSha512))),
        ("SASL PLAIN scram-sha-1 SCRAM-SHA-256", fred(), Some(LoginMethod::Auth(Mechanism::ScramSha256))),
        ("SASL LOGIN CRAM-MD5 PLAIN", fred(), Some(LoginMethod::Auth(Mechanism::Plain))),
        ("SASL CRAM-MD5 LOGIN", fred(), Some(LoginMethod::Auth(Mechanism::Login))),
        ("SASL CRAM-MD5 GSSAPI\r\nUSER", fred(), Some(LoginMethod::User)),
        ("SASL XOAUTH2", fred(), Some(LoginMethod::User)),
        ("UIDL", fred(), Some(LoginMethod::User)),
        ("", fred(), Some(LoginMethod::User)),
        (ALL, token(), Some(LoginMethod::Auth(Mechanism::OAuthBearer))),
        ("SASL XOAUTH2 PLAIN", token(), Some(LoginMethod::Auth(Mechanism::XOAuth2))),
        ("SASL PLAIN", token(), None),
        (ALL, Credentials::certificate(), Some(LoginMethod::Auth(Mechanism::External))),
        (ALL, Credentials::anonymous("me"), Some(LoginMethod::Auth(Mechanism::Anonymous))),
        ("SASL PLAIN", Credentials::anonymous("me"), None),
    ] {
        let (mut client, wire) = client(capabilities, honest);
        match (login(&mut client, &credentials), chosen) {
            (Ok(method), Some(chosen)) => assert_eq!(method, chosen, "{capabilities}"),
            (Err(Error::NoLogin(NoLogin::NotOffered)), None) => assert!(auths(&wire).is_empty()),
            (result, _) => panic!("{capabilities}: {result:?}"),
        }
    }
}

// 1939-7.41
#[test]
fn apop_is_used_on_demand_and_only_where_there_is_no_mechanism() {
    for (capabilities, demanded, chosen) in [
        (ALL, true, LoginMethod::Auth(Mechanism::ScramSha512)),
        ("SASL PLAIN", true, LoginMethod::Auth(Mechanism::Plain)),
        ("UIDL", true, LoginMethod::Apop),
        ("UIDL", false, LoginMethod::User),
    ] {
        let (mut client, _) = client(capabilities, honest);
        let policy = LoginPolicy::default().with_apop(demanded);
        assert_eq!(wait(client.login_with(&fred(), &policy)).expect("a way"), chosen, "{capabilities}");
    }
}

// 2595-2.10, 5034-4.23, 2384-4.05
#[test]
fn no_secret_travels_in_clear() {
    for credentials in [fred(), Credentials::new(USER).with_token(TOKEN)] {
        for capabilities in ["SASL PLAIN LOGIN XOAUTH2 OAUTHBEARER\r\nUSER", "USER", ""] {
            let wire = Wire::talking("+OK <1.2@h>\r\n", sasl_server(capabilities, honest));
            let mut client = open_with(&wire, &Security::Plaintext, Options::new());
            let failed = login(&mut client, &credentials);
            assert!(matches!(failed, Err(Error::Unsendable(SendError::Plaintext))), "{failed:?}");
            for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
                let forced = wait(client.authenticate(mechanism, &fred()));
                assert!(matches!(forced, Err(Error::Unsendable(SendError::Plaintext))), "{forced:?}");
            }
            assert!(wire.lines().is_empty(), "{:?}", wire.lines());
        }
    }
    // Where the owner trusts the line, SCRAM still shows no secret on it.
    let (mut client, wire) = client(ALL, honest);
    assert_eq!(login(&mut client, &fred()).expect("SCRAM"), LoginMethod::Auth(Mechanism::ScramSha512));
    let plain = encode_base64(format!("\0{USER}\0{PASSWORD}").as_bytes());
    let plain = core::str::from_utf8(plain.expose()).expect("ASCII").to_owned();
    assert!(!wire.sent().contains(PASSWORD) && !wire.sent().contains(&plain));
}

// 5034-4.29, 5034-4.16
#[test]
fn a_wrong_password_is_refused_once_and_the_session_goes_on() {
    for capabilities in [ALL, "SASL SCRAM-SHA-1 PLAIN\r\nUSER", "SASL PLAIN\r\nUSER", "SASL LOGIN\r\nUSER"] {
        let (mut client, wire) = client(capabilities, honest);
        let wrong = Credentials::new(USER).with_password("wrong");
        let Err(Error::Refused(refusal)) = login(&mut client, &wrong) else { panic!("it is wrong") };
        assert_eq!((refusal.keyword, refusal.advice()), (Some(Keyword::Auth), Advice::OtherCredentials));
        assert_eq!(refusal.blames_credentials(), Some(true));
        assert_eq!(auths(&wire).len(), 1, "nothing weaker is tried: {:?}", auths(&wire));
        login(&mut client, &fred()).expect("the password is right");
        wait(client.noop()).expect("it is logged in");
    }
}

// 5802-5.07: the client takes its word back before the server can say more.
#[test]
fn a_tampered_signature_is_no_login() {
    let tamper: Change = |line| {
        let text =
            line.strip_prefix("+ ").map(|text| pop3_proto::Base64::parse(text.as_bytes()).expect("base64"));
        match text.map(pop3_proto::Base64::decode) {
            Some(octets) if octets.expose().starts_with(b"v=") => {
                let mut octets = octets.expose().clone();
                octets[2] = if octets[2] == b'A' { b'B' } else { b'A' };
                format!("+ {}", core::str::from_utf8(encode_base64(&octets).expose()).expect("ASCII"))
            }
            _ => line.to_owned(),
        }
    };
    for mechanism in [Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::ScramSha512] {
        let (mut client, wire) = client(ALL, tamper);
        let failed = wait(client.authenticate(mechanism, &fred()));
        assert!(matches!(failed, Err(Error::Exchange(ExchangeError::WrongSignature))), "{failed:?}");
        assert_eq!(wire.lines().last().map(String::as_str), Some("*"));
        assert!(!wire.state().closed);
        // The server has answered the cancellation, and both are in step.
        wait(client.authenticate(Mechanism::Plain, &fred())).expect("another way");
    }
}

// 5034-4.18
#[test]
fn a_success_without_proof_is_not_believed() {
    let early: Change = |line| if line.len() > 100 { "+OK welcome".to_owned() } else { line.to_owned() };
    let first: Change =
        |line| if line.starts_with("+ ") { "+OK welcome".to_owned() } else { line.to_owned() };
    let cases: [(&'static str, Mechanism, Change, ExchangeError); 3] = [
        (ALL, Mechanism::ScramSha512, early, ExchangeError::NotVerified),
        (ALL, Mechanism::ScramSha256, first, ExchangeError::NotVerified),
        // In LOGIN the password was not asked for.
        (
            "SASL LOGIN",
            Mechanism::Login,
            |line| {
                if line == "+ UGFzc3dvcmQ6" { "+OK".to_owned() } else { line.to_owned() }
            },
            ExchangeError::Premature,
        ),
    ];
    for (capabilities, mechanism, change, error) in cases {
        let (mut client, wire) = client(capabilities, change);
        let failed = wait(client.authenticate(mechanism, &fred()));
        assert!(matches!(failed, Err(Error::ServerNotVerified(own)) if own == error), "{failed:?}");
        assert!(wire.state().closed);
        let written = wire.state().written;
        assert!(matches!(wait(client.stat()), Err(Error::Interrupted)));
        assert!(matches!(wait(client.quit()), Err(Error::Interrupted)));
        assert_eq!(wire.state().written, written, "nothing more is said to it");
    }
}

// 5802-5.02, 5802-5.04, 5802-5.06
#[test]
fn a_challenge_out_of_the_rules_is_cancelled() {
    for (challenge, error) in [
        ("r=other,s=c2FsdHNhbHQ=,i=4096", ExchangeError::Nonce),
        ("r=NONCE,s=c2FsdHNhbHQ=,i=4096", ExchangeError::Nonce),
        ("r=NONCEx,s=c2FsdHNhbHQ=,i=1", ExchangeError::Iterations),
        ("r=NONCEx,s=c2FsdHNhbHQ=,i=2147483648", ExchangeError::Iterations),
    ] {
        let wire = Wire::talking("+OK\r\n", move |line| {
            let mut words = line.split(' ');
            Some(match (words.next(), words.nth(1)) {
                (Some("CAPA"), _) => format!("+OK\r\n{ALL}\r\n.\r\n"),
                (Some("AUTH"), Some(first)) => {
                    let first = pop3_proto::Base64::parse(first.as_bytes()).expect("base64").decode();
                    let first = String::from_utf8(first.expose().clone()).expect("text");
                    let (_, nonce) = first.split_once("r=").expect("a nonce");
                    let text = encode_base64(challenge.replace("NONCE", nonce).as_bytes());
                    format!("+ {}\r\n", core::str::from_utf8(text.expose()).expect("ASCII"))
                }
                (Some("*"), _) => "-ERR cancelled\r\n".to_owned(),
                _ => "+OK\r\n".to_owned(),
            })
        });
        let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
        let failed = wait(client.authenticate(Mechanism::ScramSha256, &fred()));
        assert!(matches!(failed, Err(Error::Exchange(own)) if own == error), "{challenge}: {failed:?}");
        assert_eq!(wire.lines().last().map(String::as_str), Some("*"));
        wait(client.login(USER.as_bytes(), PASSWORD.as_bytes())).expect("both are in step");
    }
}

// 5034-4.15
#[test]
fn a_challenge_that_can_not_be_read_is_cancelled_and_told() {
    let broken: Change = |line| if line.starts_with("+ ") { "+ !!!".to_owned() } else { line.to_owned() };
    for mechanism in [Mechanism::CramMd5, Mechanism::Login, Mechanism::ScramSha1] {
        let (mut client, wire) = client(ALL, broken);
        assert!(matches!(wait(client.authenticate(mechanism, &fred())), Err(Error::UnreadableChallenge)));
        assert_eq!(wire.lines().last().map(String::as_str), Some("*"));
        wait(client.login(USER.as_bytes(), PASSWORD.as_bytes())).expect("both are in step");
    }
    // Words can't stand for what CRAM-MD5 signs.
    let words: Change = |line| if line.starts_with("+ ") { "+ go ahead".to_owned() } else { line.to_owned() };
    let (mut client, _wire) = client(ALL, words);
    let failed = wait(client.authenticate(Mechanism::CramMd5, &fred()));
    assert!(matches!(failed, Err(Error::UnreadableChallenge)));
}

// 5034-4.04
#[test]
fn odd_continuations_log_in_all_the_same() {
    for (change, quirk) in [
        (
            (|line| if line == "+ " { "+".to_owned() } else { line.to_owned() }) as Change,
            Quirk::ContinuationWithoutSpace,
        ),
        (|line| if line == "+ " { "+ go ahead".to_owned() } else { line.to_owned() }, Quirk::ChallengeWords),
        (
            |line| if line == "+ " { "+OK".to_owned() } else { line.to_owned() },
            Quirk::PositiveReplyForChallenge,
        ),
    ] {
        for mechanism in [Mechanism::Plain, Mechanism::ScramSha256] {
            // Without CAPA, each has to wait for the empty challenge.
            let mut server = sasl_server("", honest);
            let wire = Wire::talking("+OK\r\n", move |line| {
                let reply = server(line)?;
                let reply = reply.strip_suffix("\r\n").expect("a line");
                Some(format!("{}\r\n", change(reply)))
            });
            let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
            wait(client.authenticate(mechanism, &fred())).expect("it is understood");
            assert!(client.quirks().contains(&quirk), "{quirk}");

            let mut server = sasl_server("SASL LOGIN", honest);
            let wire = Wire::talking("+OK\r\n", move |line| {
                let reply = server(line)?;
                Some(if line.starts_with("AUTH") { format!("{}\r\n", change("+ ")) } else { reply })
            });
            let strict = Options::new().with_config(Config::default().with_strict(true));
            let mut client = open_with(&wire, &Security::TrustedPlaintext, strict);
            assert!(wait(client.authenticate(Mechanism::Login, &fred())).is_err(), "{quirk}");
            assert!(!wire.sent().contains("bXJvc2U"), "not even the name is sent");
        }
    }
}

// 5034-4.09
#[test]
fn the_form_goes_by_the_length_of_the_line() {
    // PLAIN of 180 octets is base64 of 240.
    for (password, inline) in [(180 - 7, true), (181 - 7, false)] {
        let wire = Wire::talking("+OK\r\n", sasl_server("SASL PLAIN", honest));
        let options = Options::new().with_initial_response(true);
        let mut client = open_with(&wire, &Security::TrustedPlaintext, options);
        let credentials = Credentials::new(USER).with_password("x".repeat(password));
        assert!(login(&mut client, &credentials).is_err());
        let line = wire.lines().into_iter().find(|line| line.starts_with("AUTH")).expect("a login");
        assert_eq!(line.len() > "AUTH PLAIN".len(), inline);
        assert!(line.len() + 2 <= 255);
    }
}

// XOA-1.01, XOA-1.02, XOA-1.03, 7628-3.02
#[test]
fn tokens_go_in_two_lines_and_their_refusals_are_told() {
    for mechanism in [Mechanism::XOAuth2, Mechanism::OAuthBearer] {
        let (mut client, wire) = client(ALL, honest);
        let long = Credentials::new(USER).with_token("x".repeat(1500));
        let Err(Error::Refused(refusal)) = wait(client.authenticate(mechanism, &long)) else {
            panic!("the token is wrong")
        };
        let lines = wire.lines();
        assert!(lines.contains(&format!("AUTH {mechanism}")), "{lines:?}");
        let last = if mechanism == Mechanism::XOAuth2 { "" } else { "AQ==" };
        assert_eq!(lines.last().map(String::as_str), Some(last));
        let details = String::from_utf8(refusal.details.clone().expect("JSON")).expect("text");
        assert!(details.starts_with('{'), "{details}");
        assert_eq!(refusal.advice(), Advice::OtherCredentials);
        let good = Credentials::new(USER).with_token(TOKEN);
        wait(client.authenticate(mechanism, &good)).expect("the session goes on");
    }
}

// SEC-08: a server that repeats the token in its details is not repeated.
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
    let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
    let credentials = Credentials::new(USER).with_token(TOKEN);
    let Err(Error::Refused(refusal)) = wait(client.authenticate(Mechanism::XOAuth2, &credentials)) else {
        panic!("the token is refused")
    };
    let details = String::from_utf8(refusal.details.expect("JSON")).expect("text");
    assert_eq!(details, r#"{"status":"401","token":"***"}"#);
}

/// A server that wants the two-line form, as Exchange Online does.
fn two_lines_only(refusal: &'static str) -> impl FnMut(&str) -> Option<String> + Send + 'static {
    let mut server = sasl_server("SASL SCRAM-SHA-256", honest);
    move |line| {
        if line.starts_with("AUTH SCRAM-SHA-256 ") { Some(refusal.to_owned()) } else { server(line) }
    }
}

#[test]
fn an_initial_response_that_is_refused_is_sent_behind_the_challenge() {
    let wire = Wire::talking("+OK\r\n", two_lines_only("-ERR Protocol error. 19\r\n"));
    let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
    assert_eq!(login(&mut client, &fred()).expect("in two lines"), LoginMethod::Auth(Mechanism::ScramSha256));
    assert_eq!(client.quirks(), [Quirk::InitialResponseRefused]);

    // Not where the server says that it is the credentials, or its own trouble, or when strict.
    for (refusal, strict) in [
        ("-ERR [AUTH] no\r\n", false),
        ("-ERR [SYS/TEMP] no\r\n", false),
        ("-ERR [IN-USE] no\r\n", false),
        ("-ERR no\r\n", true),
    ] {
        let wire = Wire::talking("+OK\r\n", two_lines_only(refusal));
        let options = Options::new().with_config(Config::default().with_strict(strict));
        let mut client = open_with(&wire, &Security::TrustedPlaintext, options);
        assert!(matches!(login(&mut client, &fred()), Err(Error::Refused(_))), "{refusal}");
        assert_eq!(auths(&wire).len(), 1, "{refusal}");
    }

    // Where both forms fail, or the server hangs up, the first reason is told.
    for second in [Some("-ERR second\r\n"), None] {
        let mut server = sasl_server("SASL SCRAM-SHA-256 PLAIN\r\nUSER", honest);
        let wire = Wire::talking("+OK\r\n", move |line| match line {
            "AUTH SCRAM-SHA-256" => second.map(str::to_owned),
            line if line.starts_with("AUTH") => Some("-ERR first\r\n".to_owned()),
            line => server(line),
        });
        let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
        let failed = login(&mut client, &fred());
        assert!(matches!(&failed, Err(Error::Refused(refusal)) if refusal.text == b"first"), "{failed:?}");
        assert_eq!(auths(&wire).len(), 2, "no USER behind it: {:?}", auths(&wire));
    }
}

#[test]
fn a_mechanism_that_is_turned_down_gives_way_to_the_next() {
    let refusing = |capabilities| {
        let mut server = sasl_server(capabilities, honest);
        Wire::talking("+OK\r\n", move |line| {
            if line.starts_with("AUTH SCRAM") { Some("-ERR not here\r\n".to_owned()) } else { server(line) }
        })
    };
    // The server would say if it were the credentials.
    let wire = refusing("SASL SCRAM-SHA-256 PLAIN\r\nRESP-CODES\r\nAUTH-RESP-CODE");
    let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
    assert_eq!(login(&mut client, &fred()).expect("by PLAIN"), LoginMethod::Auth(Mechanism::Plain));
    // Once named, nothing else is used (2384-4.02).
    let wire = refusing("SASL SCRAM-SHA-256 PLAIN");
    let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
    let failed = wait(client.authenticate(Mechanism::ScramSha256, &fred()));
    assert!(matches!(failed, Err(Error::Refused(_))), "{failed:?}");
    assert!(auths(&wire).iter().all(|line| line == "AUTH SCRAM-SHA-256"));
}

// 5802-6.01: the client's policy against a list without -PLUS.
#[test]
fn a_login_that_must_be_bound_is_bound_or_none() {
    for capabilities in [ALL, "SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN\r\nUSER", "USER", ""] {
        let (mut client, wire) = client(capabilities, honest);
        let policy = LoginPolicy::default().with_require_binding(true);
        let failed = wait(client.login_with(&fred(), &policy));
        assert!(matches!(failed, Err(Error::NoLogin(NoLogin::BindingNotOffered))), "{failed:?}");
        assert!(auths(&wire).is_empty());
    }
    let (mut client, wire) = client(ALL, honest);
    let failed = wait(client.authenticate(Mechanism::ScramSha256Plus, &fred()));
    assert!(matches!(failed, Err(Error::Unusable(Unusable::NoBinding))), "{failed:?}");
    assert!(auths(&wire).is_empty(), "there is no TLS");
}

// 2449-8.12, 3206-5.02
#[test]
fn a_refusal_says_what_to_do() {
    for (announced, refusal, advice, blames) in [
        (false, "-ERR [AUTH] x", Advice::OtherCredentials, Some(true)),
        (false, "-ERR [auth/expired] x", Advice::OtherCredentials, Some(true)),
        (false, "-ERR [IN-USE] x", Advice::RetryLater, Some(false)),
        (false, "-ERR [LOGIN-DELAY] x", Advice::RetryLater, Some(false)),
        (false, "-ERR [SYS/TEMP/DISK] x", Advice::RetryLater, Some(false)),
        (false, "-ERR [SYS/PERM] x", Advice::TellOperator, Some(false)),
        (false, "-ERR [SYS] x", Advice::Unknown, None),
        (false, "-ERR locked, wait", Advice::Unknown, None),
        (true, "-ERR something", Advice::Unknown, Some(false)),
        (true, "-ERR [AUTH] x", Advice::OtherCredentials, Some(true)),
    ] {
        let capabilities = if announced { "RESP-CODES\r\nAUTH-RESP-CODE\r\nUSER" } else { "USER" };
        let wire = Wire::talking("+OK\r\n", move |line| {
            Some(match line.split(' ').next() {
                Some("CAPA") => format!("+OK\r\n{capabilities}\r\n.\r\n"),
                Some("PASS") => format!("{refusal}\r\n"),
                _ => "+OK\r\n".to_owned(),
            })
        });
        let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
        let Err(Error::Refused(told)) = login(&mut client, &fred()) else { panic!("it is refused") };
        assert_eq!((told.advice(), told.blames_credentials()), (advice, blames), "{refusal}");
    }
}

#[test]
fn an_exchange_that_is_cut_is_an_error() {
    for cut in [1, 2, 3] {
        let mut server = sasl_server(ALL, honest);
        let mut left = cut;
        let wire = Wire::talking("+OK\r\n", move |line| {
            left -= 1;
            if left == 0 { None } else { server(line) }
        });
        let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
        let failed = login(&mut client, &fred());
        let during = if cut == 1 { Keyword::Capa } else { Keyword::Auth };
        assert!(
            matches!(failed, Err(Error::Protocol(ProtocolError::Closed { during: Some(d) })) if d == during),
            "{failed:?}"
        );
        assert!(wait(client.noop()).is_err());
    }
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
    let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new().with_tracer(tracer));
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

// TOL-17
#[test]
fn capa_is_not_sent_to_servers_that_would_hang_up() {
    let mut server = sasl_server("", honest);
    let wire = Wire::talking("+OK\r\n", move |line| if line == "CAPA" { None } else { server(line) });
    let options = Options::new().with_capabilities(false);
    let mut client = open_with(&wire, &Security::TrustedPlaintext, options);
    assert_eq!(login(&mut client, &fred()).expect("by USER and PASS"), LoginMethod::User);
    assert!(!wire.lines().contains(&"CAPA".to_owned()));
}

// TOL-16
#[test]
fn capa_is_asked_for_again_after_the_login() {
    let mut server = sasl_server("UIDL", honest);
    let mut known = false;
    let wire = Wire::talking("+OK\r\n", move |line| {
        known |= line.starts_with("PASS");
        if line == "CAPA" && !known { Some("-ERR log in first\r\n".to_owned()) } else { server(line) }
    });
    let mut client = open_with(&wire, &Security::TrustedPlaintext, Options::new());
    login(&mut client, &fred()).expect("by USER and PASS");
    assert!(client.has(pop3_proto::Capability::Uidl));
    assert_eq!(client.quirks(), [Quirk::NoCapabilities]);
}

proptest! {
    /// Whoever does not know the user's keys can say what they like: SCRAM never logs in.
    #[test]
    fn nobody_without_the_keys_can_play_the_server(
        replies in prop::collection::vec(prop::sample::select(vec![
            "+ ", "+", "+OK", "+OK in", "-ERR", "-ERR [AUTH] no", "+ !!!", "+ dj1BQUFB", "+ ZT1vdGhlcg==",
            "+ cj14LHM9QUFBQSxpPTQwOTY=", "+ go ahead", "",
        ]), 1..8),
        announced in any::<bool>(),
        strict in any::<bool>(),
    ) {
        let mut replies = replies.into_iter();
        let wire = Wire::talking("+OK\r\n", move |line| match line {
            "CAPA" if announced => Some(format!("+OK\r\n{ALL}\r\n.\r\n")),
            "CAPA" => Some("+OK\r\nUIDL\r\n.\r\n".to_owned()),
            _ => replies.next().map(|line| format!("{line}\r\n")),
        });
        let options = Options::new().with_config(Config::default().with_strict(strict));
        let mut client = open_with(&wire, &Security::TrustedPlaintext, options);
        prop_assert!(wait(client.authenticate(Mechanism::ScramSha256, &fred())).is_err());
    }
}

// SEC-05: what could not be sent is shown neither by the client nor by its error.
#[test]
fn a_secret_that_is_stuck_is_not_shown() {
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
        // CAPA and a part of AUTH; or CAPA, USER and a part of PASS.
        let sent = match mechanism {
            Some(Mechanism::Plain) => 6 + 12,
            Some(_) => 6 + "AUTH XOAUTH2\r\n".len() + 40,
            None => 6 + "USER \r\n".len() + USER.len() + 6,
        };
        let kind = std::io::ErrorKind::BrokenPipe;
        wire.state().writing = crate::wire::Writing::FailsAfter(before + sent, kind);
        let error = login(&mut client, &credentials).expect_err("the wire is cut");
        assert!(matches!(error, Error::Network(_)), "{error:?}");
        let shown = format!("{client:?} {error:?} {error}");
        // Its front was sent, and is gone.
        let hidden = &hidden[hidden.len() - 6..];
        let bytes = |text: &str| format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).to_owned();
        assert!(!shown.contains(hidden) && !shown.contains(&bytes(hidden)), "{mechanism:?}: {shown}");
    }
}
