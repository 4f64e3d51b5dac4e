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

impl<P: BlockingPool> Guarded<P> {
    /// For a session with this peer, which begins now.
    pub(super) fn new(store: Arc<MailStore>, pool: P, peer: Peer, login_timeout: Duration) -> Self {
        let until = Instant::now() + login_timeout.min(LONG);
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
        self.store.gatekeeper().scram_keys(name, hash, peer, *until).await.map(Some)
    }

    fn scram_refused(&mut self, name: &str) -> Rejection {
        match self.guest() {
            Ok(guest) => self.store.gatekeeper().scram_refused(name, &guest.peer),
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
        let Guest { peer, until } = self.guest()?;
        let user = self.store.gatekeeper().check(&attempt, peer, *until).await?;
        let store = Arc::clone(&self.store);
        let accepted = self.maildrop.open(move || store.open(user, &attempt)).await?;
        self.guest = None;
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
