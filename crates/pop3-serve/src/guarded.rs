//! A session's store: credentials are checked by the gatekeeper, who awaits it; then the maildrop is opened. A Maildir is
//! opened where calls may block.

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt, StoredMessage};
use pop3_driver::server::{Peer, SessionId};
use pop3_driver::store::{BlockingPool, Chunks, Pooled};
use pop3_driver::tls::TlsInfo;
use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};
use tracing::info;

use super::counters::{LimitHit, LoginOutcome};
use super::gate::{ip, is_of_limit, mechanism};
use super::maildrops::Outgoing;
use super::store::{MailStore, OpenMaildir, OpenOther, StoreKind};
use super::users::LoggedIn;

/// The store of one session.
#[derive(Debug)]
pub(super) struct Guarded<P> {
    store: Arc<MailStore>,
    maildrop: Opened<P>,
    /// Who is not logged in yet. After the login, nobody asks any more.
    guest: Option<Box<Guest>>,
}

/// The maildrop of the session, once it is open.
#[derive(Debug)]
enum Opened<P> {
    Maildir(Pooled<OpenMaildir, P>),
    Other(Option<Box<OpenOther>>),
}

/// A message that is being sent.
#[derive(Debug)]
pub(super) enum Message<P> {
    Maildir(Chunks<OpenMaildir, P>),
    Other(Box<Outgoing>),
}

/// A client before the login.
#[derive(Debug)]
struct Guest {
    peer: Peer,
    /// When the client must have logged in.
    until: Instant,
    /// For whom keys were found last, if that saves a look-up.
    known: Option<LoggedIn>,
}

/// A login that has no limit has this one.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Counts a login that the gatekeeper has not let in.
fn count_refusal(store: &MailStore, method: &str, rejection: &Rejection, took: Option<Duration>) {
    let outcome =
        if rejection.is_of_credentials() { LoginOutcome::Refused } else { LoginOutcome::NotChecked };
    store.counters().login(method, outcome, took);
    if is_of_limit(rejection) {
        store.counters().limit(LimitHit::Logins);
    }
}

impl<P: BlockingPool> Guarded<P> {
    /// For a session with this peer, which begins now.
    pub(super) fn new(store: Arc<MailStore>, pool: P, peer: Peer, login_timeout: Duration) -> Self {
        let until = store.gatekeeper().machine().now() + login_timeout.min(LONG);
        let maildrop = match store.kind() {
            StoreKind::Maildirs(_) => Opened::Maildir(Pooled::new(pool)),
            StoreKind::Others(_) => Opened::Other(None),
        };
        Self { store, maildrop, guest: Some(Box::new(Guest { peer, until, known: None })) }
    }
}

impl<P: BlockingPool> Opened<P> {
    /// Opens the maildrop of a user whom the gatekeeper has let in.
    async fn open(
        &mut self,
        store: &Arc<MailStore>,
        user: LoggedIn,
        attempt: Arc<LoginAttempt>,
        session: SessionId,
        context: &Context,
    ) -> Result<Accepted, Rejection> {
        match (self, store.kind()) {
            (Self::Maildir(pooled), StoreKind::Maildirs(maildirs)) => {
                if let Some((accepted, maildrop)) = store.try_open_maildir(maildirs, &user, &attempt, session)
                {
                    pooled.opened(maildrop);
                    return Ok(accepted);
                }
                let (store, maildirs) = (Arc::clone(store), Arc::clone(maildirs));
                pooled.open(move || store.open_maildir(&maildirs, &user, &attempt, session)).await
            }
            (Self::Other(open), StoreKind::Others(maildrops)) => {
                let opened = store.open_other(&**maildrops, &user, &attempt, session, context).await;
                opened.map(|(accepted, maildrop)| {
                    *open = Some(Box::new(maildrop));
                    accepted
                })
            }
            _ => Err(fault()),
        }
    }
}

/// What only a fault of this program can cause.
fn fault() -> Rejection {
    Rejection::temporary("internal error")
}

