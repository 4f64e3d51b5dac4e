//! What the server passes mail to.

use std::io::{self, Write};

use crate::refusal::LmtpRefusal;

/// The mailboxes to which mail is delivered.
pub trait Mailboxes: Send + Sync + 'static {
    /// A mailbox that takes mail, for one transaction.
    type Mailbox: Send + Sync + 'static;
    /// Receives the octets of a message. Writing may block.
    type Spool: Write + Send + 'static;
    /// A message that was received as a whole. It is delivered to each of its recipients.
    type Message: Send + Sync + 'static;

    /// Finds the mailbox of a recipient. The address is as the client gives it, without `<` and `>`, and without
    /// quotation marks: for `<"a b"@example.org>` it is `a b@example.org`. It has a domain.
    ///
    /// # Errors
    /// Returns what the client is told.
    fn find(&self, address: &str) -> impl Future<Output = Result<Self::Mailbox, LmtpRefusal>> + Send;

    /// Begins to receive a message. What is written to it is what the client sends: its lines end in CRLF, and
    /// dot-stuffing is undone. Put these fields before it: `Return-Path` and `Received`, with their CRLF (RFC 5321
    /// section 4.4). They differ each time, and the rest is the same if the client sends a message again.
    ///
    /// # Errors
    /// Returns an error if nothing can be received. The client is told to try again.
    fn spool(&self, fields: Vec<u8>) -> io::Result<Self::Spool>;

    /// Ends a message. May block.
    ///
    /// # Errors
    /// Returns an error if what was received cannot be kept. The client is told to try again.
    fn complete(&self, spool: Self::Spool) -> io::Result<Self::Message>;

    /// Delivers a message to a mailbox. It must be durable when this returns `Ok`.
    ///
    /// The call is finished even if the client is gone, or the time is over.
    ///
    /// # Errors
    /// Returns what the client is told. Nothing may have been delivered then.
    fn deliver(
        &self,
        mailbox: &Self::Mailbox,
        envelope: &Envelope,
        message: &Self::Message,
    ) -> impl Future<Output = Result<(), LmtpRefusal>> + Send;
}

/// What a client says about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope {
    /// The address of the sender, without `<` and `>` and quotation marks. Empty for reports about deliveries.
    pub sender: String,
    /// Whether addresses and header may contain UTF-8 (RFC 6531).
    pub smtputf8: bool,
}
