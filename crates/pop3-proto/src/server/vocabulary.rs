//! The events that a session takes, the requests that it makes, and how it ends.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use super::claim::Claim;
use super::client_info::ClientInfo;
use super::config::Limits;
use super::mechanism::SaslRequest;
use crate::capability::{Expire, LoginDelay};
use crate::{
    Command, CommandError, Deletions, Keyword, MessageNumber, Rejection, SaslResponse, Secret, Snapshot,
};

/// What happens to a session.
///
/// The caller makes these. A later version may add more; a caller that never makes one of them loses nothing.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// The client sent a command.
    Command(Command<'a>),
    /// The client answered a challenge of AUTH, or cancelled.
    Sasl(SaslResponse<'a>),
    /// The client sent a line that is no command, or no response where a response is due.
    Malformed {
        /// The keyword that the line begins with, if it is that of a command.
        keyword: Option<Keyword>,
        /// What is wrong with the line.
        error: CommandError,
    },
    /// The store answered the request that is open.
    Answer(Answer),
    /// The TLS handshake that STLS began is complete.
    TlsEstablished,
}

/// A column of the maildrop that can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "LIST and UIDL are the two listings of the protocol")]
pub enum Column {
    /// Sizes in octets (LIST).
    Size,
    /// Unique-ids (UIDL).
    UniqueId,
}

/// What a session asks of the store. It waits for the [`Answer`].
///
/// A later version may add requests, and fields to these. The default arm of a `match` answers with
/// [`decline`](Self::decline): the client is told that it can't be done, and the session goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Request {
    /// Check the name and its proof, lock the maildrop, make the snapshot.
    ///
    /// Answers: [`Accept`](Answer::Accept), [`Reject`](Answer::Reject), [`TakeOver`](Answer::TakeOver).
    Authenticate(Claim),
    /// Lead a step of a SASL exchange. Where it succeeds, lock the maildrop and make the snapshot.
    ///
    /// Answers: see [`SaslRequest`].
    Sasl(SaslRequest),
    /// A trusted proxy tells for whom it speaks.
    ///
    /// Answers: [`Proxied`](Answer::Proxied), [`Abandon`](Answer::Abandon).
    Proxied(ClientInfo),
    /// Give the content of a message, in stored form (any line ends).
    ///
    /// Answers: [`Message`](Answer::Message), then octets by
    /// [`ServerConnection::body`](super::ServerConnection::body), then
    /// [`EndOfMessage`](Answer::EndOfMessage); or [`Unavailable`](Answer::Unavailable) at any time.
    #[non_exhaustive]
    Fetch {
        /// The message.
        message: MessageNumber,
        /// How much of it will be used. More may be given: the core cuts.
        extent: Extent,
    },
    /// Remove these messages for good, and release the maildrop: the next login may come as soon as
    /// the answer's reply has left.
    ///
    /// Answers: [`Committed`](Answer::Committed); [`Unavailable`](Answer::Unavailable) when it is not known how it
    /// went.
    Commit(Deletions),
}

/// The answer to a [`Request`].
///
/// The caller makes these. A later version may add more, and fields to [`Committed`](Self::Committed): make that
/// one with [`committed`](Self::committed).
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// The credentials are right, the maildrop is locked: here is the snapshot.
    Accept(Accepted),
    /// The credentials are right, and somebody else goes on with the connection from here, as a relay to another
    /// server: nothing is said, and the session ends with [`Close::TakenOver`]. The first thing that the client
    /// is to be told is the reply to its login.
    TakeOver,
    /// No login. Codes: [`Rejection::credentials`], [`Rejection::in_use`] (only when the
    /// credentials are right), [`Rejection::login_delay`], [`Rejection::temporary`],
    /// [`Rejection::permanent`].
    Reject(Rejection),
    /// The exchange goes on with this challenge; it may be empty.
    Challenge(Secret),
    /// The request has led to nothing, and says nothing about any credentials: a response that the
    /// mechanism can't read, an initial response where there can be none. This counts as a bad command
    /// and not as a refused login. A code `[AUTH]` is not sent.
    Abandon(Rejection),
    /// The proxy is believed.
    Proxied,
    /// The message is there: its octets follow.
    Message,
    /// All octets of the message were given.
    EndOfMessage,
    /// The message can't be had, or its rest can't. Before [`Message`](Self::Message) this is a
    /// negative reply; behind it the connection is closed, as nothing else tells the client.
    ///
    /// Of a commit: nobody knows what was removed. QUIT gets this negative reply.
    Unavailable(Rejection),
    /// The commit is over. Made by [`committed`](Self::committed).
    #[non_exhaustive]
    Committed {
        /// How many messages are still there although they should be removed. One that was gone
        /// already counts as removed.
        failed: usize,
    },
}

