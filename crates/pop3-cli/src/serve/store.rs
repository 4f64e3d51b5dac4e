//! The users' Maildirs as a store.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_driver::Clock;
use pop3_driver::server::Peer;
use pop3_driver::store::{Maildrop, Store};
use pop3_maildir::{Maildir, MessageFile, OpenError};
use pop3_proto::server::{Accepted, Credentials, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use tracing::{debug, error, warn};

use crate::limits::{Limits, UserGuard};
use crate::throttle::{Throttle, TooMany};
use crate::users::{UserName, Users};

/// The folder of the Maildirs, and who may open which.
#[derive(Debug)]
pub(super) struct MailStore {
    folder: PathBuf,
    users: Arc<Users>,
    places: Arc<Limits>,
    throttle: Mutex<Throttle>,
    clock: Clock,
}

/// A user's Maildir, open.
#[derive(Debug)]
pub(super) struct OpenMaildir {
    maildir: Maildir,
    user: UserName,
    _place: UserGuard,
}

impl MailStore {
    pub(super) fn new(folder: PathBuf, users: Arc<Users>, places: Arc<Limits>) -> Self {
        Self { folder, users, places, throttle: Throttle::new().into(), clock: Clock::start() }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The user whose credentials these are.
    fn check(&self, credentials: &Credentials, peer: &Peer) -> Result<UserName, Rejection> {
        let address = peer.address.ip();
        // The wait is not slept here, where it would hold up others: it holds the answer back.
        let wait = self.throttle().attempt(address, self.clock.now()).map_err(|TooMany| {
            warn!(peer = %address, "login not tried: too many from this address");
            Rejection::temporary("too many logins from your address, try again later")
        })?;
        let user = match credentials.password() {
            Some(password) => self.users.verify(&credentials.name, password.expose()),
            None => self.users.table().prove(&credentials.name, |secret| credentials.prove(secret)),
        };
        let Some(user) = user else {
            warn!(peer = %address, user = %credentials.name.escape_ascii(), "login refused");
            let delay = self.throttle().failed(address, self.clock.now());
            return Err(Rejection::credentials().with_delay(wait + delay));
        };
        self.throttle().succeeded(address);
        Ok(user)
    }
}

impl Store for MailStore {
    type Maildrop = OpenMaildir;

    fn open(&self, credentials: &Credentials, peer: &Peer) -> Result<(Accepted, OpenMaildir), Rejection> {
        let user = self.check(credentials, peer)?;
        let place = self.places.log_in(&user).map_err(|refusal| Rejection::temporary(refusal.to_string()))?;
        // The name is a single component of a path, by its type.
        let mut maildir =
            Maildir::open(self.folder.join(user.as_str())).map_err(|error| refuse(&user, error))?;
        let summary = maildir.summary();
        debug!(%user, messages = summary.messages, measured = summary.measured, "maildrop opened");
        for skipped in maildir.skipped() {
            warn!(%user, "not served: {skipped}");
        }
        if let Some(error) = maildir.cache_error() {
            warn!(%user, "the sizes could not be remembered for the next login: {error}");
        }
        let accepted = maildir.take_maildrop().into();
        Ok((accepted, OpenMaildir { maildir, user, _place: place }))
    }
}

/// Logs why the Maildir can't be opened; the client is told less.
fn refuse(user: &UserName, error: OpenError) -> Rejection {
    if !matches!(error, OpenError::Locked { .. }) {
        let cause = core::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        error!(%user, "{error}{cause}");
    }
    error.into()
}

impl Maildrop for OpenMaildir {
    type Message = MessageFile;

    fn fetch(&mut self, message: MessageNumber, _extent: Extent) -> Result<MessageFile, Rejection> {
        self.maildir.message(message).map_err(|error| {
            warn!(user = %self.user, %message, "{error}");
            error.into()
        })
    }

    fn commit(self, deletions: &Deletions) -> usize {
        let report = self.maildir.commit(deletions);
        for failure in report.failures() {
            error!(user = %self.user, "not removed: {failure}");
        }
        match report.unsynced() {
            Some(error) => {
                error!(user = %self.user, "the removals may not outlast a loss of power: {error}");
                report.failures().len().max(1)
            }
            None => report.failures().len(),
        }
    }
}
