//! The steps of an exchange.

use alloc::boxed::Box;
use alloc::string::String;
use core::mem;

use super::scram::{Challenged, Named};
use super::token::{self, TokenMessage};
use super::{
    CramMd5, Decision, ExchangeMisuse, ExchangeStep, Failure, Identity, Question, ServerSetup, TokenRefusal,
    cram_md5,
};
use crate::scram::message::MAX_MESSAGE;
use crate::{Mechanism, Secret, text};

/// One exchange on the server, from the `AUTH` command to its end (RFC 4422 section 3). The [crate] has an example
/// with SCRAM.
///
/// Each call returns the next [`ExchangeStep`]. A call at the wrong time returns an [`ExchangeMisuse`] and changes
/// nothing. After [`ExchangeStep::Done`] or [`ExchangeStep::Fail`], the exchange is over.
///
/// ```
/// use pop3_sasl::server::{Decision, ExchangeStep, Question, ServerExchange, ServerSetup};
/// use pop3_sasl::{Mechanism, Nonce};
///
/// // Take the octets of the nonce from a random source.
/// let setup = ServerSetup::new(Nonce::from_random([2; 18]), "a secret of the server");
/// let mut exchange = ServerExchange::new(Mechanism::Plain, setup);
///
/// // The client sent `AUTH PLAIN AGZyZWQAc2VjcmV0`.
/// let mut step = exchange.begin(Some(b"\0fred\0secret"))?;
/// if let ExchangeStep::Ask(Question::Password { name, password, .. }) = &step {
///     let is_right = name == "fred" && password.same_octets(b"secret");
///     step = exchange.answer(if is_right { Decision::Granted } else { Decision::Refused })?;
/// }
/// let ExchangeStep::Done(identity) = step else { return Err("refused".into()) };
/// assert_eq!(identity.acts_as(), Some("fred"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerExchange {
    mechanism: Mechanism,
    setup: ServerSetup,
    state: State,
}

#[derive(Debug)]
enum State {
    New,
    /// It is the client's turn.
    Client(Awaited),
    /// It is the caller's turn.
    Caller(Asked),
    Over,
}

/// What the client has to send.
#[derive(Debug)]
enum Awaited {
    First,
    LoginPassword {
        name: String,
    },
    CramMd5 {
        challenge: String,
    },
    ScramProof(Box<Challenged>),
    /// An empty message, for there is no room for our proof in POP3's `+OK` (RFC 5034 section 4).
    ScramEnd(Identity),
    /// Any message: it has been told why its token is refused.
    TokenEnd,
}

/// What the caller was asked.
#[derive(Debug)]
enum Asked {
    Verdict(Identity),
    Token(Identity),
    Keys(Box<Named>),
}

/// The most octets of a message with a token.
const MAX_TOKEN_MESSAGE: usize = 12 * 1024;

type Outcome = Result<(State, ExchangeStep), Failure>;

impl ServerExchange {
    /// Creates an exchange. The caller decides whether the mechanism may be used on this connection.
    #[must_use]
    pub const fn new(mechanism: Mechanism, setup: ServerSetup) -> Self {
        Self { mechanism, setup, state: State::New }
    }

    /// Returns the mechanism.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Returns the maximum length of a message of this mechanism after decoding: 12,288 octets with a token, 4,096
    /// otherwise. A longer message fails.
    #[must_use]
    pub const fn max_message(&self) -> usize {
        if matches!(self.mechanism, Mechanism::OAuthBearer | Mechanism::XOAuth2) {
            MAX_TOKEN_MESSAGE
        } else {
            MAX_MESSAGE
        }
    }

    /// Starts the exchange. `initial` is the decoded initial response, if the client sent one. It is an empty slice
    /// if the client sent `=` (RFC 5034 section 4). The exchange fails immediately if the mechanism is not
    /// [available](Mechanism::is_available).
    ///
    /// # Errors
    /// Returns an error if the exchange has already begun.
    pub fn begin(&mut self, initial: Option<&[u8]>) -> Result<ExchangeStep, ExchangeMisuse> {
        match self.state {
            State::New => {}
            State::Client(_) | State::Caller(_) => return Err(ExchangeMisuse::Begun),
            State::Over => return Err(ExchangeMisuse::Over),
        }
        let outcome = match (self.mechanism, initial) {
            (mechanism, _) if !mechanism.is_available() => Err(Failure::NotBuilt),
            (Mechanism::CramMd5, None) => {
                let challenge = cram_md5::challenge(&self.setup);
                let step = ExchangeStep::Challenge(Secret::from(challenge.as_str()));
                Ok((State::Client(Awaited::CramMd5 { challenge }), step))
            }
            (Mechanism::CramMd5, Some(_)) => Err(Failure::Malformed("unexpected initial response")),
            (Mechanism::Login, None) => Ok((State::Client(Awaited::First), challenge("Username:"))),
            (_, None) => Ok((State::Client(Awaited::First), challenge(""))),
            (_, Some(message)) => self.first(message),
        };
        Ok(self.conclude(outcome))
    }

