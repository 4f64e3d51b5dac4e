//! The users' maildrops as a store: what holds for all kinds of them.

mod maildirs;
mod others;

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use pop3_driver::backend::{LoginAttempt, Proof};
use pop3_driver::server::SessionId;
use pop3_proto::server::{Accepted, ServerConfig};
use pop3_proto::{Deletions, MessageNumber, Rejection, Snapshot};
use pop3_sasl::Mechanism;
use tracing::{debug, error, info, warn};

pub(super) use self::maildirs::{Maildirs, OpenMaildir};
pub(super) use self::others::OpenOther;
use super::announced::Announced;
use super::counters::{Counters, LimitHit};
use super::delays::LoginDelays;
use super::gate::Gatekeeper;
use super::maildrops::{Committed, MaildropLogin, Maildrops, too_soon};
use super::offer::MechanismOffer;
use crate::machine::{Machine, Stopwatch};
use crate::places::{Places, UserGuard};
use crate::users::LoggedIn;

/// The maildrops, and who may open which.
#[derive(Debug)]
pub(super) struct MailStore {
    kind: StoreKind,
    gatekeeper: Arc<Gatekeeper>,
    places: Arc<Places>,
    offer: MechanismOffer,
    announced: Announced,
    /// Whether messages that have expired are removed.
    enforce_expiry: bool,
    /// Whether UTF8 is offered, so that who does not ask for it gets headers in ASCII.
    utf8: bool,
    logins: Arc<LastLogins>,
    /// The settings of the last session.
    config: Mutex<Option<Arc<ServerConfig>>>,
}