/// The acceptance of a login.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The snapshot of the maildrop.
    pub maildrop: Snapshot,
    /// The user's own LOGIN-DELAY.
    pub login_delay: Option<LoginDelay>,
    /// The user's own EXPIRE.
    pub expire: Option<Expire>,
    /// Whose maildrop it is, printable, for a log: where a token or a certificate tells the name and
    /// the client did not. Default: none, which means the one that the credentials name.
    pub user: Option<String>,
    /// The user's own limits, which hold from the login on in place of all those in
    /// [`ServerConfig::limits`](super::ServerConfig). Those that concern the login have no effect. Default: none.
    pub limits: Option<Box<Limits>>,
}

/// How much of a message is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RETR and TOP are the two ways to read a message")]
pub enum Extent {
    /// All of it (RETR).
    Whole,
    /// The header, the blank line, and so many lines of the body (TOP).
    Top {
        /// The number of lines.
        lines: u64,
    },
}

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Close {
    /// The client said QUIT, and was answered.
    Quit,
    /// A timer ran out. Nothing is removed, nothing is said (RFC 1939 section 3).
    TimedOut,
    /// The client closed the connection, or it was lost. Nothing is removed.
    PeerClosed,
    /// Too many bad commands. Nothing is removed.
    BadCommands,
    /// A line that is too long, and did not end within [`Limits::discarded_line`](super::Limits) octets
    /// more. Nothing is removed.
    EndlessLine,
    /// Too many refused logins.
    FailedLogins,
    /// A message ended too soon, too late or in a fault after its first octets were sent; the
    /// client must see no terminator. Nothing is removed.
    BrokenMessage,
    /// The embedder stops the server. Nothing is removed.
    Stopped,
    /// Somebody else goes on with the connection, behind a good login.
    TakenOver,
    /// The TLS handshake failed, or took too long. Nothing is removed.
    Handshake,
    /// The embedder does not serve this client.
    Refused,
    /// The embedder ended this session, as it needed its place for another. Nothing is removed.
    Evicted,
}

/// A call that does not fit the state. Nothing was changed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerMisuse;

impl Request {
    /// The answer of a store that can't do what is asked, or does not know the request. It is a negative reply,
    /// nothing is deleted by it, and nobody is logged in.
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
            Self::Authenticate(_) => Answer::Reject(Rejection::temporary("this login is not available")),
            Self::Sasl(_) | Self::Proxied(_) => {
                Answer::Abandon(Rejection::plain(CommandError::Unknown.text()))
            }
            Self::Fetch { .. } => Answer::Unavailable(Rejection::temporary("this message is not available")),
            Self::Commit(_) => Answer::Unavailable(Rejection::temporary("removal is not available")),
        }
    }
}

impl Answer {
    /// The commit is over, and so many messages are still there although they should be removed. One that was
    /// gone already counts as removed.
    #[must_use]
    pub const fn committed(failed: usize) -> Self {
        Self::Committed { failed }
    }
}

impl Accepted {
    /// The snapshot, and nothing that differs from what holds for all users.
    #[must_use]
    pub const fn new(maildrop: Snapshot) -> Self {
        Self { maildrop, login_delay: None, expire: None, user: None, limits: None }
    }

    /// Sets the user's own LOGIN-DELAY (RFC 2449 section 6.5).
    #[must_use]
    pub const fn with_login_delay(mut self, delay: LoginDelay) -> Self {
        self.login_delay = Some(delay);
        self
    }

    /// Sets the user's own EXPIRE (RFC 2449 section 6.7).
    #[must_use]
    pub const fn with_expire(mut self, expire: Expire) -> Self {
        self.expire = Some(expire);
        self
    }

    /// Sets [`user`](Self::user).
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets the user's own [`limits`](Self::limits): take the server's and change what differs.
    ///
    /// ```
    /// use core::time::Duration;
    /// use pop3_proto::Snapshot;
    /// use pop3_proto::server::{Accepted, ServerConfig};
    ///
    /// let config = ServerConfig::new();
    /// let patient = config.limits.with_idle_timeout(Duration::from_secs(1800));
    /// let accepted = Accepted::new(Snapshot::new()).with_limits(patient);
    /// ```
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = Some(Box::new(limits));
        self
    }
}

impl From<Snapshot> for Accepted {
    fn from(maildrop: Snapshot) -> Self {
        Self::new(maildrop)
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quit => "quit",
            Self::TimedOut => "timed out",
            Self::PeerClosed => "closed by the client",
            Self::BadCommands => "too many bad commands",
            Self::EndlessLine => "a line without an end",
            Self::FailedLogins => "too many failed logins",
            Self::BrokenMessage => "a message could not be sent whole",
            Self::Stopped => "stopped by the server",
            Self::TakenOver => "taken over",
            Self::Handshake => "the TLS handshake failed",
            Self::Refused => "turned away",
            Self::Evicted => "closed to make room for another connection",
        })
    }
}

impl fmt::Display for ServerMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call does not fit the state of the session")
    }
}

impl core::error::Error for ServerMisuse {}
