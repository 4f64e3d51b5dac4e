//! The client: each method sends a command and returns its reply (RFC 1939).

mod apop;
mod auth;
mod buildable;
mod call;
mod capabilities;
mod connect;
mod drain;
mod error;
mod fetch;
mod into_transport;
mod language;
mod listing;
mod login;
mod message;
mod parts;
mod pipeline;
mod polling;
mod prepared;
mod receiver;
mod retry;
mod shown;
mod sizes;
mod step;
mod trace;
mod transfer;

pub use buildable::Buildable;
pub use connect::{ClientOptions, GRACE, Security};
pub use error::{ClientError, NoLogin, Refusal};
pub use language::OfferedLanguage;
pub use listing::ListingRow;
pub use login::LoginPolicy;
pub use message::IncomingMessage;
pub use pop3_sasl::Mechanism;
pub use pop3_sasl::client::Credentials;
pub use receiver::{FromAsyncFn, FromFn, Progress, Receiver, WithProgress, from_async_fn, from_fn};
pub use retry::Retry;
pub use trace::{Trace, Tracer};

use core::time::Duration;
use std::sync::Arc;

use pop3_proto::client::{ClientConnection, ClientState, Excerpt, ReplyItem};
use pop3_proto::listing::DropListing;
use pop3_proto::{
    Capabilities, Capability, Channel, Command, Extension, Instant, MessageNumber, Octets, Quirk,
};

use self::sizes::Sizes;
use crate::buffer::{Output, ReadBuffer};
use crate::login_method::LoginMethod;
use crate::stop::Stop;
use crate::tls::TlsInfo;
use crate::transport::Transport;

/// A connection to a server, after its greeting.
///
/// An adapter creates the client with its `connect`. [`open`](Self::open) creates one over any [`Transport`]. Each
/// call sends one command and waits for its reply. After an error, [`ClientError::is_final`] tells whether you can
/// continue to use the connection.
///
/// ```
/// # use pop3_driver::client::{Client, Credentials, ClientError, LoginPolicy};
/// # use pop3_driver::Transport;
/// # async fn example<T: Transport>(mut client: Client<T>) -> Result<(), ClientError> {
/// client.login(b"mrose", b"tanstaaf").await?;
/// for (number, octets) in client.list().await? {
///     println!("message {number} has {octets} octets");
///     let mut message = client.message(number).await?;
///     while let Some(octets) = message.chunk().await? {
///         // Store the octets.
/// #       drop(octets);
///     }
///     client.dele(number).await?; // Only once the message is safely stored.
/// }
/// client.quit().await // Now the server deletes.
/// # }
/// ```
///
/// # Dropping a call
///
/// You may drop the future of a call before it is ready, for example in a timeout or a `select!`, unless its
/// documentation says otherwise. The command may have been sent or not, and the server may have executed it or not.
/// The next call first sends the rest of the command and discards the replies that are still due.
/// [`drain`](Self::drain) does only that. It takes at most [`ClientOptions::drain_timeout`]. To skip the rest of a
/// large message, it can be faster to connect again.
///
/// What a dropped call means depends on the command:
///
/// - A command that only asks for something can be dropped without consequences.
/// - After a dropped [`dele`](Self::dele), the message may be marked as deleted or not. [`rset`](Self::rset) removes
///   all marks.
/// - After a dropped [`login`](Self::login) or [`login_apop`](Self::login_apop), the user may be logged in or not.
///   Call [`drain`](Self::drain), then [`is_logged_in`](Self::is_logged_in).
/// - An AUTH exchange cannot be resumed. After a dropped [`authenticate`](Self::authenticate), or a dropped
///   [`login_with`](Self::login_with) that had started an exchange, every call fails with
///   [`ClientError::Interrupted`].
/// - [`open`](Self::open) and [`quit`](Self::quit) own the connection. They close it when they are dropped.
///
/// # Deleting
///
/// The server removes messages marked as deleted only at [`quit`](Self::quit) (RFC 1939 section 6). Dropping the
/// client closes the connection without QUIT, and the server removes nothing.
pub struct Client<T> {
    transport: T,
    connection: ClientConnection,
    input: ReadBuffer,
    input_ended: bool,
    out: Output,
    /// Octets that the transport has taken may still be in its buffer.
    unflushed: bool,
    greeting: Vec<u8>,
    quirks: Vec<Quirk>,
    tracer: Option<Tracer>,
    /// How many octets at the front of the input are consumed but still borrowed by the caller.
    taken: usize,
    /// The octets of the last piece of a body that was not in the input.
    held: Vec<u8>,
    /// The connection can no longer be used.
    lost: bool,
    /// The deadline for the replies to a dropped call, while the client waits for them.
    draining: Option<Instant>,
    drain_timeout: Duration,
    /// How many octets of messages may be requested ahead.
    max_octets_expected: Octets,
    /// A quirk that this crate finds is an error.
    strict: bool,
    /// As [`ClientConfig::raw_credentials`](pop3_proto::client::ClientConfig).
    raw_credentials: bool,
    /// The client may send CAPA.
    asks_capabilities: bool,
    /// The server did not answer CAPA, so there is no point in asking again before the login.
    without_capabilities: bool,
    /// CAPA was sent after the login.
    asked_logged_in: bool,
    /// AUTH sends the secret in the initial response.
    initial_response: bool,
    /// How the user has logged in.
    login_method: Option<LoginMethod>,
    /// An exchange has used the bindings of the TLS connection.
    bound: bool,
    /// The most iterations of SCRAM that the server may ask for.
    max_iterations: u32,
    /// The sizes of the messages, as LIST reported them.
    sizes: Sizes,
    /// While connecting: the deadline for it. After a stop: the time until which the connection may be used.
    limit: Option<Instant>,
    stop: Option<Stop>,
    /// The client has noticed the stop and set the limit.
    stopping: bool,
}

