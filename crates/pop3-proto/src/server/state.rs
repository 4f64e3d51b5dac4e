//! The states of a session.

use super::vocabulary::{Close, Extent};
use crate::{MessageNumber, TextId};

/// The state of a session, with what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a table over all states must not compile when there is a new one"
)]
pub enum ServerState {
    /// AUTHORIZATION (RFC 1939 section 4). Whether PASS may follow is told by
    /// [`ServerSession::name`](super::rules::ServerSession::name).
    Authorization,
    /// A name and its proof were given to the store; its answer is awaited.
    Authenticating,
    /// A step of a SASL exchange was given to who leads it; its answer is awaited.
    Exchanging {
        /// How many responses to challenges the client has sent.
        responses: u32,
    },
    /// A challenge of AUTH was sent; the client's response is awaited (RFC 5034 section 4).
    Responding {
        /// How many responses to challenges the client has sent.
        responses: u32,
    },
    /// The end of a SASL exchange was told to who leads it; its answer is awaited.
    Cancelling {
        /// What the client will be told.
        why: TextId,
    },
    /// What a proxy said was given to the embedder; its answer is awaited.
    Proxying,
    /// STLS was answered; the TLS handshake is awaited.
    StartingTls,
    /// TRANSACTION (RFC 1939 section 5).
    Transaction,
    /// A message was asked of the store; its answer is awaited.
    Fetching {
        /// The message.
        message: MessageNumber,
        /// How much of it.
        extent: Extent,
    },
    /// A message is being sent.
    Sending {
        /// The message.
        message: MessageNumber,
        /// How much of it.
        extent: Extent,
    },
    /// UPDATE: the removals were given to the store; its answer is awaited (RFC 1939 section 6).
    Committing {
        /// How many messages are to be removed.
        count: usize,
    },
    /// The end.
    Closed(Close),
}

impl ServerState {
    /// Whether the login lies behind, and the session is not over.
    #[must_use]
    pub const fn is_logged_in(self) -> bool {
        matches!(
            self,
            Self::Transaction | Self::Fetching { .. } | Self::Sending { .. } | Self::Committing { .. }
        )
    }
}
