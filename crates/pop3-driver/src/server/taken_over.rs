//! Connections that the caller takes over after the login.

use core::fmt;

use pop3_proto::Channel;
use pop3_proto::server::Language;
use pop3_proto::server::rules::ServerSession;

use super::Peer;
use super::ended::Ended;
use crate::login_method::LoginMethod;
use crate::stop::Stop;

/// A connection after a login that the backend answered with
/// [`Admission::TakeOver`](crate::backend::Admission::TakeOver), for example for a relay that has logged in to
/// another server and now forwards the session.
///
/// All earlier output was sent. The client still waits for the reply to its login. You must send that reply: either
/// forward the reply of the other server, or write your own.
#[non_exhaustive]
pub struct TakenOver<T, B> {
    /// The connection, in TLS if it was in TLS.
    pub transport: T,
    /// Octets that the client sent after the login and that were not read: commands of a client that does not wait
    /// for replies.
    pub unread: Vec<u8>,
    /// The backend that answered the login. It may own the connection to the other server.
    pub backend: B,
    /// The peer. It keeps the [`Place`](super::Place) of the connection until the future that took over is done.
    pub peer: Peer,
    /// The user name as the client sent it. It may contain any character.
    pub user: Option<String>,
    /// How the user has logged in.
    pub method: Option<LoginMethod>,
    /// How the connection is protected.
    pub channel: Channel,
    /// Whether the client has requested UTF8 (RFC 6856 section 2.1).
    pub utf8: bool,
    /// The language that the client has chosen with LANG.
    pub language: Option<Language>,
    /// The number of logins that were refused before this one.
    pub failed_logins: u32,
    /// Stopped when this connection must end immediately: the service has ended it, or the grace period of a shutdown
    /// is over. The future that took over is then dropped.
    pub end: Stop,
}

impl<T, B> TakenOver<T, B> {
    pub(super) fn new(
        transport: T,
        (ended, session, backend, unread): (&Ended, &ServerSession, B, Vec<u8>),
        peer: Peer,
        end: Stop,
    ) -> Self {
        Self {
            transport,
            unread,
            backend,
            peer,
            user: ended.user.clone(),
            method: ended.method,
            channel: session.channel(),
            utf8: session.is_utf8(),
            language: session.language().cloned(),
            failed_logins: session.totals().failed_logins,
            end,
        }
    }
}

impl<T, B> fmt::Debug for TakenOver<T, B> {
    /// Without what the client has said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakenOver")
            .field("peer", &self.peer)
            .field("user", &self.user)
            .field("method", &self.method)
            .field("unread", &self.unread.len())
            .finish_non_exhaustive()
    }
}
