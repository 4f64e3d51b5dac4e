//! Shared by the tests of the server's exchange.

use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{
    ExchangeMisuse, ExchangeStep, Failure, Identity, Question, ServerExchange, ServerSetup,
};
use pop3_sasl::{Mechanism, Nonce};
pub(crate) fn setup() -> ServerSetup {
    ServerSetup::new(Nonce::from_text("SERVER").expect("a nonce"), "a key that nobody knows")
}

pub(crate) fn exchange(mechanism: Mechanism) -> ServerExchange {
    ServerExchange::new(mechanism, setup())
}

#[track_caller]
pub(crate) fn challenge(step: Result<ExchangeStep, ExchangeMisuse>) -> Vec<u8> {
    let Ok(ExchangeStep::Challenge(octets)) = step else { panic!("{step:?}") };
    octets.into_inner()
}

#[track_caller]
pub(crate) fn question(step: Result<ExchangeStep, ExchangeMisuse>) -> Question {
    let Ok(ExchangeStep::Ask(question)) = step else { panic!("{step:?}") };
    question
}

#[track_caller]
pub(crate) fn failure(step: Result<ExchangeStep, ExchangeMisuse>) -> Failure {
    let Ok(ExchangeStep::Fail(failure)) = step else { panic!("{step:?}") };
    failure
}

#[track_caller]
pub(crate) fn identity(step: Result<ExchangeStep, ExchangeMisuse>) -> Identity {
    let Ok(ExchangeStep::Done(identity)) = step else { panic!("{step:?}") };
    identity
}

/// The first message fails at once, and reveals nothing about the credentials.
#[track_caller]
pub(crate) fn malformed(mechanism: Mechanism, message: &[u8]) {
    let failure = failure(exchange(mechanism).begin(Some(message)));
    assert!(matches!(failure, Failure::Malformed(_)), "{}: {failure:?}", message.escape_ascii());
    assert!(!failure.is_refusal());
}

pub(crate) fn keys() -> Keys {
    Keys::derive(Hash::Sha256, b"pencil", &[1; 16], 4096).expect("keys")
}

pub(crate) fn client() -> pop3_sasl::client::ClientExchange {
    use pop3_sasl::client::{ClientExchange, ClientSetup, Credentials};
    let credentials = Credentials::new("user").with_password("pencil");
    let setup = ClientSetup::new(Nonce::from_random([9; 18]));
    ClientExchange::new(Mechanism::ScramSha256, &credentials, &setup).expect("usable")
}
