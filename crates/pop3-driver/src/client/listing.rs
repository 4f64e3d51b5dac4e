//! Listings: whole, or line by line.

use pop3_proto::client::ReplyItem;
use pop3_proto::{Command, MessageNumber, Octets};

use super::sizes::Sizes;
use super::{Client, ClientError, Refusal};
use crate::transport::Transport;

/// A line of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the two listings of POP3")]
pub enum ListingRow<'a> {
    /// A line of LIST: the size of a message in octets.
    Size(MessageNumber, Octets),
    /// A line of UIDL: the unique-id of a message.
    UniqueId(MessageNumber, &'a [u8]),
}

impl<T: Transport> Client<T> {
    /// Returns the size of each message in octets, as the server counts it (LIST, RFC 1939 section 5). The sizes are
    /// hints.
    ///
    /// This needs 16 octets of memory for each message. [`list_each`](Self::list_each) does not keep the list.
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

    /// Calls a function with the size of each message, as each line of LIST arrives. The sizes are as the server
    /// counts them, and only hints.
    ///
    /// The numbers may be out of order or repeated. The listing is complete only if this returns without an error.
    /// The client keeps 4 octets for each message, to detect wrong sizes.
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

    /// Returns the unique-ids of all messages (UIDL, RFC 1939 section 7).
    ///
    /// The octets come from the server. Compare them, but do not use them in paths. A server may give the same
    /// unique-id to two messages. This needs about 100 octets of memory for each message.
    /// [`uidl_each`](Self::uidl_each) does not keep the list.
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

    /// Calls a function with the unique-id of each message, as each line of UIDL arrives. The client keeps none of
    /// them, so even a maildrop with a million messages needs only the memory that the caller uses.
    ///
    /// The numbers may be out of order or repeated. The listing is complete only if this returns without an error.
    ///
    /// ```
    /// use std::collections::HashSet;
    /// use pop3_driver::{Transport, client::{Client, ClientError}};
    /// use pop3_proto::MessageNumber;
    ///
    /// /// Returns the messages whose unique-ids are not known yet.
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

    /// Asks for both listings, as [`list_each`](Self::list_each) and [`uidl_each`](Self::uidl_each) do. With
    /// pipelining, this takes one round trip. Returns for each listing whether the server refused
    /// it.
    ///
    /// `take` is called with the lines of LIST, and then with those of UIDL.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`]. A refusal is returned in the result of its listing.
    pub async fn list_and_uidl_each(
        &mut self,
        mut take: impl FnMut(ListingRow<'_>),
    ) -> Result<[Result<(), Refusal>; 2], ClientError> {
        // Without pipelining, the second is sent when the first listing is here.
        let sent = self.begin_with(&Command::List(None), &[Command::Uidl(None)]).await? > 0;
        let mut sizes = Sizes::default();
        let listed = self
            .finish(|entry| {
                if let ReplyItem::Scan(listing) = entry {
                    sizes.insert(listing.message, listing.octets);
                    take(ListingRow::Size(listing.message, listing.octets));
                }
            })
            .await?;
        if listed.is_ok() {
            self.sizes = sizes;
        }
        if !sent {
            self.begin(&Command::Uidl(None)).await?;
        }
        let named = self
            .finish(|entry| {
                if let ReplyItem::UniqueId(listing) = entry {
                    take(ListingRow::UniqueId(listing.message, listing.uid));
                }
            })
            .await?;
        Ok([listed, named])
    }

    /// Follows the reply to the oldest command.
    async fn finish(
        &mut self,
        mut take: impl FnMut(ReplyItem<'_>),
    ) -> Result<Result<(), Refusal>, ClientError> {
        let mut refusal = None;
        self.follow(|event| {
            refusal = refusal.take().or_else(|| Refusal::of(&event));
            event.entry().into_iter().for_each(&mut take);
            Ok(())
        })
        .await?;
        Ok(refusal.map_or(Ok(()), |refusal| Err(self.judged(refusal))))
    }
}
