//! The hashes of SCRAM: where they are computed, and how many a server may request.

use pop3_driver::client::{ClientError, LoginPolicy, Mechanism};
use pop3_driver::{LoginMethod, wait};
use pop3_proto::{Base64, encode_base64};
use pop3_sasl::client::ExchangeError;

use crate::logins::{client, fred, honest};

/// The server's first message, with one iteration more.
fn one_more(line: &str) -> String {
    let Some(text) = line.strip_prefix("+ ") else { return line.to_owned() };
    let Some(octets) = Base64::parse(text.as_bytes()) else { return line.to_owned() };
    let message = String::from_utf8_lossy(octets.decode().expose()).replace("i=4096", "i=4097");
    let text = encode_base64(message.as_bytes());
    format!("+ {}", core::str::from_utf8(text.expose()).expect("ASCII"))
}

#[test]
fn the_keys_are_derived_where_the_transport_wants_it() {
    for (mechanism, computes) in
        [(Mechanism::ScramSha1, true), (Mechanism::ScramSha512, true), (Mechanism::Plain, false)]
    {
        let (mut client, wire) = client("SASL PLAIN SCRAM-SHA-1 SCRAM-SHA-512", honest);
        wait(client.authenticate(mechanism, &fred())).expect("all is right");
        assert_eq!(wire.state().computed > 0, computes, "{mechanism}");
    }
}

#[test]
fn a_server_that_asks_for_too_many_iterations_gets_no_proof() {
    let policy = LoginPolicy::default().with_max_iterations(4096);
    let (mut good, _) = client("SASL SCRAM-SHA-256", honest);
    let method = wait(good.login_with(&fred(), &policy)).expect("as many as are allowed");
    assert_eq!(method, LoginMethod::Auth(Mechanism::ScramSha256));

    let (mut greedy, wire) = client("SASL SCRAM-SHA-256", one_more);
    let failed = wait(greedy.login_with(&fred(), &policy));
    assert!(matches!(failed, Err(ClientError::Exchange(ExchangeError::Iterations))), "{failed:?}");
    let lines = wire.lines();
    // The first message was sent, but nothing derived from the password.
    let words: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(words, ["CAPA", "AUTH", "*"]);
    assert_eq!(wire.state().computed, 1);
}
