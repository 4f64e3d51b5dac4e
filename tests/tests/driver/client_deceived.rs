//! SASL exchanges of the client with a server that cheats, violates the protocol or hangs up.

use pop3_driver::client::{ClientError, ClientOptions, Mechanism};
use pop3_driver::wait;
use pop3_proto::client::{ClientConfig, ProtocolError};
use pop3_proto::{Keyword, Quirk, encode_base64};
use pop3_sasl::client::ExchangeError;
use pop3_tests::configured;
use proptest::prelude::*;

use crate::logins::{ALL, client, fred, honest, login, open};
use crate::sasl_server::{Change, PASSWORD, USER, sasl_server};
use crate::wire::Wire;

// 5802-5.07: the client refuses the success before the server can send more.
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
        assert!(matches!(failed, Err(ClientError::Exchange(ExchangeError::WrongSignature))), "{failed:?}");
        assert_eq!(wire.lines().last().map(String::as_str), Some("*"));
        assert!(!wire.state().closed);
        // The server has answered the cancellation, and both sides are in step.
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
        // LOGIN: the server did not ask for the password.
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
        assert!(matches!(failed, Err(ClientError::ServerNotVerified(own)) if own == error), "{failed:?}");
        assert!(wire.state().closed);
        let written = wire.state().written;
        assert!(matches!(wait(client.stat()), Err(ClientError::Interrupted)));
        assert!(matches!(wait(client.quit()), Err(ClientError::Interrupted)));
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
        let mut client = open(&wire, ClientOptions::new());
        let failed = wait(client.authenticate(Mechanism::ScramSha256, &fred()));
        assert!(matches!(failed, Err(ClientError::Exchange(own)) if own == error), "{challenge}: {failed:?}");
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
        assert!(matches!(
            wait(client.authenticate(mechanism, &fred())),
            Err(ClientError::UnreadableChallenge)
        ));
        assert_eq!(wire.lines().last().map(String::as_str), Some("*"));
        wait(client.login(USER.as_bytes(), PASSWORD.as_bytes())).expect("both are in step");
    }
    // Text cannot replace the challenge that CRAM-MD5 signs.
    let words: Change = |line| if line.starts_with("+ ") { "+ go ahead".to_owned() } else { line.to_owned() };
    let (mut client, _wire) = client(ALL, words);
    let failed = wait(client.authenticate(Mechanism::CramMd5, &fred()));
    assert!(matches!(failed, Err(ClientError::UnreadableChallenge)));
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
            // Without CAPA, each mechanism has to wait for the empty challenge.
            let mut server = sasl_server("", honest);
            let wire = Wire::talking("+OK\r\n", move |line| {
                let reply = server(line)?;
                let reply = reply.strip_suffix("\r\n").expect("a line");
                Some(format!("{}\r\n", change(reply)))
            });
            let mut client = open(&wire, ClientOptions::new());
            wait(client.authenticate(mechanism, &fred())).expect("it is understood");
            assert!(client.quirks().contains(&quirk), "{quirk}");

            let mut server = sasl_server("SASL LOGIN", honest);
            let wire = Wire::talking("+OK\r\n", move |line| {
                let reply = server(line)?;
                Some(if line.starts_with("AUTH") { format!("{}\r\n", change("+ ")) } else { reply })
            });
            let strict = ClientOptions::new().with_config(configured::<ClientConfig>(|it| it.strict = true));
            let mut client = open(&wire, strict);
            assert!(wait(client.authenticate(Mechanism::Login, &fred())).is_err(), "{quirk}");
            assert!(!wire.sent().contains("bXJvc2U"), "not even the name is sent");
        }
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
        let mut client = open(&wire, ClientOptions::new());
        let failed = login(&mut client, &fred());
        let during = if cut == 1 { Keyword::Capa } else { Keyword::Auth };
        assert!(
            matches!(failed, Err(ClientError::Protocol(ProtocolError::Closed { during: Some(d) })) if d == during),
            "{failed:?}"
        );
        assert!(wait(client.noop()).is_err());
    }
}

proptest! {
    /// A server that does not know the user's keys can send anything: SCRAM never logs in.
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
        let options = ClientOptions::new().with_config(configured::<ClientConfig>(|it| it.strict = strict));
        let mut client = open(&wire, options);
        prop_assert!(wait(client.authenticate(Mechanism::ScramSha256, &fred())).is_err());
    }
}
