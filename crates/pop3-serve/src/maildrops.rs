//! Maildrops that are not Maildirs: what a store of one's own implements.

mod message;

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use pop3_driver::backend::Context;
use pop3_driver::server::SessionId;
use pop3_proto::server::Extent;
use pop3_proto::{Deletions, MessageNumber, Rejection, Snapshot};

pub use self::message::MaildropMessage;
pub(crate) use self::message::{HeaderFault, Outgoing};
use crate::boxed::BoxFuture;
use crate::users::{User, UserName};

/// A store of maildrops that are not Maildirs, for example in a database. Set it with
/// [`ServeConfig::on`](crate::ServeConfig::on).
///
/// The server checks the credentials, keeps the limits, converts headers for clients without UTF8, counts and logs, as it
/// does for Maildirs. The store only has to open the maildrop of a user who has logged in.
///
/// The futures are polled on the runtime that serves the connections. `tokio` has one for each processor, which ends with
/// the server. A store that needs a runtime of its own, for example for the connections to a database, keeps a handle of
/// it, and leaves the work to its tasks.
///
/// # Example
///
/// A store in memory:
///
/// ```
/// use std::collections::HashMap;
/// use std::io::Cursor;
/// use std::sync::{Arc, Mutex};
///
/// use pop3_serve::backend::Context;
/// use pop3_serve::proto::dots::wire_size;
/// use pop3_serve::proto::server::Extent;
/// use pop3_serve::proto::{Deletions, MessageNumber, Snapshot, UniqueId};
/// use pop3_serve::{
///     BoxFuture, Committed, MaildropError, MaildropLogin, MaildropMessage, Maildrops, OpenMaildrop,
///     OpenedMaildrop, ServeConfig, UserName,
/// };
///
/// /// Of each user the messages with their unique-ids; `None` while a session has them.
/// #[derive(Clone, Debug, Default)]
/// struct Memory(Arc<Mutex<HashMap<UserName, Option<Messages>>>>);
///
/// type Messages = Vec<(String, Vec<u8>)>;
///
/// struct Session {
///     store: Memory,
///     user: UserName,
///     messages: Messages,
/// }
///
/// impl Maildrops for Memory {
///     fn open<'a>(
///         &'a self,
///         login: MaildropLogin,
///         _: &'a Context,
///     ) -> BoxFuture<'a, Result<OpenedMaildrop, MaildropError>> {
///         Box::pin(async move {
///             let mut maildrops = self.0.lock().unwrap();
///             let maildrop = maildrops.get_mut(&login.name).ok_or(MaildropError::Missing)?;
///             let messages = maildrop.take().ok_or(MaildropError::InUse)?;
///             let mut snapshot = Snapshot::new();
///             for (id, message) in &messages {
///                 let id = UniqueId::parse(id.as_bytes());
///                 let id = id.map_err(|error| MaildropError::Permanent(error.to_string()))?;
///                 snapshot.push(wire_size(message), id);
///             }
///             let session = Session { store: self.clone(), user: login.name, messages };
///             Ok(OpenedMaildrop::new(snapshot, session))
///         })
///     }
/// }
///
/// impl OpenMaildrop for Session {
///     fn fetch<'a>(
///         &'a mut self,
///         number: MessageNumber,
///         _: Extent,
///         _: &'a Context,
///     ) -> BoxFuture<'a, Result<MaildropMessage, MaildropError>> {
///         Box::pin(async move {
///             let (_, message) = self.messages.get(number.index()).ok_or(MaildropError::Vanished)?;
///             Ok(MaildropMessage::new(Cursor::new(message.clone())))
///         })
///     }
///
///     fn commit<'a>(
///         mut self: Box<Self>,
///         deletions: &'a Deletions,
///         _: &'a Context,
///     ) -> BoxFuture<'a, Result<Committed, MaildropError>> {
///         Box::pin(async move {
///             let mut index = 0;
///             self.messages.retain(|_| {
///                 let number = MessageNumber::from_index(index);
///                 index += 1;
///                 !number.is_some_and(|number| deletions.contains(number))
///             });
///             Ok(Committed::new())
///         })
///     }
/// }
///
/// impl Drop for Session {
///     /// The lock is released, however the session ends.
///     fn drop(&mut self) {
///         let messages = std::mem::take(&mut self.messages);
///         self.store.0.lock().unwrap().insert(self.user.clone(), Some(messages));
///     }
/// }
///
/// let config = ServeConfig::on(Arc::new(Memory::default())).listen("127.0.0.1:0".parse()?);
/// # let users = Arc::new(pop3_serve::Table::parse(b"")?);
/// # #[cfg(feature = "tokio")]
/// let server = pop3_serve::Server::bind(config, users)?;
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub trait Maildrops: fmt::Debug + Send + Sync + 'static {
    /// Locks the maildrop of this user, and takes the snapshot for the session. Only one session at a time may have a
    /// maildrop open.
    ///
    /// The future may be dropped at any time: when the client leaves, or when the time for the login is up. The lock
    /// must then be released.
    ///
    /// # Errors
    /// Returns why the maildrop is not open. No lock remains.
    fn open<'a>(
        &'a self,
        login: MaildropLogin,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<OpenedMaildrop, MaildropError>>;
}

