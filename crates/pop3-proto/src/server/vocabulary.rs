//! Events, requests and answers of a session, and the reasons why it ends.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::client_info::ClientInfo;
use super::config::Limits;
use super::mechanism::SaslRequest;
use crate::apop::ApopProof;
use crate::capability::{Expire, LoginDelay};
use crate::{Base64, Command, CommandError, Deletions, Keyword, MessageNumber, Rejection, Secret, Snapshot};

/// An event of a session.
///
/// The caller creates these. A later version may add events. If you never create one of those, nothing changes.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// The client sent a command.
    Command(Command<'a>),
    /// The client responded to a challenge of AUTH (RFC 5034 section 4). An empty line is an empty response.
    Respond(Base64<'a>),
    /// The client sent `*` in place of a response, which cancels the exchange.
    Cancel,
    /// The client sent a line that is not a command, or not a response during AUTH.
    Malformed {
        /// The keyword at the start of the line, if it is the keyword of a command.
        keyword: Option<Keyword>,
        /// The error in the line.
        error: CommandError,
    },
    /// The store answered the open request.
    Answer(Answer),
    /// The TLS handshake after STLS is complete.
    TlsEstablished,
}

/// A column of the maildrop that can be listed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Sizes in octets (LIST).
    Size,
    /// Unique-ids (UIDL).
    UniqueId,
}

/// A request to the store. The session waits for the [`Answer`].
///
/// A later version may add requests and fields. In the default arm of a `match`, answer with
/// [`decline`](Self::decline): the client gets a negative reply, and the session continues.
#[derive(Debug)]
#[non_exhaustive]
pub enum Request {
    /// Check the name and the password of USER and PASS, lock the maildrop, and make the snapshot.
    ///
    /// Answers: [`Accept`](Answer::Accept), [`Reject`](Answer::Reject), [`TakeOver`](Answer::TakeOver).
    #[non_exhaustive]
    Password {
        /// The name as the client sent it. It is not empty and has no control characters. Validate it before use,
        /// above all before you use it in a file path.
        name: Vec<u8>,
        /// The password.
        password: Secret,
        /// Whether the client has enabled UTF-8 with the command UTF8 (RFC 6856 section 2.1). If not, replace messages
        /// with UTF-8 in their headers by surrogates, or refuse them with [`Rejection::utf8`]. The sizes in the
        /// snapshot are those of what is sent.
        utf8: bool,
    },
    /// Check the name and the digest of APOP, lock the maildrop, and make the snapshot. This needs a timestamp in the
    /// greeting.
    ///
    /// Answers: as for [`Password`](Self::Password).
    #[non_exhaustive]
    Apop {
        /// The name, as for [`Password`](Self::Password).
        name: Vec<u8>,
        /// A digest that can only be computed with the secret.
        proof: ApopProof,
        /// Whether the client has enabled UTF-8, as for [`Password`](Self::Password).
        utf8: bool,
    },
    /// Do one step of a SASL exchange. If the login succeeds, lock the maildrop and make the snapshot.
    ///
    /// Answers: see [`SaslRequest`].
    Sasl(SaslRequest),
    /// Decide whether to believe a trusted proxy that tells which client it speaks for.
    ///
    /// Answers: [`Proxied`](Answer::Proxied), [`Abandon`](Answer::Abandon).
    Proxied(ClientInfo),
    /// Supply the content of a message in stored form, with any line ends.
    ///
    /// Answer [`Message`](Answer::Message), then pass the octets to
    /// [`ServerConnection::body`](super::ServerConnection::body), then answer [`EndOfMessage`](Answer::EndOfMessage).
    /// Answer [`Unavailable`](Answer::Unavailable) at any time if that fails.
    #[non_exhaustive]
    Fetch {
        /// The message.
        message: MessageNumber,
        /// How much of the message is needed. You may supply more: the connection ignores the rest.
        extent: Extent,
    },
    /// Remove these messages permanently, and release the maildrop. The client may log in again as soon as the reply
    /// is sent.
    ///
    /// Answers: [`Committed`](Answer::Committed), or [`Unavailable`](Answer::Unavailable) if the outcome is unknown.
    Commit(Deletions),
}

/// The answer to a [`Request`].
///
/// The caller creates these. A later version may add answers, and fields to [`Committed`](Self::Committed): create
/// that one with [`committed`](Self::committed).
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The credentials are correct and the maildrop is locked. Contains the snapshot.
    Accept(Accepted),
    /// The credentials are correct, and other code continues the connection from here, such as a relay to another
    /// server. Nothing is sent, and the session ends with [`Close::TakenOver`]. The other code must first send the
    /// reply to the login.
    TakeOver,
    /// The login is refused. Use [`Rejection::credentials`], [`Rejection::in_use`] (only if the credentials are
    /// correct), [`Rejection::login_delay`], [`Rejection::temporary`] or [`Rejection::permanent`].
    Reject(Rejection),
    /// The exchange continues with this challenge, which may be empty.
    Challenge(Secret),
    /// The request failed without a decision about credentials. For example, the mechanism can't parse a response, or
    /// does not allow an initial response. This counts as a bad command and not as a refused login. A code `[AUTH]`
    /// is not sent.
    Abandon(Rejection),
    /// The proxy is believed.
    Proxied,
    /// The message is available, and its octets follow.
    Message,
    /// All octets of the message were given.
    EndOfMessage,
    /// The message, or the rest of it, is not available. Before [`Message`](Self::Message), this sends a negative
    /// reply. After it, this closes the connection, because there is no other way to tell the client.
    ///
    /// For [`Request::Commit`], it means that the outcome of the removal is unknown. QUIT gets this negative reply.
    Unavailable(Rejection),
    /// The removal is finished. Created by [`committed`](Self::committed).
    #[non_exhaustive]
    Committed {
        /// How many messages should have been removed but are still there. A message that was already gone counts as
        /// removed.
        failed: usize,
    },
}

