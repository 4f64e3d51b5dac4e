//! Stores that block, and how they become backends.

mod pooled;

pub use pooled::{Chunks, Pooled};

use core::future::Future;
use core::panic::AssertUnwindSafe;
use std::io::{self, Read};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;

use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use crate::backend::{Admission, Backend, Context, Credentials};
use crate::server::Peer;
use crate::tls::TlsInfo;

/// A store whose calls block: files, most of all. One value serves all sessions.
pub trait Store: Send + Sync + 'static {
    /// An open maildrop.
    type Maildrop: Maildrop;

    /// See [`Backend::mechanisms`].
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    /// See [`Backend::scram_keys`].
    ///
    /// # Errors
    /// What the client is told.
    fn scram_keys(
        &self,
        name: &str,
        hash: Hash,
        peer: &Peer,
        context: &Context,
    ) -> Result<Option<Keys>, Rejection> {
        let _ = (name, hash, peer, context);
        Ok(None)
    }

    /// See [`Backend::scram_refused`]. It must not block.
    fn scram_refused(&self, name: &str, peer: &Peer) -> Rejection {
        let _ = (name, peer);
        Rejection::credentials()
    }

    /// See [`Backend::may_act_for`]. It must not block.
    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        let _ = (user, other);
        false
    }

    /// Checks the credentials, locks the maildrop, and makes the snapshot.
    ///
    /// An unknown name and a wrong password must look the same and cost the same.
    ///
    /// # Errors
    /// What the client is told.
    fn open(
        &self,
        credentials: &Credentials,
        peer: &Peer,
        context: &Context,
    ) -> Result<(Accepted, Self::Maildrop), Rejection>;
}

/// An open maildrop. Dropping it releases the lock and removes nothing.
pub trait Maildrop: Send + 'static {
    /// A message, in stored form.
    type Message: Read + Send + 'static;

    /// Opens a message of the snapshot. The context holds for the message, too.
    ///
    /// # Errors
    /// What the client is told.
    fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<Self::Message, Rejection>;

    /// Removes these messages and no other, for good, and releases the lock. Returns how many could
    /// not be removed; those that were gone already do not count.
    ///
    /// It runs to its end, whoever has left meanwhile.
    fn commit(self, deletions: &Deletions, context: &Context) -> usize;
}

/// Where blocking calls are made.
pub trait Pool: Clone + Send + Sync + 'static {
    /// Runs the call where it may block, and returns what it returned. If the future is dropped, the
    /// call still runs to its end.
    ///
    /// # Errors
    /// When the pool is shut down.
    fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = io::Result<T>> + Send;
}

/// The pool of blocking servers: the call is made at once, on the same thread.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Inline;

impl Pool for Inline {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        Ok(call())
    }
}

/// A blocking store as the [`Backend`] of one session.
///
/// All of a login is done in one visit to the pool, the check of the credentials included. A store whose
/// checks take long keeps threads of the pool from other sessions by that; see [`Pooled`].
#[derive(Debug)]
pub struct Blocking<S: Store, P> {
    store: Arc<S>,
    peer: Peer,
    maildrop: Pooled<S::Maildrop, P>,
}

impl<S: Store, P: Pool> Blocking<S, P> {
    /// The backend of a session with this peer.
    pub fn new(store: Arc<S>, pool: P, peer: Peer) -> Self {
        Self { store, peer, maildrop: Pooled::new(pool) }
    }
}

impl<S: Store, P: Pool> Backend for Blocking<S, P> {
    type Message = Chunks<<S::Maildrop as Maildrop>::Message, P>;

    fn secured(&mut self, tls: &TlsInfo) {
        self.peer.tls = Some(tls.clone());
    }

    fn mechanisms(&self) -> Vec<Mechanism> {
        self.store.mechanisms()
    }

    async fn scram_keys(
        &mut self,
        name: &str,
        hash: Hash,
        context: &Context,
    ) -> Result<Option<Keys>, Rejection> {
        let (store, name, peer) = (Arc::clone(&self.store), name.to_owned(), self.peer.clone());
        let context = context.clone();
        let call = move || store.scram_keys(&name, hash, &peer, &context);
        run(&self.maildrop.pool, call).await.map_err(|_| fault())?
    }

    fn scram_refused(&mut self, name: &str) -> Rejection {
        self.store.scram_refused(name, &self.peer)
    }

    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        self.store.may_act_for(user, other)
    }

    async fn authenticate(
        &mut self,
        credentials: Credentials,
        context: &Context,
    ) -> Result<Admission, Rejection> {
        let (store, peer, context) = (Arc::clone(&self.store), self.peer.clone(), context.clone());
        self.maildrop.open(move || store.open(&credentials, &peer, &context)).await.map(Admission::Serve)
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

/// Makes a call in the pool. If it panics, the panic goes on here, whatever the pool does with panics: it ends
/// the session, and no other.
async fn run<P: Pool, T: Send + 'static>(
    pool: &P,
    call: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    match pool.run(move || catch_unwind(AssertUnwindSafe(call))).await? {
        Ok(value) => Ok(value),
        Err(panic) => resume_unwind(panic),
    }
}

fn fault() -> Rejection {
    Rejection::temporary("the maildrop can't be read now")
}
