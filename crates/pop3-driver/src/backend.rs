//! What a store gives, one session at a time.

mod context;
mod credentials;

pub use context::Context;
pub use credentials::{Credentials, Proof};

use core::future::Future;
use std::io::{self, Cursor};

use pop3_proto::server::{Accepted, Answer, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use crate::tls::TlsInfo;

/// The store of one session, for stores that await. (For those that block, see
/// [`Store`](crate::store::Store).)
///
/// Dropping the backend ends the session in the store, however it ended on the network: the lock on
/// the maildrop is released, and nothing is removed.
///
/// # Time
///
/// A call may take [`Limits::store_timeout`](pop3_proto::server::Limits), or until the client must have logged in;
/// after that, when the connection is lost, and when a [`Stop`](crate::Stop) cuts the session, the driver drops its
/// future. The [`Context`] of the call says so to whatever goes on elsewhere. Another call on the same backend may
/// follow, but behind [`commit`](Self::commit). What a late call comes to:
///
/// | call | the client gets |
/// |---|---|
/// | `scram_keys`, `authenticate` | `-ERR [SYS/TEMP]`; not a failed login |
/// | `fetch` | `-ERR [SYS/TEMP]` |
/// | [`Message::chunk`] | the connection cut: the message has no end |
/// | `commit` | `-ERR [SYS/TEMP]`, which says that the outcome is not known |
///
/// So a future of [`commit`](Self::commit) has to leave the removal itself to something that is not dropped with
/// it: a task, a thread of a pool, a transaction that is whole or not at all.
pub trait Backend: Send {
    /// A message on its way out.
    type Message: Message;

    /// The connection is in TLS now. This comes before [`authenticate`](Self::authenticate), or
    /// never. Default: nothing is done, as the rules on plaintext are not the store's.
    fn secured(&mut self, tls: &TlsInfo) {
        let _ = tls;
    }

    /// The mechanisms of AUTH that this store can verify, in the order of the announcement. Default:
    /// PLAIN and LOGIN, which need no more than PASS does.
    ///
    /// What the connection does not allow is not offered: mechanisms that send a password or a token
    /// without TLS (unless the connection is trusted), -PLUS without channel binding, EXTERNAL without a
    /// client's certificate.
    fn mechanisms(&self) -> Vec<Mechanism> {
        vec![Mechanism::Plain, Mechanism::Login]
    }

    /// The keys of a user for SCRAM, `None` where there is no such user, or none for this hash: the
    /// exchange then goes on as with a wrong password. Default: none.
    ///
    /// The name is prepared by SASLprep. Who has proved to have the keys' password is then given to
    /// [`authenticate`](Self::authenticate), with [`Proof::Scram`].
    fn scram_keys(
        &mut self,
        name: &str,
        hash: Hash,
        context: &Context,
    ) -> impl Future<Output = Result<Option<Keys>, Rejection>> + Send {
        let _ = (name, hash, context);
        core::future::ready(Ok(None))
    }

    /// Who asked for these keys has not proved to know their password. The answer is what the client is
    /// told, for stores that count failures and slow down who guesses. It must not block. Default:
    /// [`Rejection::credentials`].
    ///
    /// A client that goes away before it proves anything is not told of here.
    fn scram_refused(&mut self, name: &str) -> Rejection {
        let _ = name;
        Rejection::credentials()
    }

    /// Whether a user may open another's maildrop (RFC 4422 section 3.4.1). Asked only when they differ,
    /// and before the proof is verified. Default: no.
    fn may_act_for(&self, user: &[u8], other: &[u8]) -> bool {
        let _ = (user, other);
        false
    }

    /// Checks the credentials, locks the maildrop, and makes the snapshot. Or has the connection
    /// [taken over](Admission::TakeOver).
    ///
    /// An unknown name and a wrong password must look the same and cost the same.
    fn authenticate(
        &mut self,
        credentials: Credentials,
        context: &Context,
    ) -> impl Future<Output = Result<Admission, Rejection>> + Send;

    /// Opens a message of the snapshot. The context holds for the message, too.
    fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> impl Future<Output = Result<Self::Message, Rejection>> + Send;

    /// Removes these messages and no other, for good, and releases the maildrop, so that the next
    /// login finds it free. Returns how many could not be removed; those that were gone already do
    /// not count.
    ///
    /// A commit that has begun is never to be left half done, however little the client waits for it. It is
    /// waited for when the connection is lost, up to its deadline.
    fn commit(&mut self, deletions: Deletions, context: &Context) -> impl Future<Output = usize> + Send;
}

/// What becomes of a client who is who he says.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a client is served here or elsewhere")]
pub enum Admission {
    /// His maildrop is open: here is the snapshot, and what holds for him.
    Serve(Accepted),
    /// Somebody else goes on with the connection from here, as a relay to another server: the driver sends no reply,
    /// and hands the connection out as a [`TakenOver`](crate::server::TakenOver).
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

/// The content of a message in stored form: lines end in LF or CRLF.
pub trait Message: Send {
    /// The next octets, none at the end. As many as the snapshot's size promised must come, in wire
    /// form, or the connection is cut.
    ///
    /// # Errors
    /// When the rest can't be had. The connection is cut then, so that the client sees the message
    /// as incomplete.
    fn chunk(&mut self) -> impl Future<Output = io::Result<&[u8]>> + Send;
}

/// A message that is in memory: all that is left of it comes at once.
impl<T: AsRef<[u8]> + Send> Message for Cursor<T> {
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