/// Who has logged in, and what holds for the session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MaildropLogin {
    /// The name of the user, which is also the name of the maildrop.
    pub name: UserName,
    /// The user that was found when the credentials were checked. `None` if there is no record of the user, which is
    /// possible with ANONYMOUS and client certificates.
    pub user: Option<Arc<User>>,
    /// The number of the session, for the log.
    pub session: SessionId,
    /// The minimum time between two logins of the user (RFC 2449 section 6.5), or zero. The server enforces it for the
    /// logins that it has seen itself. A store that several servers share enforces it for all of them, see
    /// [`MaildropError::TooSoon`].
    pub login_delay: Duration,
    /// After how many days [`commit`](OpenMaildrop::commit) removes messages that the client did not delete, see
    /// [`ServeConfig::enforce_expiry`](crate::ServeConfig::enforce_expiry). `None` if it removes none.
    pub expire: Option<u32>,
    /// Whether the client has not asked for UTF8 on a server that offers it, so that it receives headers in ASCII
    /// (RFC 6856 section 2.1). The snapshot must have the sizes with these headers: for a message whose header is not
    /// ASCII, [`pop3_surrogate::surrogate`] returns the one that is sent, unless the header has more than 1 MiB. The
    /// server converts the content, see [`MaildropMessage::with_eight_bit_header`].
    pub ascii_headers: bool,
    /// Whether the login is ANONYMOUS (RFC 4505). The session then changes nothing: do not remember that messages were
    /// retrieved, or that the user has logged in.
    pub read_only: bool,
}

/// A maildrop that was opened.
#[non_exhaustive]
pub struct OpenedMaildrop {
    /// The messages, with their sizes and unique-ids.
    pub snapshot: Snapshot,
    /// The maildrop itself.
    pub maildrop: Box<dyn OpenMaildrop>,
}

/// An open maildrop. Dropping it releases the lock and removes nothing. The drop must not block: leave the rest to a task
/// if it takes longer.
pub trait OpenMaildrop: Send + 'static {
    /// Opens a message on the spot, if that is possible without waiting for anything. Default: `None`. See
    /// [`Backend::try_fetch`](pop3_driver::backend::Backend::try_fetch).
    fn try_fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Option<Result<MaildropMessage, MaildropError>> {
        let _ = (message, extent);
        None
    }

    /// Tells which messages the client has already asked for. Default: does nothing. See
    /// [`Backend::expect`](pop3_driver::backend::Backend::expect).
    fn expect(&mut self, messages: &[MessageNumber]) {
        let _ = messages;
    }

    /// Opens a message of the snapshot. The context stays valid while the message is read. Another call may follow a
    /// future that was dropped.
    ///
    /// # Errors
    /// Returns why the message cannot be sent.
    fn fetch<'a>(
        &'a mut self,
        message: MessageNumber,
        extent: Extent,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<MaildropMessage, MaildropError>>;

    /// Permanently removes these messages, and those that have [expired](MaildropLogin::expire), and no others. Then
    /// releases the lock. What has [begun must not be left half done](pop3_driver::backend::Backend#time), although the
    /// future may be dropped.
    ///
    /// If it is not known whether the messages were removed, stay pending until it is. At the deadline the client is told
    /// that the outcome is unknown.
    ///
    /// # Errors
    /// Returns an error if no message was removed.
    fn commit<'a>(
        self: Box<Self>,
        deletions: &'a Deletions,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Committed, MaildropError>>;
}