impl<T: Transport> Client<T> {
    /// Returns the number of messages and their total size in octets, as the server counts them (STAT, RFC 1939
    /// section 5).
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn stat(&mut self) -> Result<DropListing, ClientError> {
        let mut listing = None;
        self.call(&Command::Stat, |entry| {
            if let ReplyItem::Drop(drop) = entry {
                listing = Some(drop);
            }
            Ok(())
        })
        .await?;
        listing.ok_or(ClientError::Internal)
    }

    /// Returns the size of one message in octets, as the server counts it (`LIST n`, RFC 1939 section 5).
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn list_one(&mut self, message: MessageNumber) -> Result<Octets, ClientError> {
        let command = Command::List(Some(message));
        let listing = self.listing(&command, |entry| {
            if let ReplyItem::Scan(listing) = entry { Some(listing.octets) } else { None }
        });
        let octets = listing.await?.pop().ok_or(ClientError::Internal)?;
        self.sizes.insert(message, octets);
        Ok(octets)
    }

    /// Returns the unique-id of one message (`UIDL n`, RFC 1939 section 7).
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn uidl_one(&mut self, message: MessageNumber) -> Result<Vec<u8>, ClientError> {
        let command = Command::Uidl(Some(message));
        let listing = self.listing(&command, |entry| {
            if let ReplyItem::UniqueId(listing) = entry { Some(listing.uid.to_vec()) } else { None }
        });
        listing.await?.pop().ok_or(ClientError::Internal)
    }

    /// Returns the highest message number accessed (LAST, RFC 1460). Few servers support it.
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn last(&mut self) -> Result<Option<MessageNumber>, ClientError> {
        let listing = self.listing(&Command::Last, |entry| {
            if let ReplyItem::Last(message) = entry { Some(message) } else { None }
        });
        listing.await?.pop().ok_or(ClientError::Internal)
    }

    /// Marks a message as deleted (DELE, RFC 1939 section 5). The server removes it at [`quit`](Self::quit).
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn dele(&mut self, message: MessageNumber) -> Result<(), ClientError> {
        self.call(&Command::Dele(message), |_| Ok(())).await
    }

