//! The users' Maildirs as a store.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use pop3_driver::Clock;
use pop3_driver::server::Peer;
use pop3_driver::store::{Maildrop, Store};
use pop3_maildir::{Config, EightBitHeaders, Maildir, MessageFile, OpenError};
use pop3_proto::server::{Accepted, Credentials, Extent};
use pop3_proto::surrogate::surrogate;
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};
use tracing::{debug, error, info, warn};

use super::announced::Announced;
use super::delays::LoginDelays;
use super::gate::Gatekeeper;
use super::offer::Offer;
use crate::limits::{Limits, UserGuard};
use crate::users::UserName;

/// The folder of the Maildirs, and who may open which.
#[derive(Debug)]
pub(super) struct MailStore {
    folder: PathBuf,
    gatekeeper: Gatekeeper,
    places: Arc<Limits>,
    offer: Offer,
    announced: Announced,
    /// Whether messages that have expired are removed.
    enforce_expiry: bool,
    /// Whether UTF8 is offered, so that who does not ask for it gets headers in ASCII.
    utf8: bool,
    delays: Mutex<LoginDelays>,
    clock: Clock,
}

/// A user's Maildir, open.
#[derive(Debug)]
pub(super) struct OpenMaildir {
    maildir: Maildir,
    user: UserName,
    /// Messages that were read and left alone for so many days are removed at QUIT.
    expire: Option<u32>,
    read_only: bool,
    _place: UserGuard,
}

/// How long a refusal behind right credentials is held back. It is counted nowhere, and a client that tries
/// again at once would have its password checked as often as the machine can.
const BUSY_DELAY: Duration = Duration::from_secs(1);

