//! The calls of the backend for logins and the commit, and their answers.

use pop3_proto::server::{Answer, SaslRequest};
use pop3_proto::{Deletions, Instant, Rejection};
use pop3_sasl::Mechanism;

use super::asking::{Asked, Watch};
use super::{Fault, Session};
use crate::backend::{Backend, LoginAttempt, Proof};
use crate::login_method::LoginMethod;
use crate::server::sasl::Outcome;
use crate::transport::Transport;

impl<B: Backend> Session<B> {
    pub(super) async fn authenticate<T: Transport>(
        &mut self,
        attempt: LoginAttempt,
        transport: &mut T,
    ) -> Result<(), Fault> {
        let Some(credentials) = attempt.prepared() else {
            let answer = Answer::Reject(Rejection::credentials());
            return Ok(self.connection.answer(answer, transport.now(), &mut self.out)?);
        };
        let name = credentials.name.clone();
        let apop = matches!(credentials.proof, Proof::Apop { .. });
        let method = if apop { LoginMethod::Apop } else { LoginMethod::User };
        let answer = {
            let (asked, watch, backend) = self.ask(transport);
            watch.over(backend.authenticate(credentials, &asked.context), &asked.context).await
        };
        let answer = match answer {
            Ok(Ok(admission)) => admission.into(),
            Ok(Err(rejection)) => Answer::Reject(rejection),
            Err(unanswered) => Answer::Reject(self.late(unanswered, "a login")?),
        };
        self.conclude(answer, Some(name), Some(method), transport.now())
    }

    pub(super) async fn exchange<T: Transport>(
        &mut self,
        request: SaslRequest,
        transport: &mut T,
    ) -> Result<(), Fault> {
        let now = transport.now();
        let deadline = self.store_deadline(now);
        let asked = Asked::until(deadline, now);
        let watch = Watch::new(transport, &mut self.input, &mut self.input_ended, deadline);
        let step = self.exchanges.step(request, &mut self.backend, &mut self.connection, &asked.context);
        let outcome = match watch.over(step, &asked.context).await {
            Ok(outcome) => outcome,
            Err(unanswered) => {
                let rejection = self.late(unanswered, "a step of AUTH")?;
                self.exchanges.give_up(rejection, &self.backend, &mut self.connection)
            }
        };
        let Outcome { answer, user, mechanism } = outcome;
        let mechanism = mechanism.and_then(|name| Mechanism::parse(name.as_str().as_bytes()));
        self.conclude(answer, user, mechanism.map(LoginMethod::Auth), transport.now())
    }

    /// Passes on the answer to a login and records the user.
    fn conclude(
        &mut self,
        answer: Answer,
        user: Option<Vec<u8>>,
        method: Option<LoginMethod>,
        now: Instant,
    ) -> Result<(), Fault> {
        let told = match &answer {
            Answer::Accept(accepted) => Some(accepted.user.as_ref().map(String::as_bytes)),
            Answer::TakeOver => Some(None),
            Answer::Reject(_)
            | Answer::Challenge(_)
            | Answer::Abandon(_)
            | Answer::Proxied
            | Answer::Message
            | Answer::EndOfMessage
            | Answer::Unavailable(_)
            | Answer::Committed { .. }
            | _ => None,
        };
        if let Some(told) = told {
            self.user = told.or(user.as_deref()).map(|user| String::from_utf8_lossy(user).into_owned());
            self.method = method;
        }
        Ok(self.connection.answer(answer, now, &mut self.out)?)
    }

    pub(super) async fn commit<T: Transport>(
        &mut self,
        deletions: Deletions,
        transport: &mut T,
    ) -> Result<(), Fault> {
        let (asked, watch, backend) = self.ask(transport);
        let commit = watch.whole().over(backend.commit(deletions, &asked.context), &asked.context).await;
        let answer = match commit {
            Ok(failed) => Answer::committed(failed),
            Err(unanswered) => {
                let _ = self.late(unanswered, "removing messages")?;
                Answer::Unavailable(Rejection::temporary(
                    "the removal has not finished, check which messages are left",
                ))
            }
        };
        Ok(self.connection.answer(answer, transport.now(), &mut self.out)?)
    }
}
