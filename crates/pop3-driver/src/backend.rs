//! What a store gives, one session at a time.

use core::future::Future;
use std::io;

use pop3_proto::server::{Accepted, Credentials, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};

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
