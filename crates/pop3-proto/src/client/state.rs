//! The states of a session.

use core::fmt;

/// The state of a session (RFC 1939 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a caller must decide on each of them")]
pub enum ClientState {
    /// The greeting has not arrived. Nothing may be sent.
    Greeting,
    /// Before the login.
    Authorization,
    /// STLS was accepted, but TLS is not established yet. Nothing may be sent.
    Handshake,
    /// A challenge of AUTH arrived, and the client must respond or cancel. No command may be sent.
    Challenged,
    /// After the login.
    Transaction,
    /// QUIT was sent. Nothing more may be sent.
    Closing,
    /// The session has ended: the greeting was negative, QUIT was answered, or the connection failed.
    Closed,
}

impl fmt::Display for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "before the greeting",
            Self::Authorization => "before the login",
            Self::Handshake => "before TLS is established",
            Self::Challenged => "before the challenge is answered",
            Self::Transaction => "after the login",
            Self::Closing => "after QUIT",
            Self::Closed => "after the session has ended",
        })
    }
}
