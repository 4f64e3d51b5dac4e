//! Mail stores with `async` calls, one value for each session.

mod context;
mod credentials;

pub use context::Context;
pub use credentials::{LoginAttempt, Proof};

use core::future::Future;
use std::io::{self, Cursor, Read as _};
use std::sync::Arc;

use pop3_proto::server::{Accepted, Answer, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use crate::tls::TlsInfo;

/// The mail store of one session, with `async` calls. If the calls of your store block, implement
/// [`Store`](crate::store::Store) instead.
///
/// Dropping the backend ends the session in the store, however the connection ended. It must release the lock on the
/// maildrop and remove nothing.
///
/// # Time
///
/// The driver drops the future of a call in three cases: when its time is up, when the connection is lost, or when a
/// [`Stop`](crate::Stop) cuts the session. A call may take [`Limits::store_timeout`](pop3_proto::server::Limits); a
/// call of the login also ends when the time for the login is up. The [`Context`] of the call tells this to work
/// that continues elsewhere, such as on another thread. After a dropped call, another call on the same backend may
/// follow, except after [`commit`](Self::commit).
///
/// What the client receives when a call is late:
///
/// | call | the client receives |
/// |---|---|
/// | `scram_keys`, `authenticate` | `-ERR [SYS/TEMP]`; not a failed login |
/// | `fetch` | `-ERR [SYS/TEMP]` |
/// | [`StoredMessage::chunk`] | no end of the message: the connection is closed |
/// | `commit` | `-ERR [SYS/TEMP]`, with the text that the outcome is unknown |
///
/// A future of [`commit`](Self::commit) must therefore leave the removal itself to something that is not dropped
/// with the future: a task, a thread of a pool, or a database transaction.
///
/// # Example
///
/// ```
/// use std::io::Cursor;
/// use pop3_driver::backend::{Admission, Backend, Context, LoginAttempt, Proof};
/// use pop3_proto::server::{Accepted, Extent};
/// use pop3_proto::{Deletions, Snapshot, MessageNumber, Rejection};
///
/// /// Every maildrop is empty.
/// struct Empty;
///
/// impl Backend for Empty {
///     type Message = Cursor<Vec<u8>>;
///
///     async fn authenticate(&mut self, attempt: LoginAttempt, _: &Context) -> Result<Admission, Rejection> {
///         match attempt.proof {
///             // A real store would await its database here.
///             Proof::Password(password) if password.same_octets(b"tanstaaf") => {
///                 Ok(Admission::Serve(Accepted::from(Snapshot::new())))
///             }
///             _ => Err(Rejection::credentials()),
///         }
///     }
///
///     async fn fetch(&mut self, _: MessageNumber, _: Extent, _: &Context) -> Result<Self::Message, Rejection> {
///         Err(Rejection::permanent("there is no such message"))
///     }
///
///     async fn commit(&mut self, deletions: Deletions, _: &Context) -> usize {
///         deletions.len() // None of them could be removed.
///     }
/// }
/// ```
pub trait Backend: Send {
    /// The content of a message that is being sent.
    type Message: StoredMessage;

    /// Called when the connection is in TLS, always before [`authenticate`](Self::authenticate). The default does
    /// nothing: the driver itself enforces the rules on passwords without TLS.
    fn secured(&mut self, tls: &Arc<TlsInfo>) {
        let _ = tls;
    }

    /// Returns the SASL mechanisms that this store can verify, in the order of the announcement (RFC 5034). Default:
    /// PLAIN and LOGIN, which need only what PASS needs.
    ///
    /// The driver offers only the mechanisms that the connection allows. Without TLS it offers none that sends a
    /// password or a token, unless the connection is trusted. It offers -PLUS only with channel binding, and
    /// EXTERNAL only if the client presented a certificate.
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    /// Returns the SCRAM keys of a user (RFC 5802 section 3). Return `None` if there is no such user or no key for
    /// this hash; the exchange then continues as with a wrong password. Default: `None`.
    ///
    /// The name is prepared with SASLprep (RFC 4013). Once the client has proved that it knows the password, the
    /// driver calls [`authenticate`](Self::authenticate) with [`Proof::Scram`].
    fn scram_keys(
        &mut self,
        name: &str,
        hash: Hash,
        context: &Context,
    ) -> impl Future<Output = Result<Option<Keys>, Rejection>> + Send {
        let _ = (name, hash, context);
        core::future::ready(Ok(None))
    }

    /// Called when a client did not prove that it knows the password of these keys. Returns what the client is told.
    /// Use it to count failures and to slow down guessing. Must not block. Default: [`Rejection::credentials`].
    ///
    /// Not called for a client that leaves before it sends its proof.
    fn scram_refused(&mut self, name: &str) -> Rejection {
        let _ = name;
        Rejection::credentials()
    }

    /// Returns whether a user may open the maildrop of another (RFC 4422 section 3.4.1). Called only if the two
    /// names differ, before the proof is verified. Default: `false`.
    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        let _ = (user, other);
        false
    }

    /// Checks the credentials, locks the maildrop, and takes the snapshot for the session. It can also have the
    /// connection [taken over](Admission::TakeOver).
    ///
    /// An unknown name and a wrong password must get the same answer and take the same time.
    fn authenticate(
        &mut self,
        attempt: LoginAttempt,
        context: &Context,
    ) -> impl Future<Output = Result<Admission, Rejection>> + Send;

    /// Opens a message of the snapshot on the spot, if that is possible without waiting for anything, such as a disk,
    /// a lock or a network. The driver calls this before [`fetch`](Self::fetch), and calls `fetch` for the same
    /// message if this returns `None`. Default: `None`.
    ///
    /// The driver reads the message with [`StoredMessage::try_read`]. If its first octets can't be read on the spot,
    /// the driver drops it and calls `fetch`, too. Must not block: it would hold up other sessions.
    fn try_fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Option<Result<Self::Message, Rejection>> {
        let _ = (message, extent);
        None
    }

    /// Tells which messages the client has already asked for, completely and in this order, after the one that is
    /// fetched next. Called before [`fetch`](Self::fetch). A backend can prepare them during the same visit to a disk
    /// or a database, and then return them from [`try_fetch`](Self::try_fetch). Must not block. Default: does nothing.
    ///
    /// The list has at most 64 messages, and ends before the first one with 32 KiB or more on the wire. It is not
    /// certain that they will be fetched: some may be marked as deleted, and the session may end before.
    ///
    /// Also called with an empty list, when the session has done all that the client has asked for. The backend can
    /// then drop what it has prepared.
    fn expect(&mut self, messages: &[MessageNumber]) {
        let _ = messages;
    }

    /// Opens a message of the snapshot. The context stays valid while the message is read.
    fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> impl Future<Output = Result<Self::Message, Rejection>> + Send;

    /// Permanently removes these messages and no others, and releases the maildrop so that the next login can open
    /// it. Returns how many messages could not be removed. A message that no longer exists does not count.
    ///
    /// A commit that has started must not be left half done, even if the client does not wait for it. If the
    /// connection is lost, the driver still waits for the commit until its deadline.
    fn commit(&mut self, deletions: Deletions, context: &Context) -> impl Future<Output = usize> + Send;
}

