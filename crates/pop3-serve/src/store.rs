//! The users' Maildirs as a store.

use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use pop3_disk::Disk;
use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::server::SessionId;
use pop3_driver::store::Maildrop;
use pop3_maildir::{
    EightBitHeaders, InfoSeparator, Maildir, MaildirConfig, MessageFile, OpenError, UniqueIds,
};
use pop3_proto::server::{Accepted, Extent, ServerConfig};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_surrogate::surrogate;
use tracing::{debug, error, info, warn};

use super::announced::Announced;
use super::counters::{Counters, LimitHit};
use super::delays::LoginDelays;
use super::descriptors;
use super::gate::Gatekeeper;
use super::offer::MechanismOffer;
use crate::machine::{Machine, Stopwatch};
use crate::places::{Places, UserGuard};
use crate::users::{LoggedIn, MaildropPath, User, UserName};

/// The directory of the Maildirs, and who may open which.
#[derive(Debug)]
pub(super) struct MailStore {
    folder: PathBuf,
    path: MaildropPath,
    gatekeeper: Arc<Gatekeeper>,
    places: Arc<Places>,
    offer: MechanismOffer,
    announced: Announced,
    /// Whether messages that have expired are removed.
    enforce_expiry: bool,
    /// Whether UTF8 is offered, so that who does not ask for it gets headers in ASCII.
    utf8: bool,
    unique_ids: UniqueIds,
    separator: InfoSeparator,
    logins: Arc<LastLogins>,
    /// The settings of the last session.
    config: Mutex<Option<Arc<ServerConfig>>>,
    disk: Arc<dyn Disk>,
}

/// When each user has logged in last, by one clock. It outlives a reload of the settings.
#[derive(Debug)]
pub(super) struct LastLogins {
    delays: LoginDelays,
    clock: Stopwatch,
}

impl LastLogins {
    pub(super) fn new(machine: &Arc<dyn Machine>) -> Self {
        Self { delays: LoginDelays::default(), clock: Stopwatch::start(machine) }
    }
}

/// A user's Maildir, open.
#[derive(Debug)]
pub(super) struct OpenMaildir {
    session: SessionId,
    maildir: Maildir,
    disk: Arc<dyn Disk>,
    /// Messages that were read and left alone for so many days are removed at QUIT.
    expire: Option<u32>,
    read_only: bool,
    place: UserGuard,
}

/// The place of a session of the user, and after how many days messages expire.
type Admitted = (UserGuard, Option<u32>);

/// How long a refusal behind right credentials is held back. It is counted nowhere, and a client that tries
/// again at once would have its password checked as often as the machine can.
const BUSY_DELAY: Duration = Duration::from_secs(1);

