//! A session's store: credentials are checked by the gatekeeper, who awaits it; then the Maildir is opened
//! where calls may block.

use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt};
use pop3_driver::server::Peer;
use pop3_driver::store::{BlockingPool, Chunks, Pooled};
use pop3_driver::tls::TlsInfo;
use pop3_proto::server::Extent;
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};
use tracing::info;

use super::counters::{LimitHit, LoginOutcome};
use super::gate::{ip, is_of_limit, mechanism};
use super::store::{MailStore, OpenMaildir};

/// The store of one session.
#[derive(Debug)]
pub(super) struct Guarded<P> {
    store: Arc<MailStore>,
    maildrop: Pooled<OpenMaildir, P>,
    /// Who is not logged in yet. After the login, nobody asks any more.
    guest: Option<Box<Guest>>,
}

/// A client before the login.
#[derive(Debug)]
struct Guest {
    peer: Peer,
    /// When the client must have logged in.
    until: Instant,
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
        Self { store, maildrop: Pooled::new(pool), guest: Some(Box::new(Guest { peer, until })) }
    }

    /// The client before the login. The session does not ask about credentials after it.
    fn guest(&self) -> Result<&Guest, Rejection> {
        self.guest.as_deref().ok_or_else(|| Rejection::temporary("internal error"))
    }
}

impl<P: BlockingPool> Backend for Guarded<P> {
    type Message = Chunks<OpenMaildir, P>;

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
        let Guest { peer, until } = self.guest()?;
        let keys = self.store.gatekeeper().scram_keys(name, hash, peer, *until).await;
        keys.map(Some).inspect_err(|rejection| count_refusal(&self.store, "SCRAM", rejection, None))
    }

    fn scram_refused(&mut self, name: &str) -> Rejection {
        match self.guest() {
            Ok(guest) => {
                self.store.counters().login("SCRAM", LoginOutcome::Refused, None);
                self.store.gatekeeper().scram_refused(name, &guest.peer)
            }
            Err(rejection) => rejection,
        }
    }

    fn may_act_for(&self, _user: &[u8], _other: &[u8]) -> bool {
        // Nobody is allowed. The gatekeeper refuses, counts the failure and logs it.
        true
    }

    async fn authenticate(
        &mut self,
        attempt: LoginAttempt,
        _context: &Context,
    ) -> Result<Admission, Rejection> {
        let attempt = Arc::new(attempt);
        let begun = Instant::now();
        let method = mechanism(&attempt);
        let count = |store: &MailStore, outcome| {
            store.counters().login(method, outcome, Some(begun.elapsed()));
        };
        let Guest { peer, until } = self.guest()?;
        let session = peer.session;
        let checked = self.store.gatekeeper().check(&attempt, peer, *until).await;
        let user = checked.inspect_err(|rejection| {
            count_refusal(&self.store, method, rejection, Some(begun.elapsed()));
        })?;
        let name = user.name.clone();
        let accepted = if let Some((accepted, maildrop)) = self.store.try_open(&user, &attempt, session) {
            self.maildrop.opened(maildrop);
            accepted
        } else {
            let store = Arc::clone(&self.store);
            let opened = self.maildrop.open(move || store.open(user, &attempt, session)).await;
            opened.inspect_err(|_| count(&self.store, LoginOutcome::NotOpened))?
        };
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
        self.maildrop.try_fetch(message, extent)
    }

    fn expect(&mut self, messages: &[MessageNumber]) {
        self.maildrop.expect(messages);
    }

    async fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<Self::Message, Rejection> {
        self.maildrop.fetch(message, extent, context).await
    }

    async fn commit(&mut self, deletions: Deletions, context: &Context) -> usize {
        self.maildrop.commit(deletions, context).await
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::{fs, io};

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
        let store =
            Arc::new(MailStore::new(mail.clone(), gatekeeper.into(), MechanismOffer::default(), places));

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
