//! Runs the AUTH exchanges in the tests of the core: `pop3-sasl`, with a fixed nonce and fixed salts, and
//! a mechanism of its own that never ends.

use std::sync::OnceLock;

use pop3_proto::server::{Accepted, Answer, Needs, OfferedMechanism, SaslRequest};
use pop3_proto::{MechanismName, Rejection, Secret};
use pop3_sasl::scram::{Hash, Keys};
use pop3_sasl::server::{self as sasl, ExchangeStep, Question, ServerExchange, ServerSetup};
use pop3_sasl::{Mechanism, Nonce};

use crate::credentials::{Credentials, Proof};
use crate::store::Store;

/// A mechanism that answers every response with the same octets as a challenge.
pub const ENDLESS: &str = "X-ENDLESS";

/// The exchange of one session.
#[derive(Debug, Default)]
pub struct Leader {
    exchange: Option<ServerExchange>,
    accepted: Option<Accepted>,
    endless: bool,
}

/// These mechanisms, with what they need.
///
/// # Panics
/// If a name is invalid.
#[must_use]
pub fn offer(names: &[&str]) -> Vec<OfferedMechanism> {
    let offered = |name: &&str| {
        let needs = match Mechanism::parse(name.as_bytes()) {
            Some(mechanism) if mechanism.needs_tls() => Needs::Tls,
            Some(mechanism) if mechanism.exposes_secret() => Needs::Privacy,
            _ => Needs::Nothing,
        };
        OfferedMechanism::new(MechanismName::parse(name.as_bytes()).expect("a name"), needs)
    };
    names.iter().map(offered).collect()
}

impl Leader {
    /// Answers in place of a store. The credentials to check are pushed to `asked`.
    pub fn answer(
        &mut self,
        request: SaslRequest,
        store: &Store,
        utf8: bool,
        asked: &mut Vec<Credentials>,
    ) -> Answer {
        let step = match request {
            SaslRequest::Begin { mechanism, initial, .. } => {
                *self = Self { endless: mechanism.as_str() == ENDLESS, ..Self::default() };
                if self.endless {
                    return Answer::Challenge(initial.unwrap_or_else(Secret::default));
                }
                let Some(known) = Mechanism::parse(mechanism.as_str().as_bytes()) else {
                    return Answer::Abandon(Rejection::plain("never heard of it"));
                };
                let nonce = Nonce::from_text("3rfcNHYJY1ZVvWVs7j").expect("a nonce");
                let setup = ServerSetup::new(nonce, &b"a key of the tests"[..]);
                let exchange = self.exchange.insert(ServerExchange::new(known, setup));
                exchange.begin(initial.as_ref().map(|initial| initial.expose().as_slice()))
            }
            SaslRequest::Respond(octets) if self.endless => return Answer::Challenge(octets),
            SaslRequest::Cancel if self.endless => return Answer::Abandon(Rejection::plain("cancelled")),
            SaslRequest::Respond(octets) => self.open().respond(octets.expose()),
            SaslRequest::Cancel => self.open().cancel(),
        };
        let mut step = step.expect("the core keeps the order");
        loop {
            let question = match step {
                ExchangeStep::Challenge(octets) => return Answer::Challenge(octets),
                ExchangeStep::Done(identity) => {
                    let name = identity.name.unwrap_or_default().into_bytes();
                    return match self.accepted.take() {
                        Some(accepted) => Answer::Accept(accepted),
                        None => login(store, Credentials::new(name, Proof::Scram, utf8), asked)
                            .map_or_else(Answer::Reject, Answer::Accept),
                    };
                }
                ExchangeStep::Fail(failure) if failure.is_refusal() => {
                    return Answer::Reject(Rejection::credentials());
                }
                ExchangeStep::Fail(failure) => return Answer::Abandon(Rejection::plain(failure.to_string())),
                ExchangeStep::Ask(question) => question,
            };
            let (name, proof) = match question {
                Question::Keys { name, hash, .. } => {
                    let known = name.as_bytes() == store.name && store.password == b"tanstaaf";
                    let keys = known.then(|| keys(hash));
                    step =
                        self.open().answer(sasl::Decision::Keys(keys)).expect("the keys that were asked for");
                    continue;
                }
                Question::Password { name, password, .. } => (name, Proof::Password(password)),
                Question::Token { name, token, .. } => (name.unwrap_or_default(), Proof::Token(token)),
                Question::Certificate { name } => (name.unwrap_or_default(), Proof::Certificate),
                Question::Anonymous { trace } => ("anonymous".to_owned(), Proof::Anonymous { trace }),
                Question::CramMd5(digest) => (digest.name().to_owned(), Proof::CramMd5(digest)),
            };
            let credentials = Credentials::new(name, proof, utf8);
            let token = matches!(credentials.proof, Proof::Token(_));
            let answer = match login(store, credentials, asked) {
                Ok(accepted) => {
                    self.accepted = Some(accepted);
                    sasl::Decision::Granted
                }
                Err(rejection) if !rejection.is_of_credentials() => return Answer::Reject(rejection),
                Err(_) if token => sasl::Decision::Refused,
                Err(rejection) => return Answer::Reject(rejection),
            };
            step = self.open().answer(answer).expect("it was asked");
        }
    }

    fn open(&mut self) -> &mut ServerExchange {
        self.exchange.as_mut().expect("the core asks within an exchange only")
    }
}

fn login(
    store: &Store,
    credentials: Credentials,
    asked: &mut Vec<Credentials>,
) -> Result<Accepted, Rejection> {
    let result = store.login(&credentials);
    asked.push(credentials);
    result
}

/// The keys of the password `tanstaaf`, computed once.
fn keys(hash: Hash) -> Keys {
    static KEYS: [OnceLock<Keys>; 3] = [const { OnceLock::new() }; 3];
    let place = Hash::ALL.iter().position(|known| *known == hash).expect("a known hash");
    KEYS[place]
        .get_or_init(|| Keys::derive(hash, b"tanstaaf", &[7; 16], 4096).expect("good settings"))
        .clone()
}