/// One day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl MailStore {
    /// Announces nothing, and removes what clients delete only.
    pub(super) fn new(
        folder: PathBuf,
        gatekeeper: Arc<Gatekeeper>,
        offer: MechanismOffer,
        places: Arc<Places>,
    ) -> Self {
        let machine = gatekeeper.machine();
        Self {
            folder,
            path: MaildropPath::default(),
            logins: LastLogins::new(machine).into(),
            disk: machine.disk(),
            gatekeeper,
            places,
            offer,
            announced: Announced::default(),
            enforce_expiry: false,
            utf8: false,
            unique_ids: UniqueIds::Maildir,
            separator: InfoSeparator::Colon,
            config: Mutex::default(),
        }
    }

    /// Sets what is known of former logins.
    pub(super) fn with_last_logins(self, logins: Arc<LastLogins>) -> Self {
        Self { logins, ..self }
    }

    /// Sets what is announced, and whether messages that have expired are removed.
    pub(super) fn with_announced(self, announced: Announced, enforce_expiry: bool) -> Self {
        Self { announced, enforce_expiry, ..self }
    }

    /// Sets where in the directory the Maildir of a user is.
    pub(super) fn with_path(self, path: MaildropPath) -> Self {
        Self { path, ..self }
    }

    /// Sets whether UTF8 is offered.
    pub(super) fn with_utf8(self, utf8: bool) -> Self {
        Self { utf8, ..self }
    }

    /// Sets where unique-ids come from, and what begins the flags of a file.
    pub(super) fn with_unique_ids(self, unique_ids: UniqueIds, separator: InfoSeparator) -> Self {
        Self { unique_ids, separator, ..self }
    }

    /// The settings of a session that begins now. All sessions share them until the users change.
    pub(super) fn config(&self, config: &Arc<ServerConfig>) -> Arc<ServerConfig> {
        let (delay, expire) = self.announced.before_login(&self.gatekeeper.users().profile());
        let (login_delay, expire) = (delay.or(config.login_delay), expire.or(config.expire));
        let mut last = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = last.get_or_insert_with(|| Arc::clone(config));
        if (shared.login_delay, shared.expire) != (login_delay, expire) {
            let mut changed = ServerConfig::clone(config);
            (changed.login_delay, changed.expire) = (login_delay, expire);
            *shared = changed.into();
        }
        Arc::clone(shared)
    }

    /// Refuses who comes too soon after his last login.
    fn check_delay(&self, user: &UserName, own: Option<&User>) -> Result<(), Rejection> {
        let delay = self.announced.login_delay_of(own);
        match self.logins.delays.wait(user, delay, self.logins.clock.now()) {
            Some(wait) => Err(too_soon(wait)),
            None => Ok(()),
        }
    }

    /// What is counted.
    pub(super) fn counters(&self) -> &Counters {
        self.places.counters()
    }

    /// Who checks credentials.
    pub(super) fn gatekeeper(&self) -> &Gatekeeper {
        &self.gatekeeper
    }

    /// The mechanisms that the operator wants.
    pub(super) const fn offer(&self) -> &MechanismOffer {
        &self.offer
    }

    /// What AUTH offers.
    pub(super) fn mechanisms(&self) -> Vec<Mechanism> {
        self.offer.mechanisms(&self.gatekeeper.users().profile())
    }

    /// Opens the Maildir of a user who is who he says: the gatekeeper has let him in.
    ///
    /// # Errors
    /// What the client is told.
    pub(super) fn open(
        &self,
        user: LoggedIn,
        attempt: &LoginAttempt,
        session: SessionId,
    ) -> Result<(Accepted, OpenMaildir), Rejection> {
        let name = user.name.clone();
        self.open_of(user, attempt, session).map_err(|rejection| {
            warn!(%session, user = name.as_str(), why = rejection.text(), "maildrop not opened");
            rejection.with_delay(BUSY_DELAY)
        })
    }

    fn open_of(
        &self,
        LoggedIn { name: user, user: own, home }: LoggedIn,
        attempt: &LoginAttempt,
        session: SessionId,
    ) -> Result<(Accepted, OpenMaildir), Rejection> {
        let own = own.as_deref();
        let path = self.path.of(&self.folder, &user, home.as_deref()).map_err(|why| {
            error!(%session, user = user.as_str(), why, "a user has no maildrop");
            Rejection::permanent("there is no maildrop")
        })?;
        let admitted = self.admit(&user, own, || self.counters().limit(LimitHit::User))?;
        let maildir = Maildir::open_on(&self.disk, path, &self.maildir_config(admitted.1, attempt))
            .map_err(|error| refuse(&user, session, error))?;
        self.opened(maildir, user, own, attempt, admitted, session)
    }

    /// Does the same as [`open`](Self::open) without waiting for the disk, if that is possible. Otherwise, nothing has
    /// happened: `open` tells why not.
    pub(super) fn try_open(
        &self,
        LoggedIn { name: user, user: own, home }: &LoggedIn,
        attempt: &LoginAttempt,
        session: SessionId,
    ) -> Option<(Accepted, OpenMaildir)> {
        let own = own.as_deref();
        let path = self.path.of(&self.folder, user, home.as_deref()).ok()?;
        let admitted = self.admit(user, own, || ()).ok()?;
        let maildir = Maildir::try_open_on(&self.disk, path, &self.maildir_config(admitted.1, attempt))?;
        self.opened(maildir, user.clone(), own, attempt, admitted, session).ok()
    }

    /// A place for a session of this user, and after how many days messages expire.
    fn admit(&self, user: &UserName, own: Option<&User>, full: impl FnOnce()) -> Result<Admitted, Rejection> {
        self.check_delay(user, own)?;
        let place = self.places.log_in(user).map_err(|refusal| {
            full();
            Rejection::temporary(refusal.to_string())
        })?;
        Ok((place, self.announced.expire_of(own).filter(|_| self.enforce_expiry)))
    }

    fn maildir_config(&self, expire: Option<u32>, attempt: &LoginAttempt) -> MaildirConfig {
        // Messages that were read must be recognisable as read later on.
        let config = MaildirConfig::new()
            .with_seen_flag(expire.is_some_and(|days| days > 0))
            .with_unique_ids(self.unique_ids.clone())
            .with_info_separator(self.separator)
            .with_on_shortage(descriptors::short);
        if self.utf8 && !attempt.utf8 {
            return config.with_eight_bit_headers(EightBitHeaders::Convert(surrogate));
        }
        config
    }

    /// Notes that the user is in, unless another login of the user was faster and this one comes too soon after it.
    fn opened(
        &self,
        mut maildir: Maildir,
        user: UserName,
        own: Option<&User>,
        attempt: &LoginAttempt,
        (place, expire): Admitted,
        session: SessionId,
    ) -> Result<(Accepted, OpenMaildir), Rejection> {
        let delay = self.announced.login_delay_of(own);
        let LastLogins { delays, clock } = &*self.logins;
        delays.log_in(&user, delay, clock.now()).map_err(too_soon)?;
        let summary = maildir.summary();
        self.counters().opened(summary.messages, summary.measured);
        debug!(
            %session,
            user = user.as_str(),
            messages = summary.messages,
            measured = summary.measured,
            "maildrop opened"
        );
        for skipped in maildir.skipped() {
            let file = Path::new(skipped.folder.name()).join(&skipped.name);
            let (file, why) = (file.to_string_lossy(), skipped.reason);
            warn!(%session, user = user.as_str(), file = &*file, %why, "skipped a file");
        }
        if let Some(error) = maildir.cache_error() {
            let user = user.as_str();
            warn!(%session, user, %error, "the sizes could not be remembered for the next login");
        }
        if let Some(error) = maildir.unrecorded() {
            let user = user.as_str();
            error!(%session, user, %error, "the unique-ids of new messages can't be recorded, so they are not shown");
        }
        let mut accepted = Accepted::from(maildir.take_snapshot());
        accepted.user = Some(user.as_str().into());
        (accepted.login_delay, accepted.expire) =
            self.announced.after_login(own, &self.gatekeeper.users().profile());
        let read_only = matches!(attempt.proof, pop3_driver::backend::Proof::Anonymous { .. });
        let disk = Arc::clone(&self.disk);
        Ok((accepted, OpenMaildir { session, maildir, disk, expire, read_only, place }))
    }
}