/// An accepted login. Create it from the snapshot and set what the user has of their own. For limits, start with those
/// of the server and change what differs.
///
/// ```
/// use core::time::Duration;
/// use pop3_proto::Snapshot;
/// use pop3_proto::server::{Accepted, ServerConfig};
///
/// let config = ServerConfig::default();
/// let mut patient = config.limits;
/// patient.idle_timeout = Duration::from_secs(1800);
/// let mut accepted = Accepted::from(Snapshot::new());
/// accepted.limits = Some(Box::new(patient));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The snapshot of the maildrop.
    pub snapshot: Snapshot,
    /// The LOGIN-DELAY of this user. Default: none.
    pub login_delay: Option<LoginDelay>,
    /// The EXPIRE of this user. Default: none.
    pub expire: Option<Expire>,
    /// The name of the user in printable form, for a log. Set it if a token or a certificate contains the name and
    /// the client did not send it. Default: none, which means the name in the credentials.
    pub user: Option<String>,
    /// The limits of this user. After the login, they replace all of [`ServerConfig::limits`](super::ServerConfig).
    /// Limits that concern the login have no effect. Default: none.
    pub limits: Option<Box<Limits>>,
}

/// How much of a message the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RETR and TOP are the two ways to read a message")]
pub enum Extent {
    /// The whole message (RETR).
    Whole,
    /// The header, the blank line, and the first lines of the body (TOP).
    Top {
        /// The number of lines of the body.
        lines: u64,
    },
}

/// The reason why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Close {
    /// The client sent QUIT and got its reply.
    Quit,
    /// A timer ran out. No messages are removed and nothing is sent (RFC 1939 section 3).
    TimedOut,
    /// The client closed the connection, or the connection was lost. No messages are removed.
    PeerClosed,
    /// The client sent too many bad commands. No messages are removed.
    BadCommands,
    /// A line was too long and did not end within another [`Limits::discarded_line`](super::Limits) octets. No
    /// messages are removed.
    EndlessLine,
    /// Too many logins were refused.
    FailedLogins,
    /// A message was too short, too long, or could not be read to its end after its first octets were sent. It is not
    /// terminated, so that the client does not take it for complete. No messages are removed.
    BrokenMessage,
    /// The application stops the server. No messages are removed.
    Stopped,
    /// Other code continues the connection after a successful login.
    TakenOver,
    /// The TLS handshake failed or took too long. No messages are removed.
    Handshake,
    /// The application does not serve this client.
    Refused,
    /// The application ended this session to make room for another one. No messages are removed.
    Evicted,
}

/// An error: the call does not fit the state of the session. It changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMisuse;

impl Request {
    /// Returns the answer of a store that can't fulfil the request or does not know it. The client gets a negative
    /// reply, no messages are deleted, and nobody is logged in.
    ///
    /// ```
    /// use pop3_proto::server::{Answer, Request};
    ///
    /// fn answer(request: Request) -> Answer {
    ///     match request {
    ///         Request::Commit(deletions) => Answer::committed(deletions.len()),
    ///         // And so on; the rest is not offered here.
    ///         other => other.decline(),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn decline(&self) -> Answer {
        match self {
            Self::Password { .. } | Self::Apop { .. } => {
                Answer::Reject(Rejection::temporary("this login is not available"))
            }
            Self::Sasl(_) | Self::Proxied(_) => {
                Answer::Abandon(Rejection::plain(CommandError::Unknown.text()))
            }
            Self::Fetch { .. } => Answer::Unavailable(Rejection::temporary("this message is not available")),
            Self::Commit(_) => Answer::Unavailable(Rejection::temporary("removal is not available")),
        }
    }
}

impl Answer {
    /// Creates the answer to [`Request::Commit`]. `failed` is how many messages should have been removed but are
    /// still there. A message that was already gone counts as removed.
    #[must_use]
    pub const fn committed(failed: usize) -> Self {
        Self::Committed { failed }
    }
}

impl From<Snapshot> for Accepted {
    fn from(snapshot: Snapshot) -> Self {
        Self { snapshot, login_delay: None, expire: None, user: None, limits: None }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quit => "quit",
            Self::TimedOut => "timed out",
            Self::PeerClosed => "closed by the client",
            Self::BadCommands => "too many invalid commands",
            Self::EndlessLine => "a line without a line end",
            Self::FailedLogins => "too many failed logins",
            Self::BrokenMessage => "a message could not be sent completely",
            Self::Stopped => "stopped by the server",
            Self::TakenOver => "taken over by the embedder",
            Self::Handshake => "the TLS handshake failed",
            Self::Refused => "connection refused",
            Self::Evicted => "closed to make room for another connection",
        })
    }
}

impl fmt::Display for ServerMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call is not allowed in the current state of the session")
    }
}

impl core::error::Error for ServerMisuse {}
