//! Look-ups of users: on the threads, or awaited.

use core::future::Future;
use std::io;
use std::sync::Arc;

use pop3_driver::backend::{LoginAttempt, Proof};
use pop3_driver::server::Peer;
use tracing::error;

use super::{ANONYMOUS, Gatekeeper, Refused, Turn, WRONG};
use crate::external;
use crate::throttle::TooMany;
use crate::users::{Found, LoggedIn, Users, check};

impl Gatekeeper {
    /// The user whose password this is.
    pub(super) async fn password(
        &self,
        attempt: &Arc<LoginAttempt>,
        turn: &mut Turn<'_, '_>,
    ) -> Result<Option<LoggedIn>, Refused> {
        let attempt = Arc::clone(attempt);
        let users = self.users();
        let costly = users.profile().computes_hashes();
        let name = attempt.name.clone();
        let verify = move |users: &dyn Users| {
            let Proof::Password(password) = &attempt.proof else { return Ok(None) };
            check::password(users, &attempt.name, password.expose())
        };
        self.ask_about(&users, &name, turn, costly, verify).await
    }

    /// The user of this name, if there is one.
    pub(super) async fn find(
        &self,
        name: &[u8],
        turn: &mut Turn<'_, '_>,
    ) -> Result<Option<LoggedIn>, Refused> {
        let octets = name.to_owned();
        let find = move |users: &dyn Users| check::name(users, &octets);
        self.ask_about(&self.users(), name, turn, false, find).await
    }

    pub(super) async fn anonymous(&self, turn: &mut Turn<'_, '_>) -> Result<LoggedIn, Refused> {
        let users = self.users();
        let name = users.name(ANONYMOUS).ok_or(Refused::Credentials(WRONG))?;
        self.ask_about(&users, ANONYMOUS, turn, false, |users| check::vouched(name, users)).await
    }

    pub(super) async fn certificate(
        &self,
        name: &[u8],
        peer: &Peer,
        turn: &mut Turn<'_, '_>,
    ) -> Result<LoggedIn, Refused> {
        let shown = peer.tls.as_ref().and_then(|tls| tls.certificates.first());
        let shown = shown.ok_or(Refused::Credentials("there is no certificate"))?;
        let users = self.users();
        let users = match users.as_async() {
            Some(awaited) => {
                let found = external::look_up(shown, name, &users, awaited);
                Arc::new(awaited_by(turn, found).await?) as _
            }
            None => users,
        };
        let (shown, name) = (shown.clone(), name.to_owned());
        let owner = move |users: &dyn Users| match external::user(&shown, &name, users)? {
            Ok(name) => check::vouched(name, users).map(Ok),
            Err(why) => Ok(Err(why)),
        };
        self.ask(&users, turn, false, owner).await?.map_err(Refused::Credentials)
    }

    /// Has the users asked about one name. If they can be awaited, that happens before, and here.
    pub(super) async fn ask_about<T: Send + 'static>(
        &self,
        users: &Arc<dyn Users>,
        name: &[u8],
        turn: &mut Turn<'_, '_>,
        costly: bool,
        question: impl FnOnce(&dyn Users) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let Some(awaited) = users.as_async() else {
            return self.ask(users, turn, costly, question).await;
        };
        let mut found = Found::new(users);
        if let Some(name) = users.name(name) {
            found.add(awaited_by(turn, awaited.find(&name)).await?, name);
        }
        self.ask(&(Arc::new(found) as _), turn, costly, question).await
    }

    /// Has the users asked; by a worker, where that takes long.
    async fn ask<T: Send + 'static>(
        &self,
        users: &Arc<dyn Users>,
        turn: &Turn<'_, '_>,
        costly: bool,
        question: impl FnOnce(&dyn Users) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let may_block = users.may_block();
        let users = Arc::clone(users);
        let work = move || question(&*users);
        let answer =
            if costly || may_block { self.hashes.run(turn.client, turn.until, work).await? } else { work() };
        answer.map_err(not_looked_up)
    }
}

/// Waits for a look-up. Meanwhile nothing is checked, so a slow one is no failed login.
async fn awaited_by<T>(
    turn: &mut Turn<'_, '_>,
    look_up: impl Future<Output = io::Result<T>>,
) -> Result<T, Refused> {
    turn.guess.pause();
    let found = look_up.await.map_err(not_looked_up)?;
    turn.guess.resume().map_err(|TooMany| Refused::TooMany)?;
    Ok(found)
}

fn not_looked_up(error: io::Error) -> Refused {
    error!(%error, "the users could not be looked up");
    Refused::Fault
}
