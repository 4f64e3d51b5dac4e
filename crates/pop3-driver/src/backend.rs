//! What a store gives, one session at a time.

mod credentials;

pub use credentials::{Credentials, Proof};

use core::future::Future;
use std::io;

use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_sasl::Mechanism;
use pop3_sasl::scram::{Hash, Keys};

use crate::tls::TlsInfo;

/// The store of one session, for stores that await. (For those that block, see
/// [`Store`](crate::store::Store).)
///
/// Dropping the backend ends the session in the store, however it ended on the network: the lock on
/// the maildrop is released, and nothing is removed.
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
    ) -> impl Future<Output = Result<Option<Keys>, Rejection>> + Send {
        let _ = (name, hash);
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

    /// Checks the credentials, locks the maildrop, and makes the snapshot.
    ///
    /// An unknown name and a wrong password must look the same and cost the same.
    fn authenticate(
        &mut self,
        credentials: Credentials,
    ) -> impl Future<Output = Result<Accepted, Rejection>> + Send;

    /// Opens a message of the snapshot.
    fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> impl Future<Output = Result<Self::Message, Rejection>> + Send;

    /// Removes these messages and no other, for good, and releases the maildrop, so that the next
    /// login finds it free. Returns how many could not be removed; those that were gone already do
    /// not count.
    fn commit(&mut self, deletions: Deletions) -> impl Future<Output = usize> + Send;
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