/// Refuses a login that comes too soon.
fn too_soon(wait: Duration) -> Rejection {
    let seconds = wait.as_millis().div_ceil(1_000);
    Rejection::login_delay().with_text(format!("too soon after the last login, wait {seconds} seconds"))
}

/// Logs why the Maildir can't be opened; the client is told less.
fn refuse(user: &UserName, session: SessionId, error: OpenError) -> Rejection {
    if !matches!(error, OpenError::Locked { .. }) {
        error!(%session, user = user.as_str(), error = pop3_text::reasons(&error), "a Maildir can't be opened");
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
                let before = self.disk.now().checked_sub(DAY * days).unwrap_or(SystemTime::UNIX_EPOCH);
                self.maildir.expired(before, deletions.retrieved())
            }
        };
        expired.retain(|&message| !deletions.contains(message));
        expired
    }
}

impl Maildrop for OpenMaildir {
    type Message = MessageFile;

    fn try_fetch(
        &mut self,
        message: MessageNumber,
        _extent: Extent,
    ) -> Option<Result<MessageFile, Rejection>> {
        self.maildir.try_message(message).map(Ok)
    }

    fn try_read(message: &mut MessageFile, buffer: &mut [u8]) -> io::Result<usize> {
        message.try_read(buffer)
    }

