//! Mail stores whose calls block, and the adapter that makes them a [`Backend`].

mod locks;
mod pooled;
mod service;
mod shared;
mod size;

pub use locks::{Locks, MaildropLock};
pub use pooled::{Chunks, Pooled};
pub use service::StoreService;
pub use size::wire_size;

use core::future::Future;
use core::panic::AssertUnwindSafe;
use std::io::{self, Read};
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use crate::backend::{Admission, Backend, Context, LoginAttempt};
use crate::server::Peer;
use crate::tls::TlsInfo;

/// A mail store whose calls block, for example on files or a database. One value serves all sessions.
///
/// For a store whose calls are `async`, implement [`Backend`]. [`Blocking`] turns a `Store` into a `Backend`, and
/// [`StoreService`] serves it.
///
/// Adapters re-export what the example imports: with `pop3-tokio`, `pop3_driver::store` is `pop3_tokio::store`, and
/// `pop3_proto` is `pop3_tokio::proto`.
///
/// # Example
///
/// A store with one fixed message:
///
/// ```
/// use std::io::Cursor;
/// use pop3_driver::backend::{Context, LoginAttempt};
/// use pop3_driver::server::Peer;
/// use pop3_driver::store::{Maildrop, Store};
/// use pop3_proto::server::{Accepted, Extent};
/// use pop3_proto::{Deletions, MessageNumber, Rejection, Snapshot, UniqueId, dots};
///
/// const WELCOME: &[u8] = b"Subject: welcome\n\nHello!\n";
///
/// struct Fixed;
/// struct Open;
///
/// impl Store for Fixed {
///     type Maildrop = Open;
///
///     fn open(&self, attempt: &LoginAttempt, _: &Peer, _: &Context) -> Result<(Accepted, Open), Rejection> {
///         if !attempt.prove(b"tanstaaf") {
///             return Err(Rejection::credentials());
///         }
///         let mut snapshot = Snapshot::new();
///         // The size on the wire, with CRLF line ends.
///         snapshot.push(dots::wire_size(WELCOME), UniqueId::parse(b"welcome")?);
///         Ok((Accepted::from(snapshot), Open))
///     }
/// }
///
/// impl Maildrop for Open {
///     type Message = Cursor<&'static [u8]>;
///
///     fn fetch(&mut self, _: MessageNumber, _: Extent, _: &Context) -> Result<Self::Message, Rejection> {
///         Ok(Cursor::new(WELCOME))
///     }
///
///     fn commit(self, deletions: &Deletions, _: &Context) -> usize {
///         deletions.len() // None of them could be removed.
///     }
/// }
/// ```
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
    /// Returns the rejection that the client is told.
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

    /// See [`Backend::scram_refused`]. Must not block.
    fn scram_refused(&self, name: &str, peer: &Peer) -> Rejection {
        let _ = (name, peer);
        Rejection::credentials()
    }

    /// See [`Backend::may_act_for`]. Must not block.
    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        let _ = (user, other);
        false
    }

    /// Checks the credentials, locks the maildrop, and takes the snapshot for the session.
    ///
    /// An unknown name and a wrong password must get the same answer and take the same time;
    /// [`LoginAttempt::verify`] does that for passwords in clear text. [`Locks`] keeps the locks of one process.
    ///
    /// # Errors
    /// Returns the rejection that the client is told.
    fn open(
        &self,
        attempt: &LoginAttempt,
        peer: &Peer,
        context: &Context,
    ) -> Result<(Accepted, Self::Maildrop), Rejection>;
}

