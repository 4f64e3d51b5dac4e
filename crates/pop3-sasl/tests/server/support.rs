//! What the tests of a server's exchange have in common.

use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{Exchange, Failure, Identity, Misuse, Question, Setup, Step};
use pop3_sasl::{Mechanism, Nonce};
pub(crate) fn setup() -> Setup {
    Setup::new(Nonce::from_text("SERVER").expect("a nonce"), "a key that nobody knows")
}

pub(crate) fn exchange(mechanism: Mechanism) -> Exchange {
    Exchange::new(mechanism, setup())
}

#[track_caller]
pub(crate) fn challenge(step: Result<Step, Misuse>) -> Vec<u8> {
    let Ok(Step::Challenge(octets)) = step else { panic!("{step:?}") };
    octets.into_inner()
}

#[track_caller]
pub(crate) fn question(step: Result<Step, Misuse>) -> Question {
    let Ok(Step::Ask(question)) = step else { panic!("{step:?}") };
    question
}

#[track_caller]
pub(crate) fn failure(step: Result<Step, Misuse>) -> Failure {
    let Ok(Step::Fail(failure)) = step else { panic!("{step:?}") };
    failure
}

#[track_caller]
pub(crate) fn identity(step: Result<Step, Misuse>) -> Identity {
    let Ok(Step::Done(identity)) = step else { panic!("{step:?}") };
    identity
}

/// The first message fails at once, and without a word about the credentials.
#[track_caller]
pub(crate) fn malformed(mechanism: Mechanism, message: &[u8]) {
    let failure = failure(exchange(mechanism).begin(Some(message)));
    assert!(matches!(failure, Failure::Malformed(_)), "{}: {failure:?}", message.escape_ascii());
    assert!(!failure.is_refusal());
}

pub(crate) fn keys() -> Keys {
    Keys::derive(Hash::Sha256, b"pencil", &[1; 16], 4096).expect("keys")
}

pub(crate) fn client() -> pop3_sasl::client::Exchange {
    use pop3_sasl::client::{Credentials, Exchange, Setup};
    let credentials = Credentials::new("user").with_password("pencil");
    let setup = Setup::new(Nonce::from_random([9; 18]));
    Exchange::new(Mechanism::ScramSha256, &credentials, &setup).expect("usable")
}