/// What happens after a successful login.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a client is served here or elsewhere")]
pub enum Admission {
    /// The maildrop is open. Contains the snapshot and the settings for this user.
    Serve(Accepted),
    /// The caller takes over the connection, for example to relay it to another server. The driver sends no reply
    /// and returns the connection as a [`TakenOver`](crate::server::TakenOver).
    TakeOver,
}

impl<A: Into<Accepted>> From<A> for Admission {
    fn from(accepted: A) -> Self {
        Self::Serve(accepted.into())
    }
}

impl From<Admission> for Answer {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Serve(accepted) => Self::Accept(accepted),
            Admission::TakeOver => Self::TakeOver,
        }
    }
}

/// A message with fewer octets is short: it may be read before its turn, and wait in memory for it.
pub(crate) const SHORT: usize = 32 * 1024;

/// The content of a message in stored form. Its lines may end with LF or CRLF.
pub trait StoredMessage: Send {
    /// Reads the next octets into the buffer on the spot, if that is possible without waiting for anything. Returns 0
    /// at the end. The driver calls this before [`chunk`](Self::chunk). Octets that were read this way are not
    /// returned again. Must not block: it would hold up other sessions. Default: never possible.
    ///
    /// # Errors
    /// Returns `WouldBlock` if the octets must be waited for. The driver then calls `chunk`. Returns another error
    /// if the rest cannot be read, see `chunk`.
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = buffer;
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Returns the next octets, or none at the end. The whole message must have exactly the size on the wire that
    /// the snapshot promised, or the driver closes the connection.
    ///
    /// # Errors
    /// Returns an error if the rest cannot be read. The driver then closes the connection, so that the client sees
    /// that the message is incomplete.
    fn chunk(&mut self) -> impl Future<Output = io::Result<&[u8]>> + Send;
}

/// A message in memory: returns everything that is left at once.
impl<T: AsRef<[u8]> + Send> StoredMessage for Cursor<T> {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    async fn chunk(&mut self) -> io::Result<&[u8]> {
        let from = usize::try_from(self.position()).unwrap_or(usize::MAX);
        let end = self.get_ref().as_ref().len();
        self.set_position(end as u64);
        Ok(self.get_ref().as_ref().get(from..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;

    #[test]
    fn a_message_in_memory_is_given_once() {
        let mut message = Cursor::new("Subject: hello\n");
        assert_eq!(wait(message.chunk()).unwrap(), b"Subject: hello\n");
        assert!(wait(message.chunk()).unwrap().is_empty());
        message.set_position(u64::MAX);
        assert!(wait(message.chunk()).unwrap().is_empty());
    }
}
