//! Where a session is.

use core::fmt;

/// Where a session is (RFC 1939 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a caller must decide on each of them")]
pub enum ClientState {
    /// The greeting has not come; nothing may be sent.
    Greeting,
    /// Before the login.
    Authorization,
    /// STLS was accepted, and TLS is not established yet; nothing may be sent.
    Handshake,
    /// A challenge of AUTH came, which is to be answered or cancelled; no command may be sent.
    Challenged,
    /// After the login.
    Transaction,
    /// QUIT was sent; nothing may be sent behind it.
    Closing,
    /// The greeting was negative, QUIT was answered, or the connection failed.
    Closed,
}

impl fmt::Display for ClientState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "before the greeting",
            Self::Authorization => "before the login",
            Self::Handshake => "before TLS is established",
            Self::Challenged => "while a challenge is to be answered",
            Self::Transaction => "after the login",
            Self::Closing => "after QUIT",
            Self::Closed => "after the end",
        })
    }
}