    /// Continues with the decoded response of the client to a challenge.
    ///
    /// # Errors
    /// Returns an error if it is not the client's turn.
    pub fn respond(&mut self, response: &[u8]) -> Result<ExchangeStep, ExchangeMisuse> {
        let awaited = match mem::replace(&mut self.state, State::Over) {
            State::Client(awaited) => awaited,
            State::Over => return Err(ExchangeMisuse::Over),
            state @ (State::New | State::Caller(_)) => {
                self.state = state;
                return Err(ExchangeMisuse::NotTheClient);
            }
        };
        let outcome = match awaited {
            Awaited::TokenEnd => Err(Failure::Refused),
            _ if response.len() > self.max_message() => Err(Failure::Malformed("it is too long")),
            Awaited::First => self.first(response),
            Awaited::LoginPassword { name } => self.password(name, None, response),
            Awaited::CramMd5 { challenge } => self.digest(response, &challenge),
            Awaited::ScramProof(challenged) => challenged.verify(response).map(|(identity, proof)| {
                (State::Client(Awaited::ScramEnd(identity)), ExchangeStep::Challenge(proof))
            }),
            Awaited::ScramEnd(identity) if response.is_empty() => {
                Ok((State::Over, ExchangeStep::Done(identity)))
            }
            Awaited::ScramEnd(_) => Err(Failure::Malformed("the last response is not empty")),
        };
        Ok(self.conclude(outcome))
    }

    /// Ends the exchange, because the client sent `*` or the connection is closing. A client may also cancel after it
    /// was told that its token is refused; the result is then still a refusal.
    ///
    /// # Errors
    /// Returns an error if the exchange is over.
    pub fn cancel(&mut self) -> Result<ExchangeStep, ExchangeMisuse> {
        match mem::replace(&mut self.state, State::Over) {
            State::Over => Err(ExchangeMisuse::Over),
            State::Client(Awaited::TokenEnd) => Ok(ExchangeStep::Fail(Failure::Refused)),
            State::New | State::Client(_) | State::Caller(_) => Ok(ExchangeStep::Fail(Failure::Cancelled)),
        }
    }

    /// Continues with the answer to the [`Question`](super::Question).
    ///
    /// # Errors
    /// Returns an error if there is no question, or if the answer does not match it.
    pub fn answer(&mut self, answer: Decision) -> Result<ExchangeStep, ExchangeMisuse> {
        let asked = match mem::replace(&mut self.state, State::Over) {
            State::Caller(asked) => asked,
            State::Over => return Err(ExchangeMisuse::Over),
            state @ (State::New | State::Client(_)) => {
                self.state = state;
                return Err(ExchangeMisuse::NotAsked);
            }
        };
        let outcome = match (asked, answer) {
            (_, Decision::Unavailable) => Err(Failure::Unavailable),
            (Asked::Verdict(identity) | Asked::Token(identity), Decision::Granted) => {
                Ok((State::Over, ExchangeStep::Done(identity)))
            }
            (Asked::Verdict(identity) | Asked::Token(identity), Decision::GrantedAs(name)) => {
                let identity = Identity { name: Some(name), authorization: None, ..identity };
                Ok((State::Over, ExchangeStep::Done(identity)))
            }
            (Asked::Verdict(_), Decision::Refused) => Err(Failure::Refused),
            (Asked::Token(_), Decision::Refused) => Ok(self.refuse_token(&self.setup.token_refusal)),
            (Asked::Token(_), Decision::RefusedToken(refusal)) => Ok(self.refuse_token(&refusal)),
            (Asked::Keys(named), Decision::Keys(Some(keys))) if keys.hash() != named.hash => {
                self.state = State::Caller(Asked::Keys(named));
                return Err(ExchangeMisuse::WrongHash);
            }
            (Asked::Keys(named), Decision::Keys(keys)) => Ok(self.challenge(*named, keys)),
            (Asked::Keys(named), Decision::Refused) => Ok(self.challenge(*named, None)),
            (
                asked,
                Decision::Granted | Decision::GrantedAs(_) | Decision::RefusedToken(_) | Decision::Keys(_),
            ) => {
                self.state = State::Caller(asked);
                return Err(ExchangeMisuse::NotAsked);
            }
        };
        Ok(self.conclude(outcome))
    }

    fn conclude(&mut self, outcome: Outcome) -> ExchangeStep {
        let (state, step) = outcome.unwrap_or_else(|failure| (State::Over, ExchangeStep::Fail(failure)));
        self.state = state;
        step
    }

