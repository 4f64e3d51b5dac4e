//! Runs a SASL exchange and asks the backend for it.

use pop3_proto::server::Answer;
use pop3_proto::{MechanismName, Rejection};
use pop3_sasl::server::{self as sasl, ExchangeStep, Failure, Identity, Question, ServerExchange};

use super::Outcome;
use crate::backend::{Admission, Backend, Context, LoginAttempt, Proof};

/// A running exchange.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) exchange: ServerExchange,
    name: MechanismName,
    /// The user whose keys the backend was asked for.
    keys_of: Option<String>,
    /// The answer of the backend, if it accepted the client.
    admission: Option<Admission>,
    /// The rejection of the backend, while the exchange still tells the client about it.
    rejection: Option<Rejection>,
}

impl Open {
    pub(super) const fn new(exchange: ServerExchange, name: MechanismName) -> Self {
        Self { exchange, name, keys_of: None, admission: None, rejection: None }
    }

    /// Runs steps until there is something to send to the client.
    pub(super) async fn follow<B: Backend>(
        &mut self,
        mut step: ExchangeStep,
        backend: &mut B,
        utf8: bool,
        context: &Context,
    ) -> Outcome {
        loop {
            let question = match step {
                ExchangeStep::Challenge(octets) => return Outcome::of(Answer::Challenge(octets)),
                ExchangeStep::Done(identity) => return self.done(identity, backend, utf8, context).await,
                ExchangeStep::Fail(failure) => return Outcome::of(self.fail(failure, backend)),
                ExchangeStep::Ask(question) => question,
            };
            let answer = match self.ask(question, backend, utf8, context).await {
                Ok(answer) => answer,
                Err(rejection) => return Outcome::of(Answer::Reject(rejection)),
            };
            step = match self.exchange.answer(answer) {
                Ok(step) => step,
                // The backend returned keys for another hash, which is a bug.
                Err(_) => {
                    return Outcome::of(Answer::Reject(Rejection::temporary(
                        "the stored keys can't be used",
                    )));
                }
            };
        }
    }

    /// Asks the backend.
    ///
    /// # Errors
    /// Returns the final answer if the exchange is over.
    async fn ask<B: Backend>(
        &mut self,
        question: Question,
        backend: &mut B,
        utf8: bool,
        context: &Context,
    ) -> Result<sasl::Decision, Rejection> {
        let mut of_token = false;
        let attempt = match question {
            Question::Keys { name, hash, .. } => {
                let keys = backend.scram_keys(&name, hash, context).await.map(sasl::Decision::Keys);
                self.keys_of = Some(name);
                return keys;
            }
            Question::Password { name, authorization, password } => {
                LoginAttempt::new(name, Proof::Password(password))
                    .with_authorization(authorization.map(String::into_bytes))
            }
            Question::CramMd5(digest) => LoginAttempt::new(digest.name().to_owned(), Proof::CramMd5(digest)),
            Question::Token { name, token, .. } => {
                of_token = true;
                LoginAttempt::new(name.unwrap_or_default(), Proof::Token(token))
            }
            Question::Certificate { name } => LoginAttempt::new(name.unwrap_or_default(), Proof::Certificate),
            Question::Anonymous { trace } => LoginAttempt::new("anonymous", Proof::Anonymous { trace }),
        };
        match self.authenticate(attempt, backend, utf8, context).await {
            Ok(admission) => {
                self.admission = Some(admission);
                Ok(sasl::Decision::Granted)
            }
            // First tell the client in the form that OAuth requires (RFC 7628 section 3.2.2).
            Err(rejection) if of_token && rejection.is_of_credentials() => {
                self.rejection = Some(rejection);
                Ok(sasl::Decision::Refused)
            }
            Err(rejection) => Err(rejection),
        }
    }

    /// Finishes a successful exchange. The maildrop is already open, except after SCRAM.
    async fn done<B: Backend>(
        &mut self,
        identity: Identity,
        backend: &mut B,
        utf8: bool,
        context: &Context,
    ) -> Outcome {
        let maildrop = identity.acts_as().map(|name| name.as_bytes().to_vec());
        let admission = match self.admission.take() {
            Some(admission) => Ok(admission),
            None => {
                let attempt = LoginAttempt::new(identity.name.unwrap_or_default(), Proof::Scram)
                    .with_authorization(identity.authorization.map(String::into_bytes));
                self.authenticate(attempt, backend, utf8, context).await
            }
        };
        match admission {
            Ok(admission) => Outcome { answer: admission.into(), user: maildrop, mechanism: Some(self.name) },
            Err(rejection) => Outcome::of(Answer::Reject(rejection)),
        }
    }

    /// Asks the backend for the login. Refuses it if the user may not act for the other user.
    async fn authenticate<B: Backend>(
        &self,
        attempt: LoginAttempt,
        backend: &mut B,
        utf8: bool,
        context: &Context,
    ) -> Result<Admission, Rejection> {
        if let Some(other) = &attempt.authorization
            && !backend.may_act_for(&attempt.name, other)
        {
            return Err(Rejection::credentials());
        }
        let attempt = attempt.with_mechanism(self.exchange.mechanism()).with_utf8(utf8);
        backend.authenticate(attempt, context).await
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "a failure that is still to come is none of a login")]
    fn fail<B: Backend>(&mut self, failure: Failure, backend: &mut B) -> Answer {
        match failure {
            Failure::Refused => Answer::Reject(match (&self.keys_of, self.rejection.take()) {
                (_, Some(rejection)) => rejection,
                (Some(name), None) => backend.scram_refused(name),
                (None, None) => Rejection::credentials(),
            }),
            Failure::Unavailable => {
                Answer::Reject(Rejection::temporary("the credentials can't be verified at the moment"))
            }
            Failure::Binding(_) => Answer::Abandon(Rejection::plain("channel binding failed")),
            Failure::NotBuilt => Answer::Abandon(Rejection::plain("this mechanism is not available")),
            // Malformed or cancelled. The protocol crate knows which.
            _ => Answer::Abandon(Rejection::plain("malformed response")),
        }
    }
}
