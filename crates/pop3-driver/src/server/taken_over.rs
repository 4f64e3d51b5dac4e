//! Connections that the caller takes over after the login.

use core::fmt;

use pop3_proto::Channel;
use pop3_proto::server::Language;

use super::Peer;
use super::drive::Ended;
use crate::login_method::LoginMethod;
use crate::stop::Stop;

/// A connection after a login that was answered with [`Admission::TakeOver`](crate::backend::Admission): for a relay
/// that has logged in to another server and now forwards the session.
///
/// All output was sent. The client still waits for the reply to its login. You must send that reply, either as it
/// came from the other server or in your own words.
#[non_exhaustive]
pub struct TakenOver<T, B> {
    /// The connection, in TLS if it was in TLS.
    pub transport: T,
    /// What was received behind the login and not looked at: commands of a client that does not wait for replies.
    pub unread: Vec<u8>,
    /// The backend that has answered. It may have the connection to the other server.
    pub backend: B,
    /// Who is at the other end, with the [`Place`](super::Place) of the connection, which is kept until the future
    /// of whoever goes on is done.
    pub peer: Peer,
    /// Whom the client has logged in as, as it has said it; it may hold any character.
    pub user: Option<String>,
    /// How that user has logged in.
    pub method: Option<LoginMethod>,
    /// What carries the connection.
    pub channel: Channel,
    /// Whether the client has asked for UTF8 (RFC 6856 section 2.1).
    pub utf8: bool,
    /// The language that the client has chosen by LANG.
    pub language: Option<Language>,
    /// How many logins were refused before.
    pub failed_logins: u32,
    /// Thrown when this connection is to end at once: its place was given to another, or the grace period of a
    /// shutdown is over. The future of whoever goes on is dropped then.
    pub end: Stop,
}

impl<T, B> TakenOver<T, B> {
    pub(super) fn new(
        transport: T,
        (ended, backend, unread): (&Ended, B, Vec<u8>),
        peer: Peer,
        end: Stop,
    ) -> Self {
        let session = ended.connection.session();
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