/// Where the maildrops are.
#[derive(Debug)]
pub(super) enum StoreKind {
    Maildirs(Arc<Maildirs>),
    Others(Arc<dyn Maildrops>),
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

/// A user who may open the maildrop, and the place of the session.
struct Admitted {
    login: MaildropLogin,
    place: UserGuard,
}

/// What an open maildrop of any kind has.
#[derive(Debug)]
pub(super) struct Held {
    session: SessionId,
    read_only: bool,
    place: UserGuard,
}

/// How long a refusal behind right credentials is held back. It is counted nowhere, and a client that tries
/// again at once would have its password checked as often as the machine can.
const BUSY_DELAY: Duration = Duration::from_secs(1);

impl MailStore {
    /// Announces nothing, and removes what clients delete only.
    pub(super) fn new(
        kind: StoreKind,
        gatekeeper: Arc<Gatekeeper>,
        offer: MechanismOffer,
        places: Arc<Places>,
    ) -> Self {
        Self {
            kind,
            logins: LastLogins::new(gatekeeper.machine()).into(),
            gatekeeper,
            places,
            offer,
            announced: Announced::default(),
            enforce_expiry: false,
            utf8: false,
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

    /// Sets whether UTF8 is offered.
    pub(super) fn with_utf8(self, utf8: bool) -> Self {
        Self { utf8, ..self }
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

    /// Where the maildrops are.
    pub(super) const fn kind(&self) -> &StoreKind {
        &self.kind
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

    /// A place for a session of a user who is who he says: the gatekeeper has let him in. Refuses who comes too soon
    /// after his last login.
    fn admit(
        &self,
        LoggedIn { name, user, .. }: &LoggedIn,
        attempt: &LoginAttempt,
        session: SessionId,
        full: impl FnOnce(),
    ) -> Result<Admitted, Rejection> {
        let own = user.as_deref();
        let login_delay = self.announced.login_delay_of(own);
        if let Some(wait) = self.logins.delays.wait(name, login_delay, self.logins.clock.now()) {
            return Err(too_soon(wait));
        }
        let place = self.places.log_in(name).map_err(|refusal| {
            full();
            Rejection::temporary(refusal.to_string())
        })?;
        let login = MaildropLogin {
            name: name.clone(),
            user: user.clone(),
            session,
            login_delay,
            expire: self.announced.expire_of(own).filter(|_| self.enforce_expiry),
            ascii_headers: self.utf8 && !attempt.utf8,
            read_only: matches!(attempt.proof, Proof::Anonymous { .. }),
        };
        Ok(Admitted { login, place })
    }

    /// Counts a user who has reached the limit.
    fn count_full(&self) {
        self.counters().limit(LimitHit::User);
    }

    /// Notes that the user is in, unless another login of the user was faster and this one comes too soon after it.
    /// `measured` messages had to be read to learn their size.
    fn note_login(&self, login: &MaildropLogin, messages: usize, measured: usize) -> Result<(), Rejection> {
        let LastLogins { delays, clock } = &*self.logins;
        delays.log_in(&login.name, login.login_delay, clock.now()).map_err(too_soon)?;
        self.counters().opened(messages, measured);
        let (session, user) = (login.session, login.name.as_str());
        debug!(%session, user, messages, measured, "maildrop opened");
        Ok(())
    }

    /// What the session is told of an open maildrop, and what is kept with it.
    fn accept(&self, Admitted { login, place }: Admitted, snapshot: Snapshot) -> (Accepted, Held) {
        let mut accepted = Accepted::from(snapshot);
        accepted.user = Some(login.name.as_str().into());
        (accepted.login_delay, accepted.expire) =
            self.announced.after_login(login.user.as_deref(), &self.gatekeeper.users().profile());
        (accepted, Held { session: login.session, read_only: login.read_only, place })
    }
}

/// Logs that the maildrop of a user who is who he says is not open, and holds the refusal back.
fn not_opened(user: &str, session: SessionId, rejection: Rejection) -> Rejection {
    warn!(%session, user, why = rejection.text(), "maildrop not opened");
    rejection.with_delay(BUSY_DELAY)
}

impl Held {
    /// Whose session it is.
    fn user(&self) -> &str {
        self.place.user().as_str()
    }

    /// Logs why a message can't be sent; the client is told less.
    fn log_unsent(&self, message: MessageNumber, error: &str) {
        let (session, user) = (self.session, self.user());
        warn!(%session, user, number = %message, error, "a message can't be sent");
    }

    /// Whether the session may remove nothing. Logs it if it wanted to.
    fn refuses(&self, deletions: &Deletions) -> bool {
        if self.read_only && !deletions.is_empty() {
            let (session, user) = (self.session, self.user());
            warn!(%session, user, "not removed: ANONYMOUS logins are read-only");
        }
        self.read_only
    }

    /// Logs what a commit has done. Returns how many of the messages that the client has deleted are not removed.
    fn settle(&self, deletions: &Deletions, committed: &Committed) -> usize {
        let (session, user) = (self.session, self.user());
        if committed.expired > 0 {
            info!(%session, user, messages = committed.expired, "expired messages are removed");
        }
        for (number, why) in &committed.failures {
            error!(%session, user, %number, why, "a message was not removed");
        }
        // What the client did not ask for, it need not know of.
        committed.failures.iter().filter(|(number, _)| deletions.contains(*number)).count()
    }
}

#[cfg(test)]
impl StoreKind {
    /// The Maildirs in this directory of this machine.
    pub(super) fn maildirs(folder: std::path::PathBuf) -> Self {
        Self::Maildirs(Maildirs::new(folder, &crate::machine::ThisMachine).into())
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
    use crate::users::{DecoyKey, UserName, UsersFile};

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
        let kind = StoreKind::maildirs(folder.path().join("mail"));
        let StoreKind::Maildirs(maildirs) = &kind else { panic!("{kind:?}") };
        let maildirs = Arc::clone(maildirs);
        let store = MailStore::new(kind, gatekeeper.into(), MechanismOffer::default(), places);
        let open = |name: &str| {
            let password = Proof::Password(Secret::new(b"secret".to_vec()));
            let user = UserName::parse(name.as_bytes()).unwrap();
            let user =
                LoggedIn { user: store.gatekeeper.users().find(&user).unwrap(), name: user, home: None };
            let attempt = LoginAttempt::new(name.as_bytes().to_vec(), password);
            store.open_maildir(&maildirs, &user, &attempt, Peer::without_address().session)
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