impl<P: BlockingPool> Backend for Guarded<P> {
    type Message = Message<P>;

    fn secured(&mut self, tls: &Arc<TlsInfo>) {
        if let Some(guest) = &mut self.guest {
            guest.peer.tls = Some(Arc::clone(tls));
        }
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.store.mechanisms()
    }

    async fn scram_keys(
        &mut self,
        name: &str,
        hash: Hash,
        _context: &Context,
    ) -> Result<Option<Keys>, Rejection> {
        let Guest { peer, until, known } = self.guest.as_deref_mut().ok_or_else(fault)?;
        *known = None;
        let keys = self.store.gatekeeper().scram_keys_of(name, hash, peer, *until).await;
        let (keys, user) =
            keys.inspect_err(|rejection| count_refusal(&self.store, "SCRAM", rejection, None))?;
        *known = user;
        Ok(Some(keys))
    }

    fn scram_refused(&mut self, name: &str) -> Rejection {
        let Some(guest) = self.guest.as_deref() else { return fault() };
        self.store.counters().login("SCRAM", LoginOutcome::Refused, None);
        self.store.gatekeeper().scram_refused(name, &guest.peer)
    }

    fn may_act_for(&self, _user: &[u8], _other: &[u8]) -> bool {
        // Nobody is allowed. The gatekeeper refuses, counts the failure and logs it.
        true
    }

    async fn authenticate(
        &mut self,
        attempt: LoginAttempt,
        context: &Context,
    ) -> Result<Admission, Rejection> {
        let attempt = Arc::new(attempt);
        let begun = Instant::now();
        let method = mechanism(&attempt);
        let count = |store: &MailStore, outcome| {
            store.counters().login(method, outcome, Some(begun.elapsed()));
        };
        let Guest { peer, until, known } = self.guest.as_deref_mut().ok_or_else(fault)?;
        let session = peer.session;
        let checked = self.store.gatekeeper().check_known(&attempt, peer, *until, known.take()).await;
        let user = checked.inspect_err(|rejection| {
            count_refusal(&self.store, method, rejection, Some(begun.elapsed()));
        })?;
        let name = user.name.clone();
        let opened = self.maildrop.open(&self.store, user, attempt, session, context).await;
        let accepted = opened.inspect_err(|_| count(&self.store, LoginOutcome::NotOpened))?;
        count(&self.store, LoginOutcome::Accepted);
        if let Some(Guest { peer, .. }) = self.guest.take().as_deref() {
            let tls = peer.tls.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            let mechanism = method;
            info!(%session, peer = %ip(peer), user = name.as_str(), mechanism, tls, "login");
        }
        Ok(Admission::Serve(accepted))
    }

    fn try_fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Option<Result<Self::Message, Rejection>> {
        match &mut self.maildrop {
            Opened::Maildir(pooled) => {
                pooled.try_fetch(message, extent).map(|tried| tried.map(Message::Maildir))
            }
            Opened::Other(open) => open.as_mut()?.try_fetch(message, extent).map(Message::of_other),
        }
    }

    fn expect(&mut self, messages: &[MessageNumber]) {
        match &mut self.maildrop {
            Opened::Maildir(pooled) => pooled.expect(messages),
            Opened::Other(Some(open)) => open.expect(messages),
            Opened::Other(None) => {}
        }
    }

    async fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<Self::Message, Rejection> {
        match &mut self.maildrop {
            Opened::Maildir(pooled) => pooled.fetch(message, extent, context).await.map(Message::Maildir),
            Opened::Other(open) => {
                Message::of_other(open.as_mut().ok_or_else(fault)?.fetch(message, extent, context).await)
            }
        }
    }

    async fn commit(&mut self, deletions: Deletions, context: &Context) -> usize {
        match &mut self.maildrop {
            Opened::Maildir(pooled) => pooled.commit(deletions, context).await,
            Opened::Other(open) => match open.take() {
                Some(open) => open.commit(&deletions, context).await,
                None => deletions.len(),
            },
        }
    }
}