/// One day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl MailStore {
    /// Announces nothing, and removes what clients delete only.
    pub(super) fn new(folder: PathBuf, gatekeeper: Gatekeeper, offer: Offer, places: Arc<Limits>) -> Self {
        Self {
            folder,
            gatekeeper,
            places,
            offer,
            announced: Announced::default(),
            enforce_expiry: false,
            utf8: false,
            delays: Mutex::default(),
            clock: Clock::start(),
        }
    }

    /// Sets what is announced, and whether messages that have expired are removed.
    pub(super) fn with_announced(self, announced: Announced, enforce_expiry: bool) -> Self {
        Self { announced, enforce_expiry, ..self }
    }

    /// Sets whether UTF8 is offered.
    pub(super) fn with_utf8(self, utf8: bool) -> Self {
        Self { utf8, ..self }
    }

    /// The settings of a session that begins now.
    pub(super) fn config(&self, config: &pop3_proto::server::Config) -> pop3_proto::server::Config {
        self.announced.before_login(config.clone(), &self.gatekeeper.table())
    }

    /// Refuses who comes too soon after his last login.
    fn check_delay(&self, user: &UserName) -> Result<(), Rejection> {
        let delay = self.announced.login_delay_of(user, &self.gatekeeper.table());
        let Some(wait) = self.delays().wait(user, delay, self.clock.now()) else { return Ok(()) };
        let seconds = wait.as_millis().div_ceil(1_000);
        info!(%user, seconds, "too soon after the last login");
        let text = format!("too soon after the last login, wait {seconds} seconds");
        Err(Rejection::login_delay().with_text(text))
    }

    /// Opens the Maildir of a user who is who he says.
    fn open_of(
        &self,
        user: UserName,
        credentials: &Credentials,
    ) -> Result<(Accepted, OpenMaildir), Rejection> {
        self.check_delay(&user)?;
        let place = self.places.log_in(&user).map_err(|refusal| Rejection::temporary(refusal.to_string()))?;
        let table = self.gatekeeper.table();
        let expire = self.announced.expire_of(&user, &table).filter(|_| self.enforce_expiry);
        // What was read is to be known later on, too.
        let mut config = Config::new().with_seen_flag(expire.is_some_and(|days| days > 0));
        if self.utf8 && !credentials.utf8 {
            config = config.with_eight_bit_headers(EightBitHeaders::Convert(surrogate));
        }
        // The name is a single component of a path, by its type.
        let mut maildir = Maildir::open_with(self.folder.join(user.as_str()), &config)
            .map_err(|error| refuse(&user, error))?;
        let summary = maildir.summary();
        debug!(%user, messages = summary.messages, measured = summary.measured, "maildrop opened");
        for skipped in maildir.skipped() {
            warn!(%user, "not served: {skipped}");
        }
        if let Some(error) = maildir.cache_error() {
            warn!(%user, "the sizes could not be remembered for the next login: {error}");
        }
        self.delays().logged_in(&user, self.clock.now());
        let mut accepted = Accepted::from(maildir.take_maildrop()).with_user(user.as_str());
        (accepted.login_delay, accepted.expire) = self.announced.after_login(&user, &table);
        let read_only = matches!(credentials.proof, pop3_proto::server::Proof::Anonymous { .. });
        Ok((accepted, OpenMaildir { maildir, user, expire, read_only, _place: place }))
    }

    fn delays(&self) -> MutexGuard<'_, LoginDelays> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MailStore {
    type Maildrop = OpenMaildir;

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.offer.mechanisms(&self.gatekeeper.table())
    }

    fn scram_keys(&self, name: &str, hash: Hash, peer: &Peer) -> Result<Option<Keys>, Rejection> {
        self.gatekeeper.scram_keys(name, hash, peer).map(Some)
    }

    fn scram_refused(&self, name: &str, peer: &Peer) -> Rejection {
        self.gatekeeper.scram_refused(name, peer)
    }

    fn may_act_for(&self, _user: &[u8], _other: &[u8]) -> bool {
        // Nobody may. The gatekeeper says so, who counts it as a failure and logs it.
        true
    }

    fn open(&self, credentials: &Credentials, peer: &Peer) -> Result<(Accepted, OpenMaildir), Rejection> {
        let user = self.gatekeeper.check(credentials, peer)?;
        self.open_of(user, credentials).map_err(|rejection| rejection.with_delay(BUSY_DELAY))
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

impl OpenMaildir {
    /// What has expired and is to be removed, though the client did not say so.
    fn expired(&self, deletions: &Deletions) -> Vec<MessageNumber> {
        let mut expired = match self.expire {
            None => Vec::new(),
            Some(0) => deletions.retrieved().collect(),
            Some(days) => {
                let before = SystemTime::now().checked_sub(DAY * days).unwrap_or(SystemTime::UNIX_EPOCH);
                self.maildir.expired(before, deletions.retrieved())
            }
        };
        expired.retain(|&message| !deletions.contains(message));
        expired
    }
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
        let user = &self.user;
        if self.read_only {
            if !deletions.is_empty() {
                warn!(%user, "not removed: who logs in by ANONYMOUS may only read");
            }
            return deletions.len();
        }
        let expired = self.expired(deletions);
        if !expired.is_empty() {
            info!(%user, messages = expired.len(), "expired messages are removed");
        }
        let report = self.maildir.remove(deletions.iter().chain(expired), deletions.retrieved());
        for failure in report.failures() {
            error!(%user, "not removed: {failure}");
        }
        // What the client did not ask for, it need not know of.
        let failed = report.failures().iter().filter(|failure| deletions.contains(failure.number)).count();
        match report.unsynced() {
            Some(error) => {
                error!(%user, "the removals may not outlast a loss of power: {error}");
                failed.max(usize::from(!deletions.is_empty()))
            }
            None => failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pop3_proto::server::Proof;
    use pop3_proto::{ResponseCode, Secret};

    use super::*;
    use crate::limits::Most;
    use crate::users::{SaltKey, Users};

    // SEC-02
    #[test]
    fn who_is_refused_behind_right_credentials_can_not_ask_again_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["mail/alice/new", "mail/alice/cur", "mail/alice/tmp"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let users = folder.path().join("users");
        fs::write(&users, "alice:{PLAIN}secret\nbob:{PLAIN}secret\n").unwrap();
        let users = Users::load(&users).unwrap().into();
        let gatekeeper = Gatekeeper::new(users, SaltKey::random().unwrap(), None);
        let places = Limits::new(Most { total: 9, per_address: 9, per_user: 9 });
        let store = MailStore::new(folder.path().join("mail"), gatekeeper, Offer::default(), places);
        let peer = Peer::new("192.0.2.1:1".parse().unwrap(), "192.0.2.2:110".parse().unwrap());
        let open = |name: &str| {
            let password = Proof::Password(Secret::new(b"secret".to_vec()));
            store.open(&Credentials::new(name.as_bytes().to_vec(), password), &peer)
        };
        let _open = open("alice").unwrap();
        for (name, code) in [("alice", ResponseCode::InUse), ("bob", ResponseCode::SysPerm)] {
            let rejection = open(name).map(drop).unwrap_err();
            assert_eq!(rejection.code(), Some(code), "{name}");
            assert!(rejection.delay() >= BUSY_DELAY && !rejection.is_of_credentials(), "{name}");
        }
    }
}