/// What a commit has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// How many messages were removed because they have expired.
    pub expired: usize,
    /// The messages that could not be removed, and why, for the log. A message that no longer exists does not count. A
    /// store whose commits are atomic has none.
    pub failures: Vec<(MessageNumber, String)>,
}

/// Why a store did not do what it was asked for. The texts are for the log. The client is told less.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MaildropError {
    /// Another session has the maildrop open.
    InUse,
    /// The user has logged in before, and must wait for so long.
    TooSoon(Duration),
    /// The user has no maildrop.
    Missing,
    /// The message no longer exists.
    Vanished,
    /// It cannot be done now, for example because the database cannot be reached.
    Temporary(String),
    /// It cannot be done until an operator changes something.
    Permanent(String),
}

impl OpenedMaildrop {
    /// Creates it from the snapshot and the maildrop.
    pub fn new(snapshot: Snapshot, maildrop: impl OpenMaildrop) -> Self {
        Self { snapshot, maildrop: Box::new(maildrop) }
    }
}

impl fmt::Debug for OpenedMaildrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedMaildrop").field("messages", &self.snapshot.len()).finish_non_exhaustive()
    }
}

impl Committed {
    /// Creates the report of a commit that has removed what the client deleted, and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`expired`](Self::expired).
    #[must_use]
    pub fn with_expired(self, expired: usize) -> Self {
        Self { expired, ..self }
    }

    /// Sets [`failures`](Self::failures).
    #[must_use]
    pub fn with_failures(self, failures: Vec<(MessageNumber, String)>) -> Self {
        Self { failures, ..self }
    }
}

impl MaildropError {
    /// Whether it is a fault, and not only a maildrop that is in use or a login that comes too soon.
    pub(crate) const fn is_fault(&self) -> bool {
        !matches!(self, Self::InUse | Self::TooSoon(_))
    }

    /// What the client is told who wants to log in.
    pub(crate) fn of_login(&self) -> Rejection {
        match self {
            Self::InUse => Rejection::in_use(),
            Self::TooSoon(wait) => too_soon(*wait),
            Self::Missing | Self::Vanished => Rejection::permanent("there is no maildrop"),
            Self::Temporary(_) => Rejection::temporary("the maildrop can't be opened at the moment"),
            Self::Permanent(_) => Rejection::permanent("the maildrop can't be used"),
        }
    }

    /// What the client is told who wants a message.
    pub(crate) fn of_message(&self) -> Rejection {
        match self {
            Self::Vanished => Rejection::temporary("the message no longer exists"),
            Self::Permanent(_) => Rejection::permanent("the message can't be read"),
            Self::InUse | Self::TooSoon(_) | Self::Missing | Self::Temporary(_) => {
                Rejection::temporary("the message can't be read at the moment")
            }
        }
    }
}

impl fmt::Display for MaildropError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => f.write_str("another session has the maildrop open"),
            Self::TooSoon(wait) => {
                write!(f, "too soon after the last login, wait {} seconds", seconds(*wait))
            }
            Self::Missing => f.write_str("there is no maildrop"),
            Self::Vanished => f.write_str("the message no longer exists"),
            Self::Temporary(text) | Self::Permanent(text) => f.write_str(text),
        }
    }
}

impl core::error::Error for MaildropError {}

/// Refuses a login that comes too soon.
pub(crate) fn too_soon(wait: Duration) -> Rejection {
    Rejection::login_delay().with_text(MaildropError::TooSoon(wait).to_string())
}

/// Whole seconds, rounded up.
const fn seconds(wait: Duration) -> u128 {
    wait.as_millis().div_ceil(1_000)
}
