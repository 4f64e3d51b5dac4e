//! Listings: whole, or line by line.

use pop3_proto::client::ReplyItem;
use pop3_proto::{Command, MessageNumber, Octets};

use super::sizes::Sizes;
use super::{Client, ClientError};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// The sizes of all messages by the server's count: hints (LIST).
    ///
    /// This takes 16 octets of memory for each message; [`list_each`](Self::list_each) leaves that to
    /// the caller.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list(&mut self) -> Result<Vec<(MessageNumber, Octets)>, ClientError> {
        let mut sizes = Vec::new();
        self.list_each(|message, octets| sizes.push((message, octets))).await?;
        Ok(sizes)
    }

    /// Hands over the size of each message as its line of LIST comes: the server's count, a hint.
    ///
    /// The numbers need not be in order, and one may come twice. What was handed over is the whole
    /// listing only when this returns without error. The client itself keeps 4 octets for each
    /// message, to notice sizes that are wrong.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list_each(
        &mut self,
        mut take: impl FnMut(MessageNumber, Octets),
    ) -> Result<(), ClientError> {
        let mut sizes = Sizes::default();
        self.call(&Command::List(None), |entry| {
            if let ReplyItem::Scan(listing) = entry {
                sizes.insert(listing.message, listing.octets);
                take(listing.message, listing.octets);
            }
            Ok(())
        })
        .await?;
        self.sizes = sizes;
        Ok(())
    }

    /// The unique-ids of all messages (UIDL).
    ///
    /// They are the server's octets: compare them, but don't make paths of them. A server may give
    /// two messages the same. This takes about 100 octets of memory for each message;
    /// [`uidl_each`](Self::uidl_each) leaves that to the caller.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn uidl(&mut self) -> Result<Vec<(MessageNumber, Vec<u8>)>, ClientError> {
        let mut uids = Vec::new();
        self.uidl_each(|message, uid| uids.push((message, uid.to_vec()))).await?;
        Ok(uids)
    }

    /// Hands over the unique-id of each message as its line of UIDL comes, without keeping any. A
    /// maildrop of a million messages is listed in the memory that the caller needs for what it wants
    /// to know of them.
    ///
    /// The numbers need not be in order, and one may come twice. What was handed over is the whole
    /// listing only when this returns without error.
    ///
    /// ```
    /// use std::collections::HashSet;
    /// use pop3_driver::{Transport, client::{Client, ClientError}};
    /// use pop3_proto::MessageNumber;
    ///
    /// /// The messages that are new, by the unique-ids of those that are known.
    /// async fn new<T: Transport>(
    ///     client: &mut Client<T>,
    ///     known: &HashSet<Vec<u8>>,
    /// ) -> Result<Vec<MessageNumber>, ClientError> {
    ///     let mut new = Vec::new();
    ///     client
    ///         .uidl_each(|message, uid| {
    ///             if !known.contains(uid) {
    ///                 new.push(message);
    ///             }
    ///         })
    ///         .await?;
    ///     Ok(new)
    /// }
    /// ```
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn uidl_each(&mut self, mut take: impl FnMut(MessageNumber, &[u8])) -> Result<(), ClientError> {
        self.call(&Command::Uidl(None), |entry| {
            if let ReplyItem::UniqueId(listing) = entry {
                take(listing.message, listing.uid);
            }
            Ok(())
        })
        .await
    }
}
