//! Passwords and tokens that another program checks.

use std::sync::Arc;

use pop3_driver::backend::{LoginAttempt, Proof};
use pop3_driver::server::Peer;
use tracing::error;

use super::{Gatekeeper, Refused, Turn, WRONG, ip, mechanism};
use crate::checks::{ExternalCheck, Kind, Question, Verdict};
use crate::users::{LoggedIn, UserName};
use crate::workers::Workers;

/// What checks credentials outside, and the threads that wait for it.
pub(super) struct Outside<'a> {
    kind: Kind,
    check: Arc<ExternalCheck>,
    workers: &'a Workers,
}

impl Gatekeeper {
    /// What checks these credentials now, unless the users do.
    pub(super) fn outside(&self, kind: Kind) -> Option<Outside<'_>> {
        let sources = self.sources();
        let (check, workers) = match kind {
            Kind::Password => (&sources.passwords, &self.passwords),
            Kind::Token => (&sources.tokens, &self.tokens),
        };
        Some(Outside { kind, check: Arc::clone(check.as_ref()?), workers: workers.get()? })
    }

    /// Has another program say whose password or token this is.
    pub(super) async fn ask_outside(
        &self,
        outside: Outside<'_>,
        attempt: &Arc<LoginAttempt>,
        peer: &Peer,
        turn: &mut Turn<'_, '_>,
    ) -> Result<LoggedIn, Refused> {
        let Outside { kind, check, workers } = outside;
        let users = self.users();
        let wrong = Refused::Credentials;
        let name = &attempt.name;
        let asked = users.name(name);
        if asked.is_none() && (!name.is_empty() || kind == Kind::Password) {
            return Err(wrong("the name is not a valid user name"));
        }
        let (session, peer) = (peer.session, ip(peer));
        let (attempt, name) = (Arc::clone(attempt), asked.clone());
        let ask = move || {
            let (Proof::Token(secret) | Proof::Password(secret)) = &attempt.proof else {
                return Ok(Verdict::Bad);
            };
            let mechanism = mechanism(&attempt);
            // Do this for unknown users, too, so that they take the same time.
            let name = name.as_ref().map_or("", UserName::as_str);
            check.ask(&Question { kind, mechanism, name, peer, secret })
        };
        let verdict = workers.run(turn.client, turn.until, ask).await?;
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
            Some(said) => Some(users.name(&said).ok_or(wrong("the check said a bad name"))?),
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