/// An open maildrop. Dropping it releases the lock and removes nothing.
pub trait Maildrop: Send + 'static {
    /// A message, in stored form.
    type Message: Read + Send + 'static;

    /// Opens a message of the snapshot on the spot, if that is possible without blocking, or returns `None`. Default:
    /// `None`.
    ///
    /// Called on the thread that serves the session and many others, so it must never wait for a disk, a lock or a
    /// network. It saves the way to the pool: see [`Backend::try_fetch`]. If it returns `None`,
    /// [`fetch`](Self::fetch) is called for the same message, in the pool.
    fn try_fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Option<Result<Self::Message, Rejection>> {
        let _ = (message, extent);
        None
    }

    /// Reads the next octets of a message on the spot, if that is possible without blocking. Returns 0 at the end.
    /// Octets that were read this way are not read again by [`Read::read`]. Called like
    /// [`try_fetch`](Self::try_fetch), also for messages that [`fetch`](Self::fetch) has opened. Default: never
    /// possible.
    ///
    /// # Errors
    /// Returns `WouldBlock` if the call would block. [`Read::read`] is then called in the pool. Returns another error
    /// if the message can't be read.
    fn try_read(message: &mut Self::Message, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = (message, buffer);
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Opens a message of the snapshot. The context stays valid while the message is read.
    ///
    /// # Errors
    /// Returns the rejection that the client is told.
    fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<Self::Message, Rejection>;

    /// Returns whether [`commit`](Self::commit) with these marks does not block: usually because there is nothing to
    /// remove, and the lock can be released without waiting. `commit` is then called on the thread that serves the
    /// session and many others. Must not block. Default: `false`.
    fn commits_on_the_spot(&self, deletions: &Deletions) -> bool {
        let _ = deletions;
        false
    }

    /// Permanently removes these messages and no others, and releases the lock. Returns how many messages could not
    /// be removed. A message that no longer exists does not count.
    ///
    /// This call runs to completion even if the client has left.
    fn commit(self, deletions: &Deletions, context: &Context) -> usize;
}

/// A place to run blocking calls, such as a thread pool. Each adapter has one.
pub trait BlockingPool: Clone + Send + Sync + 'static {
    /// Runs the call where it may block, and returns its result. If the future is dropped, the call still runs to
    /// completion.
    ///
    /// # Errors
    /// Returns an error if the pool is shut down.
    fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = io::Result<T>> + Send;

    /// Returns the current time, by which a call in the pool knows how long it has taken. Default: the time of the
    /// system. A simulation has a time of its own.
    fn now(&self) -> Instant {
        Instant::now()
    }
}

/// A pool for servers with a thread for each session: runs the call immediately, on the same thread.
///
/// Nothing can interrupt a call that blocks the thread of its session. While the store hangs, so does the session: the
/// deadline for calls of the store, the end of the connection, and the cut of a server do not take effect, and the
/// session keeps its place among the connections. Use `Inline` only for a store that always answers, for example one
/// in memory. For a disk or a database that may hang, use a pool with other threads, such as `Threads` of `pop3-std`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Inline;

impl BlockingPool for Inline {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        Ok(call())
    }
}

/// Makes a blocking [`Store`] the [`Backend`] of one session.
///
/// The whole login is one call in the pool, including the check of the credentials. If that check is slow, it
/// occupies a thread of the pool; see [`Pooled`] for an alternative.
#[derive(Debug)]
pub struct Blocking<S: Store, P> {
    store: Arc<S>,
    peer: Peer,
    maildrop: Pooled<S::Maildrop, P>,
}

impl<S: Store, P: BlockingPool> Blocking<S, P> {
    /// Creates the backend of a session with this peer.
    pub fn new(store: Arc<S>, pool: P, peer: Peer) -> Self {
        Self { store, peer, maildrop: Pooled::new(pool) }
    }
}

impl<S: Store, P: BlockingPool> Backend for Blocking<S, P> {
    type Message = Chunks<S::Maildrop, P>;

    fn secured(&mut self, tls: &Arc<TlsInfo>) {
        self.peer.tls = Some(Arc::clone(tls));
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
        attempt: LoginAttempt,
        context: &Context,
    ) -> Result<Admission, Rejection> {
        let (store, peer, context) = (Arc::clone(&self.store), self.peer.clone(), context.clone());
        self.maildrop.open(move || store.open(&attempt, &peer, &context)).await.map(Admission::Serve)
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

/// Runs a call in the pool. If the call panics, the panic continues here, whatever the pool does with panics. It
/// ends this session and no other.
async fn run<P: BlockingPool, T: Send + 'static>(
    pool: &P,
    call: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    match pool.run(move || Outcome(catch_unwind(AssertUnwindSafe(call)))).await? {
        Outcome(Ok(value)) => Ok(value),
        Outcome(Err(panic)) => resume_unwind(panic),
    }
}

/// What a call returned, or its panic. A type of its own, because Rust 1.89 can't prove that the future of a
/// [`BlockingPool`] is `Send` if its output names a trait object.
struct Outcome<T>(thread::Result<T>);

fn fault() -> Rejection {
    Rejection::temporary("the maildrop can't be read at the moment")
}
