//! The client: calls that send a command and return its reply.

mod auth;
mod call;
mod connect;
mod error;
mod fetch;
mod language;
mod listing;
mod login;
mod sizes;
mod trace;

pub use connect::{GRACE, Options, Security};
pub use error::{Error, NoLogin, Refusal};
pub use fetch::Receiver;
pub use language::Language;
pub use login::{LoginPolicy, Method};
pub use pop3_sasl::Mechanism;
pub use pop3_sasl::client::Credentials;
pub use trace::{Trace, Tracer};

use pop3_proto::client::{Connection, Entry, Excerpt};
use pop3_proto::listing::DropListing;
use pop3_proto::{
    Capabilities, Capability, Channel, Command, Extension, Instant, MessageNumber, Octets, Quirk,
};

use self::sizes::Sizes;
use crate::buffer::{Output, ReadBuffer};
use crate::stop::Stop;
use crate::tls::TlsInfo;
use crate::transport::Transport;

/// A connection to a server, after its greeting.
///
/// Each call sends a command and waits for its reply. A negative reply is [`Error::Refused`], after
/// which the connection can be used on; after any other error it can't. A call that is dropped
/// before its end leaves the connection in the middle of a reply: later calls fail with
/// [`Error::Interrupted`].
///
/// Messages marked as deleted are removed only by [`quit`](Self::quit). Dropping the client closes
/// the connection without QUIT, and nothing is removed.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
    connection: Connection,
    input: ReadBuffer,
    input_ended: bool,
    out: Output,
    /// Octets that the transport has taken may still be in its buffer.
    unflushed: bool,
    greeting: Vec<u8>,
    quirks: Vec<Quirk>,
    tracer: Option<Tracer>,
    busy: bool,
    /// A quirk that this crate finds is an error.
    strict: bool,
    /// CAPA is sent.
    asks_capabilities: bool,
    /// There was no answer to CAPA, so that before the login there is no use in asking again.
    without_capabilities: bool,
    /// A secret goes along with AUTH.
    initial_response: bool,
    /// The bindings of the TLS connection have served an exchange.
    bound: bool,
    /// The most iterations of SCRAM that the server may ask for.
    max_iterations: u32,
    /// What LIST told of the sizes.
    sizes: Sizes,
    /// Until when the connection has to be made, while it is; and until when it may be used, once it was
    /// told to end.
    limit: Option<Instant>,
    stop: Option<Stop>,
    /// The switch was seen thrown, and the limit is set.
    stopping: bool,
}

impl<T: Transport> Client<T> {
    /// Asks for the capabilities (CAPA). `None` when the server has no such command, and when
    /// [`Options::capabilities`] says not to ask.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn capabilities(&mut self) -> Result<Option<Capabilities>, Error> {
        if !self.asks_capabilities {
            return Ok(None);
        }
        match self.call(&Command::Capa, |_| Ok(())).await {
            Ok(_) => Ok(self.connection.capabilities().cloned()),
            Err(Error::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How many messages there are, and how many octets by the server's count (STAT).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn stat(&mut self) -> Result<DropListing, Error> {
        let mut listing = None;
        self.call(&Command::Stat, |entry| {
            if let Entry::Drop(drop) = entry {
                listing = Some(drop);
            }
            Ok(())
        })
        .await?;
        listing.ok_or(Error::Internal)
    }

    /// The size of one message by the server's count (`LIST n`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_one(&mut self, message: MessageNumber) -> Result<Octets, Error> {
        let command = Command::List(Some(message));
        let listing = self.listing(&command, |entry| {
            if let Entry::Scan(listing) = entry { Some(listing.octets) } else { None }
        });
        listing.await?.pop().ok_or(Error::Internal)
    }

