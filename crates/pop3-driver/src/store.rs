//! Stores that block, and how they become backends.

use core::future::Future;
use core::panic::AssertUnwindSafe;
use std::io::{self, Read};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;

use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use crate::backend::{Backend, Credentials, Message};
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
    fn scram_keys(&self, name: &str, hash: Hash, peer: &Peer) -> Result<Option<Keys>, Rejection> {
        let _ = (name, hash, peer);
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
    fn open(&self, credentials: &Credentials, peer: &Peer) -> Result<(Accepted, Self::Maildrop), Rejection>;
}

/// An open maildrop. Dropping it releases the lock and removes nothing.
pub trait Maildrop: Send + 'static {
    /// A message, in stored form.
    type Message: Read + Send + 'static;

    /// Opens a message of the snapshot.
    ///
    /// # Errors
    /// What the client is told.
    fn fetch(&mut self, message: MessageNumber, extent: Extent) -> Result<Self::Message, Rejection>;

    /// Removes these messages and no other, for good, and releases the lock. Returns how many could
    /// not be removed; those that were gone already do not count.
    fn commit(self, deletions: &Deletions) -> usize;
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

/// The most octets that are read of a message at a time.
const CHUNK: usize = 64 * 1024;

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
    pub const fn new(store: Arc<S>, pool: P, peer: Peer) -> Self {
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

    async fn scram_keys(&mut self, name: &str, hash: Hash) -> Result<Option<Keys>, Rejection> {
        let (store, name, peer) = (Arc::clone(&self.store), name.to_owned(), self.peer.clone());
        let call = move || store.scram_keys(&name, hash, &peer);
        run(&self.maildrop.pool, call).await.map_err(|_| fault())?
    }

    fn scram_refused(&mut self, name: &str) -> Rejection {
        self.store.scram_refused(name, &self.peer)
    }

    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        self.store.may_act_for(user, other)
    }

    async fn authenticate(&mut self, credentials: Credentials) -> Result<Accepted, Rejection> {
        let (store, peer) = (Arc::clone(&self.store), self.peer.clone());
        self.maildrop.open(move || store.open(&credentials, &peer)).await
    }

    async fn fetch(&mut self, message: MessageNumber, extent: Extent) -> Result<Self::Message, Rejection> {
        self.maildrop.fetch(message, extent).await
    }

    async fn commit(&mut self, deletions: Deletions) -> usize {
        self.maildrop.commit(deletions).await
    }
}

/// The maildrop of one session, whose calls are made in a pool: for a [`Backend`] that awaits the check of the
/// credentials, and then opens a maildrop that blocks.
#[derive(Debug)]
pub struct Pooled<M, P> {
    pool: P,
    maildrop: Option<M>,
}

impl<M: Maildrop, P: Pool> Pooled<M, P> {
    /// No maildrop yet.
    pub const fn new(pool: P) -> Self {
        Self { pool, maildrop: None }
    }

    /// Opens the maildrop by this call.
    ///
    /// # Errors
    /// What the client is told.
    ///
    /// # Panics
    /// When the call does.
    pub async fn open(
        &mut self,
        open: impl FnOnce() -> Result<(Accepted, M), Rejection> + Send + 'static,
    ) -> Result<Accepted, Rejection> {
        let (accepted, maildrop) = run(&self.pool, open).await.map_err(|_| fault())??;
        self.maildrop = Some(maildrop);
        Ok(accepted)
    }

    /// See [`Backend::fetch`].
    ///
    /// # Errors
    /// What the client is told.
    ///
    /// # Panics
    /// When the maildrop does.
    pub async fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Result<Chunks<M::Message, P>, Rejection> {
        let mut maildrop = self.maildrop.take().ok_or_else(fault)?;
        // Opening, the first octets and, for a small message, the end: one visit to the pool.
        let call = move || {
            let first = maildrop.fetch(message, extent).map(|reader| {
                let mut source = Source { reader, chunk: Vec::new(), ended: false };
                source.advance().map(|()| source)
            });
            (maildrop, first)
        };
        let (maildrop, first) = run(&self.pool, call).await.map_err(|_| fault())?;
        self.maildrop = Some(maildrop);
        // Nothing was sent yet: a fault at the very beginning can still be told.
        let source = first?.map_err(|_| fault())?;
        Ok(Chunks { source: Some(source), fresh: true, pool: self.pool.clone() })
    }

    /// See [`Backend::commit`].
    ///
    /// # Panics
    /// When the maildrop does.
    pub async fn commit(&mut self, deletions: Deletions) -> usize {
        let marked = deletions.len();
        let Some(maildrop) = self.maildrop.take() else { return marked };
        run(&self.pool, move || maildrop.commit(&deletions)).await.unwrap_or(marked)
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

/// A message that is read in a pool, chunk by chunk.
#[derive(Debug)]
pub struct Chunks<R, P> {
    source: Option<Source<R>>,
    fresh: bool,
    pool: P,
}

#[derive(Debug)]
struct Source<R> {
    reader: R,
    chunk: Vec<u8>,
    ended: bool,
}

impl<R: Read> Source<R> {
    /// Replaces the chunk by the next octets.
    fn advance(&mut self) -> io::Result<()> {
        self.chunk.clear();
        self.ended = self.reader.by_ref().take(CHUNK as u64).read_to_end(&mut self.chunk)? < CHUNK;
        Ok(())
    }
}

impl<R: Read + Send + 'static, P: Pool> Message for Chunks<R, P> {
    async fn chunk(&mut self) -> io::Result<&[u8]> {
        let broken = || io::Error::other("the message was read on after a fault");
        if self.fresh {
            self.fresh = false;
        } else {
            let mut source = self.source.take().ok_or_else(broken)?;
            if source.ended {
                source.chunk.clear();
                self.source = Some(source);
            } else {
                let call = move || source.advance().map(|()| source);
                self.source = Some(run(&self.pool, call).await??);
            }
        }
        self.source.as_ref().map(|source| &*source.chunk).ok_or_else(broken)
    }
}