    /// The client's first message.
    fn first(&self, message: &[u8]) -> Outcome {
        if message.len() > self.max_message() {
            return Err(Failure::Malformed("it is too long"));
        }
        match self.mechanism {
            Mechanism::Plain => self.plain(message),
            Mechanism::Login => {
                let name = text::name(message).ok_or(BAD_NAME)?;
                Ok((State::Client(Awaited::LoginPassword { name }), challenge("Password:")))
            }
            Mechanism::OAuthBearer => self.token(token::oauthbearer(message, &self.setup)?),
            Mechanism::XOAuth2 => self.token(token::xoauth2(message)?),
            Mechanism::External => {
                let name = text::optional_name(message).ok_or(BAD_NAME)?;
                let identity = Identity::new(self.mechanism, name.clone(), None);
                Ok(ask(Asked::Verdict(identity), Question::Certificate { name }))
            }
            Mechanism::Anonymous => {
                let trace =
                    core::str::from_utf8(message).ok().filter(|text| text::is_anonymous_message(text));
                let trace = trace.ok_or(Failure::Malformed("invalid trace information"))?.into();
                let identity = Identity::new(self.mechanism, None, None);
                Ok(ask(Asked::Verdict(identity), Question::Anonymous { trace }))
            }
            // CRAM-MD5 has its challenge first and does not come here.
            Mechanism::CramMd5 => Err(Failure::Malformed("unexpected initial response")),
            Mechanism::ScramSha512Plus
            | Mechanism::ScramSha256Plus
            | Mechanism::ScramSha1Plus
            | Mechanism::ScramSha512
            | Mechanism::ScramSha256
            | Mechanism::ScramSha1 => self.scram(message),
        }
    }

    /// `[authzid] NUL authcid NUL passwd` (RFC 4616 section 2).
    fn plain(&self, message: &[u8]) -> Outcome {
        let mut fields = message.split(|&octet| octet == 0);
        let (Some(authorization), Some(name), Some(password), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(Failure::Malformed("it does not have three fields"));
        };
        let authorization = text::optional_name(authorization).ok_or(BAD_NAME)?;
        self.password(text::name(name).ok_or(BAD_NAME)?, authorization, password)
    }

    fn password(&self, name: String, authorization: Option<String>, password: &[u8]) -> Outcome {
        let password = text::password(password).ok_or(Failure::Malformed("invalid password"))?;
        let identity = Identity::new(self.mechanism, Some(name.clone()), authorization);
        let authorization = identity.authorization.clone();
        Ok(ask(Asked::Verdict(identity), Question::Password { name, authorization, password }))
    }

    fn digest(&self, response: &[u8], challenge: &str) -> Outcome {
        let digest =
            CramMd5::parse(response, challenge).ok_or(Failure::Malformed("it is not a name and a digest"))?;
        let identity = Identity::new(self.mechanism, Some(digest.name().into()), None);
        Ok(ask(Asked::Verdict(identity), Question::CramMd5(digest)))
    }

    fn token(&self, TokenMessage { name, token }: TokenMessage) -> Outcome {
        if token.is_empty() {
            return Ok(self.refuse_token(&self.setup.token_refusal));
        }
        let identity = Identity::new(self.mechanism, name.clone(), None);
        let question = Question::Token { name, token, mechanism: self.mechanism };
        Ok(ask(Asked::Token(identity), question))
    }

    fn refuse_token(&self, refusal: &TokenRefusal) -> (State, ExchangeStep) {
        (State::Client(Awaited::TokenEnd), ExchangeStep::Challenge(refusal.to_json(self.mechanism)))
    }

    fn scram(&self, message: &[u8]) -> Outcome {
        let hash = self.mechanism.scram_hash().ok_or(Failure::Malformed("the mechanism is not SCRAM"))?;
        let named = Named::read(message, self.mechanism, hash, &self.setup)?;
        let Identity { name, authorization, .. } = named.identity.clone();
        let question = Question::Keys { name: name.unwrap_or_default(), authorization, hash };
        Ok(ask(Asked::Keys(Box::new(named)), question))
    }

    fn challenge(&self, named: Named, keys: Option<crate::scram::Keys>) -> (State, ExchangeStep) {
        let (challenged, challenge) = named.challenge(keys, &self.setup);
        (State::Client(Awaited::ScramProof(Box::new(challenged))), ExchangeStep::Challenge(challenge))
    }
}

const BAD_NAME: Failure = Failure::Malformed("invalid name");

fn challenge(text: &str) -> ExchangeStep {
    ExchangeStep::Challenge(Secret::from(text))
}

const fn ask(asked: Asked, question: Question) -> (State, ExchangeStep) {
    (State::Caller(asked), ExchangeStep::Ask(question))
}