    /// Does nothing except restart the autologout timer of the server (NOOP, RFC 1939 section 5).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn noop(&mut self) -> Result<(), ClientError> {
        self.call(&Command::Noop, |_| Ok(())).await
    }

    /// Removes all deletion marks (RSET, RFC 1939 section 5).
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rset(&mut self) -> Result<(), ClientError> {
        self.call(&Command::Rset, |_| Ok(())).await
    }

    /// Sends a command that this crate does not know. Returns the text of the positive reply and the data after it:
    /// a body, or lines with CRLF after each.
    ///
    /// The data is kept in memory. To limit it, set
    /// [`ClientConfig::max_body`](pop3_proto::client::ClientConfig::max_body).
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn extension(&mut self, command: Extension<'_>) -> Result<(Vec<u8>, Vec<u8>), ClientError> {
        self.call_extension(command).await
    }

    /// Ends the session (QUIT, RFC 1939 section 6). The server removes the messages marked as deleted, and the
    /// connection is closed.
    ///
    /// At QUIT, some servers also remove messages that they have started to send for RETR. If a message could not be
    /// stored and must not be lost, drop the client instead.
    ///
    /// If the future is dropped, the connection is closed, and it is unknown whether anything was removed.
    ///
    /// # Errors
    /// Returns [`ClientError::Refused`] if the server could not remove all of them. After any other error it is
    /// unknown which messages were removed. Compare the unique-ids in the next session.
    pub async fn quit(mut self) -> Result<(), ClientError> {
        let result = self.call(&Command::Quit, |_| Ok(())).await;
        let deadline = self.transport.now().after(CLOSE_TIMEOUT);
        self.transport.close(deadline).await;
        result
    }

    /// Returns the text of the greeting as the server sent it. Escape it before you show it.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Returns whether the greeting has a timestamp for APOP.
    #[must_use]
    pub fn offers_apop(&self) -> bool {
        self.connection.greeting_timestamp().is_some()
    }

    /// Returns the capabilities that the server has announced last. They are those from before the login if
    /// [`login_with`](Self::login_with) has left CAPA to the next call.
    #[must_use]
    pub const fn known_capabilities(&self) -> Option<&Capabilities> {
        self.connection.capabilities()
    }

    /// Returns whether the server is known to have this capability.
    #[must_use]
    pub fn has(&self, capability: Capability<'_>) -> bool {
        self.known_capabilities().is_some_and(|list| list.has(capability))
    }

    /// Returns the ways in which the server has departed from the protocol so far, each once.
    #[must_use]
    pub fn quirks(&self) -> &[Quirk] {
        &self.quirks
    }

    /// Returns whether no reply is due and no unexpected octets have arrived.
    ///
    /// A server that sends an extra reply shifts all later ones by one. Commands and replies are known to be in step
    /// only if this returns `true` after a command whose reply cannot be mistaken for another.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.lost && self.connection.is_quiet() && self.untaken().is_empty()
    }

    /// Returns the received octets that are not consumed yet. If no reply is due, nothing asked for them.
    #[must_use]
    pub fn surplus(&self) -> Excerpt {
        let octets = self.untaken();
        let line = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
        Excerpt::new(None, line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The received octets that are not consumed.
    fn untaken(&self) -> &[u8] {
        self.input.filled().get(self.taken..).unwrap_or_default()
    }

    /// Returns whether the server has accepted a login.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        matches!(self.connection.state(), ClientState::Transaction)
    }

    /// Returns how the user has logged in. Returns `None` before the login, or if the call that logged in was dropped
    /// before it was ready.
    #[must_use]
    pub const fn login_method(&self) -> Option<LoginMethod> {
        self.login_method
    }

    /// Returns how the connection is protected.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.connection.channel()
    }

    /// Returns the result of the TLS handshake, if the connection is in TLS.
    #[must_use]
    pub fn tls(&self) -> Option<TlsInfo> {
        self.transport.tls().map(Arc::unwrap_or_clone)
    }
}

/// The time that closing a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