impl<P> Message<P> {
    fn of_other(opened: Result<Outgoing, Rejection>) -> Result<Self, Rejection> {
        opened.map(|message| Self::Other(Box::new(message)))
    }
}

impl<P: BlockingPool> StoredMessage for Message<P> {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Maildir(message) => message.try_read(buffer),
            Self::Other(message) => message.try_read(buffer),
        }
    }

    async fn chunk(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Maildir(message) => message.chunk().await,
            Self::Other(message) => message.chunk().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::fs;

    use pop3_disk::System;
    use pop3_driver::backend::Proof;
    use pop3_driver::wait;
    use pop3_maildir::{Maildir, MaildirConfig};
    use pop3_proto::Secret;

    use super::*;
    use crate::ConnectionLimits;
    use crate::gate::Gatekeeper;
    use crate::offer::MechanismOffer;
    use crate::places::Places;
    use crate::users::{DecoyKey, UsersFile};

    /// A pool that counts its visits.
    #[derive(Clone, Default)]
    struct Counted(Arc<AtomicUsize>);

    impl BlockingPool for Counted {
        async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(call())
        }
    }

    #[test]
    fn a_login_to_an_unchanged_maildrop_needs_no_visit_to_the_pool() {
        let folder = tempfile::tempdir().unwrap();
        let (mail, users) = (folder.path().join("mail"), folder.path().join("users"));
        for name in ["new", "cur", "tmp"] {
            fs::create_dir_all(mail.join("alice").join(name)).unwrap();
        }
        fs::write(mail.join("alice/new/1.a.h"), "hello\n").unwrap();
        fs::write(&users, "alice:{PLAIN}secret\n").unwrap();
        let users = UsersFile::load(&users).unwrap();
        let gatekeeper = Gatekeeper::new(Arc::new(users), DecoyKey::random().unwrap().into(), None).unwrap();
        let places = Places::new(ConnectionLimits::new(9, 9, 9));
        let kind = StoreKind::maildirs(mail.clone());
        let store = Arc::new(MailStore::new(kind, gatekeeper.into(), MechanismOffer::default(), places));

        // The time of the directories has ticks. Some systems can't open anything on the spot.
        let eager = MaildirConfig::new().with_settle_time(Duration::ZERO);
        let is_ready = || {
            drop(Maildir::open_with(mail.join("alice"), &eager));
            Maildir::try_open_with(mail.join("alice"), &eager).is_some()
        };
        let can_try = (0..1_000).any(|_| is_ready());
        // What the system can do is known from elsewhere.
        assert_eq!(can_try, System::shared().try_open_folder(&mail).is_ok());

        let pool = Counted::default();
        let peer = Peer::new("127.0.0.1:4711".parse().unwrap(), "127.0.0.1:110".parse().unwrap());
        let attempt = || {
            let password = Proof::Password(Secret::new(b"secret".to_vec()));
            LoginAttempt::new(b"alice".to_vec(), password)
        };
        let context = Context::new(Instant::now() + LONG);
        let log_in = || {
            let mut backend = Guarded::new(Arc::clone(&store), pool.clone(), peer.clone(), LONG);
            let admission = wait(backend.authenticate(attempt(), &context));
            (backend, admission)
        };
        let visits = || pool.0.swap(0, Ordering::Relaxed);
        let (first, admission) = log_in();
        let Ok(Admission::Serve(accepted)) = admission else { panic!("{admission:?}") };
        assert_eq!((accepted.snapshot.len(), visits()), (1, usize::from(!can_try)));
        // Why it is refused is found out in the pool.
        log_in().1.unwrap_err();
        assert_eq!(visits(), 1);
        drop(first);
        fs::write(mail.join("alice/new/2.a.h"), "hello\n").unwrap();
        let Ok(Admission::Serve(accepted)) = log_in().1 else { panic!("it was released") };
        assert_eq!((accepted.snapshot.len(), visits()), (2, 1));
    }
}
