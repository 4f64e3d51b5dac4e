//! Passwords and tokens that another program checks.

use std::sync::Arc;

use pop3_driver::backend::{LoginAttempt, Proof};
use pop3_driver::server::Peer;
use tracing::error;

use super::{Gatekeeper, Refused, Turn, WRONG, ip, mechanism, start};
use crate::checks::{ExternalCheck, Kind, MOST, MOST_OF_ONE, Question, Verdict};
use crate::error::ServeError;
use crate::users::{LoggedIn, UserName};
use crate::workers::{Bounds, Workers};

/// What checks credentials outside, and the threads that wait for it.
#[derive(Debug)]
pub(super) struct Outside {
    check: Arc<ExternalCheck>,
    pub(super) workers: Workers,
}

impl Outside {
    pub(super) fn new(check: Arc<ExternalCheck>, name: &'static str) -> Result<Self, ServeError> {
        Ok(Self { check, workers: start(Bounds { name, ..OUTSIDE })? })
    }
}

impl Gatekeeper {
    /// Has another program say whose password or token this is.
    pub(super) async fn outside(
        &self,
        outside: &Outside,
        kind: Kind,
        attempt: &Arc<LoginAttempt>,
        peer: &Peer,
        turn: Turn,
    ) -> Result<LoggedIn, Refused> {
        let wrong = Refused::Credentials;
        let name = &attempt.name;
        let asked = self.users.name(name);
        if asked.is_none() && (!name.is_empty() || kind == Kind::Password) {
            return Err(wrong("the name is not a valid user name"));
        }
        let (session, peer) = (peer.session, ip(peer));
        let (check, attempt, name) = (Arc::clone(&outside.check), Arc::clone(attempt), asked.clone());
        let ask = move || {
            let (Proof::Token(secret) | Proof::Password(secret)) = &attempt.proof else {
                return Ok(Verdict::Bad);
            };
            let mechanism = mechanism(&attempt);
            // Do this for unknown users, too, so that they take the same time.
            let name = name.as_ref().map_or("", UserName::as_str);
            check.ask(&Question { kind, mechanism, name, peer, secret })
        };
        let verdict = outside.workers.run(turn.client, turn.until, ask).await?;
        let answer = match verdict {
            Ok(Verdict::Good(answer)) => answer,
            Ok(Verdict::Bad) if kind == Kind::Token => return Err(wrong("the token is invalid")),
            Ok(Verdict::Bad) => return Err(wrong(WRONG)),
            Err(fault) => {
                let (user, kind) = (asked.as_ref().map_or("", UserName::as_str), kind.name());
                error!(%session, %peer, user, fault = %fault, "a {kind} could not be checked");
                return Err(Refused::Fault);
            }
        };
        let said = match answer.name {
            None => None,
            Some(said) => Some(self.users.name(&said).ok_or(wrong("the check said a bad name"))?),
        };
        if kind == Kind::Token && asked.is_some() && said.is_some() && asked != said {
            return Err(wrong("the token belongs to another user"));
        }
        let user = said.or(asked).ok_or(wrong("neither the client nor the check named a user"))?;
        let user = self.find(user.as_str().as_bytes(), turn).await?;
        let mut user = user.ok_or(wrong("the credentials are right, but there is no such user"))?;
        user.home = answer.home.or(user.home);
        Ok(user)
    }
}

/// The workers that wait for other programs.
const OUTSIDE: Bounds = Bounds {
    name: "checks",
    threads: MOST,
    running_of_one: MOST_OF_ONE,
    waiting_of_one: 32,
    waiting: 256,
    yielding: false,
};
