//! The client: calls that send a command and return its reply.

mod apop;
mod auth;
mod buildable;
mod call;
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
mod trace;
mod transfer;

pub use buildable::Buildable;
pub use connect::{GRACE, Options, Security};
pub use error::{Error, NoLogin, Refusal};
pub use language::Language;
pub use login::LoginPolicy;
pub use message::Message;
pub use pop3_sasl::Mechanism;
pub use pop3_sasl::client::Credentials;
pub use receiver::{FromAsyncFn, FromFn, Progress, Receiver, WithProgress, from_async_fn, from_fn};
pub use retry::Retry;
pub use trace::{Trace, Tracer};

use core::time::Duration;

use pop3_proto::client::{Connection, Entry, Excerpt, State};
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
/// Each call sends a command and waits for its reply. After an error, [`Error::is_final`] tells whether the
/// connection can be used on.
///
/// # Dropping a call
///
/// The future of a call may be dropped before it is ready, as by a timeout or in a `select!`, unless its
/// documentation says otherwise. The command may have been sent or not, and the server may have done what it
/// says or not. The next call first sends what was begun to be sent, and throws away the replies that are
/// still due; [`drain`](Self::drain) does only that. It takes at most [`Options::drain_timeout`], and so it may
/// be better to connect anew than to wait for the rest of a large message.
///
/// What a dropped call means depends on the command:
///
/// - Nothing is lost by dropping one that asks for something.
/// - A message may be marked as deleted or not after a dropped [`dele`](Self::dele); [`rset`](Self::rset)
///   takes the marks away.
/// - The user may be logged in or not after a dropped [`login`](Self::login) or
///   [`login_apop`](Self::login_apop): [`is_logged_in`](Self::is_logged_in) tells, behind
///   [`drain`](Self::drain).
/// - An exchange of AUTH can't be taken up again. After a dropped [`authenticate`](Self::authenticate), or a
///   [`login_with`](Self::login_with) that had begun one, each call fails with [`Error::Interrupted`].
/// - [`open`](Self::open) and [`quit`](Self::quit) own the connection, and close it when they are dropped.
///
/// # Deleting
///
/// Messages marked as deleted are removed only by [`quit`](Self::quit). Dropping the client closes
/// the connection without QUIT, and nothing is removed.
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
    /// How many octets at the front of the input are taken, and still needed by who was handed them.
    taken: usize,
    /// The octets of the last piece of a body that was not in the input.
    held: Vec<u8>,
    /// The connection is of no use any more.
    lost: bool,
    /// Until when the replies to a dropped call have to be here, while they are waited for.
    draining: Option<Instant>,
    drain_timeout: Duration,
    /// A quirk that this crate finds is an error.
    strict: bool,
    /// CAPA is sent.
    asks_capabilities: bool,
    /// There was no answer to CAPA, so that before the login there is no use in asking again.
    without_capabilities: bool,
    /// A secret goes along with AUTH.
    initial_response: bool,
    /// How the user has logged in.
    login_method: Option<LoginMethod>,
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
    /// The future may be dropped: see [above](Client#dropping-a-call).
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
    /// The future may be dropped: see [above](Client#dropping-a-call).
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
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn list_one(&mut self, message: MessageNumber) -> Result<Octets, Error> {
        let command = Command::List(Some(message));
        let listing = self.listing(&command, |entry| {
            if let Entry::Scan(listing) = entry { Some(listing.octets) } else { None }
        });
        let octets = listing.await?.pop().ok_or(Error::Internal)?;
        self.sizes.insert(message, octets);
        Ok(octets)
    }

    /// The unique-id of one message (`UIDL n`).
    ///
    /// The future may be dropped: see [above](Client#dropping-a-call).
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
    /// The future may be dropped: see [above](Client#dropping-a-call).
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
    /// The future may be dropped: see [above](Client#dropping-a-call).
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
    /// The future may be dropped: see [above](Client#dropping-a-call).
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
    /// The future may be dropped: see [above](Client#dropping-a-call).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn extension(&mut self, command: Extension<'_>) -> Result<(Vec<u8>, Vec<u8>), Error> {
        self.call_extension(command).await
    }

    /// Ends the session (QUIT): the messages marked as deleted are removed, and the connection is
    /// closed.
    ///
    /// Some servers remove at QUIT what they have begun to send by RETR as well. If a message could not be
    /// stored and must not be lost, drop the client instead.
    ///
    /// If the future is dropped, the connection is closed, and it is unknown whether anything was removed.
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
        !self.lost && self.connection.is_quiet() && self.untaken().is_empty()
    }

    /// What has come that is not taken up yet: where nothing is due, what nobody asked for.
    #[must_use]
    pub fn surplus(&self) -> Excerpt {
        let octets = self.untaken();
        let line = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
        Excerpt::new(None, line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// What is received and not taken.
    fn untaken(&self) -> &[u8] {
        self.input.filled().get(self.taken..).unwrap_or_default()
    }

    /// Whether the server has accepted a login.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        matches!(self.connection.state(), State::Transaction)
    }

    /// How the user has logged in. `None` before a login, and where the call that logged in was dropped before its
    /// end.
    #[must_use]
    pub const fn login_method(&self) -> Option<LoginMethod> {
        self.login_method
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
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