    fn fetch(
        &mut self,
        message: MessageNumber,
        _extent: Extent,
        _context: &Context,
    ) -> Result<MessageFile, Rejection> {
        self.maildir.message(message).map_err(|error| {
            let (user, error_text) = (self.place.user().as_str(), pop3_text::reasons(&error));
            warn!(session = %self.session, user, number = %message, error = error_text, "a message can't be sent");
            error.into()
        })
    }

    fn commits_on_the_spot(&self, deletions: &Deletions) -> bool {
        // What has expired is removed, too.
        deletions.is_empty() && self.expire.is_none() && self.maildir.releases_on_the_spot()
    }

    fn commit(self, deletions: &Deletions, _context: &Context) -> usize {
        let (session, user) = (self.session, self.place.user().as_str());
        if self.read_only {
            if !deletions.is_empty() {
                warn!(%session, user, "not removed: ANONYMOUS logins are read-only");
            }
            return deletions.len();
        }
        let expired = self.expired(deletions);
        if !expired.is_empty() {
            info!(%session, user, messages = expired.len(), "expired messages are removed");
        }
        let report = self.maildir.remove(deletions.iter().chain(expired), deletions.retrieved());
        for failure in report.failures() {
            error!(%session, user, number = %failure.number, why = %failure.reason, "a message was not removed");
        }
        // What the client did not ask for, it need not know of.
        let failed = report.failures().iter().filter(|failure| deletions.contains(failure.number)).count();
        match report.unsynced() {
            Some(error) => {
                error!(%session, user, %error, "the removals may not survive a power failure");
                failed.max(usize::from(!deletions.is_empty()))
            }
            None => failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pop3_driver::backend::Proof;
    use pop3_driver::server::Peer;
    use pop3_proto::{ResponseCode, Secret};

    use super::*;
    use crate::ConnectionLimits;
    use crate::users::{DecoyKey, UsersFile};

    // SEC-02
    #[test]
    fn who_is_refused_behind_right_credentials_can_not_ask_again_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["mail/alice/new", "mail/alice/cur", "mail/alice/tmp"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let users = folder.path().join("users");
        fs::write(&users, "alice:{PLAIN}secret\nbob:{PLAIN}secret\n").unwrap();
        let users = UsersFile::load(&users).unwrap();
        let gatekeeper = Gatekeeper::new(Arc::new(users), DecoyKey::random().unwrap().into(), None).unwrap();
        let places = Places::new(ConnectionLimits::new(9, 9, 9));
        let store =
            MailStore::new(folder.path().join("mail"), gatekeeper.into(), MechanismOffer::default(), places);
        let open = |name: &str| {
            let password = Proof::Password(Secret::new(b"secret".to_vec()));
            let user = UserName::parse(name.as_bytes()).unwrap();
            let user =
                LoggedIn { user: store.gatekeeper.users().find(&user).unwrap(), name: user, home: None };
            let attempt = LoginAttempt::new(name.as_bytes().to_vec(), password);
            store.open(user, &attempt, Peer::without_address().session)
        };
        let _open = open("alice").unwrap();
        for (name, code) in [("alice", ResponseCode::InUse), ("bob", ResponseCode::SysPerm)] {
            let rejection = open(name).map(drop).unwrap_err();
            assert_eq!(rejection.code(), Some(code), "{name}");
            assert!(rejection.delay() >= BUSY_DELAY && !rejection.is_of_credentials(), "{name}");
        }
        // Without a delay between logins, nobody's last login is remembered.
        assert!(store.logins.delays.is_empty());
    }
}