    /// The unique-id of one message (`UIDL n`).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn uidl_one(&mut self, message: MessageNumber) -> Result<Vec<u8>, Error> {
        let command = Command::Uidl(Some(message));
        let listing = self.listing(&command, |entry| {
            if let Entry::UniqueId(listing) = entry { Some(listing.uid.to_vec()) } else { None }
        });
        listing.await?.pop().ok_or(Error::Internal)
    }

    /// The highest message number accessed (LAST of RFC 1460), which few servers know.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn last(&mut self) -> Result<Option<MessageNumber>, Error> {
        let listing =
            self.listing(
                &Command::Last,
                |entry| if let Entry::Last(message) = entry { Some(message) } else { None },
            );
        listing.await?.pop().ok_or(Error::Internal)
    }

    /// Marks a message as deleted (DELE). It is removed by [`quit`](Self::quit).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn dele(&mut self, message: MessageNumber) -> Result<(), Error> {
        self.call(&Command::Dele(message), |_| Ok(())).await
    }

    /// Does nothing, but starts the server's autologout timer anew (NOOP).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn noop(&mut self) -> Result<(), Error> {
        self.call(&Command::Noop, |_| Ok(())).await
    }

    /// Removes all marks (RSET).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rset(&mut self) -> Result<(), Error> {
        self.call(&Command::Rset, |_| Ok(())).await
    }

    /// Sends a command that this crate does not know. Returns the text of the positive reply, and
    /// what followed it: a body, or lines, each with CRLF put behind it.
    ///
    /// All that follows is kept in memory: see
    /// [`Config::max_body`](pop3_proto::client::Config::max_body) for a limit.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn extension(&mut self, command: Extension<'_>) -> Result<(Vec<u8>, Vec<u8>), Error> {
        self.call_extension(command).await
    }

    /// Ends the session (QUIT): the messages marked as deleted are removed, and the connection is
    /// closed.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server could not remove all of them. On any other error it is
    /// unknown which are removed; compare unique-ids in the next session.
    pub async fn quit(mut self) -> Result<(), Error> {
        let result = self.call(&Command::Quit, |_| Ok(())).await;
        let deadline = self.transport.now().after(CLOSE_TIMEOUT);
        self.transport.close(deadline).await;
        result
    }

    /// The text of the greeting: the server's octets, to be escaped before they are shown.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        &self.greeting
    }

    /// Whether the greeting has a timestamp for APOP.
    #[must_use]
    pub fn offers_apop(&self) -> bool {
        self.connection.greeting_timestamp().is_some()
    }

    /// The list of the last [`capabilities`](Self::capabilities), or of the login.
    #[must_use]
    pub const fn known_capabilities(&self) -> Option<&Capabilities> {
        self.connection.capabilities()
    }

    /// Whether the server is known to have this capability.
    #[must_use]
    pub fn has(&self, capability: Capability<'_>) -> bool {
        self.known_capabilities().is_some_and(|list| list.has(capability))
    }

    /// In what the server has departed from the protocol so far, each once.
    #[must_use]
    pub fn quirks(&self) -> &[Quirk] {
        &self.quirks
    }

    /// Whether nothing is due from the server, and nothing has come that was not asked for.
    ///
    /// A server that sends one reply too many shifts all later ones by one. Commands and replies are in step
    /// for certain only where this holds behind a command whose reply can't be mistaken.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.busy && self.connection.is_quiet() && self.input.filled().is_empty()
    }

    /// What has come that is not taken up yet: where nothing is due, what nobody asked for.
    #[must_use]
    pub fn surplus(&self) -> Excerpt {
        let octets = self.input.filled();
        let line = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
        Excerpt::new(None, line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// What carries the connection.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.connection.channel()
    }

    /// What TLS has agreed on, if the connection is in TLS.
    #[must_use]
    pub fn tls(&self) -> Option<TlsInfo> {
        self.transport.tls()
    }
}

/// How long the end of a connection may take.
const CLOSE_TIMEOUT: core::time::Duration = core::time::Duration::from_secs(2);
