//! The states of a session.

use super::vocabulary::{Close, Extent};
use crate::{MessageNumber, TextId};

/// The state of a session, with its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a table over all states must not compile when there is a new one"
)]
pub enum ServerState {
    /// AUTHORIZATION (RFC 1939 section 4). [`ServerSession::name`](super::rules::ServerSession::name) tells whether
    /// PASS may follow.
    Authorization,
    /// The store is checking a name and its proof.
    Authenticating,
    /// The store is doing a step of a SASL exchange.
    Exchanging {
        /// How many responses to challenges the client has sent.
        responses: u32,
    },
    /// A challenge of AUTH was sent, and the client's response is awaited (RFC 5034 section 4).
    Responding {
        /// How many responses to challenges the client has sent.
        responses: u32,
    },
    /// The store was told that the SASL exchange is over, and its answer is awaited.
    Cancelling {
        /// The text of the reply to the client.
        why: TextId,
    },
    /// The store is deciding about the data of a proxy.
    Proxying,
    /// STLS was answered, and the TLS handshake is awaited.
    StartingTls,
    /// TRANSACTION (RFC 1939 section 5).
    Transaction,
    /// The store is opening a message.
    Fetching {
        /// The message.
        message: MessageNumber,
        /// How much of it the client asked for.
        extent: Extent,
    },
    /// A message is being sent.
    Sending {
        /// The message.
        message: MessageNumber,
        /// How much of it the client asked for.
        extent: Extent,
    },
    /// UPDATE: the store is removing messages (RFC 1939 section 6).
    Committing {
        /// How many messages it must remove.
        count: usize,
    },
    /// The session has ended.
    Closed(Close),
}

impl ServerState {
    /// Returns whether the user is logged in and the session has not ended.
    #[must_use]
    pub const fn is_logged_in(self) -> bool {
        matches!(
            self,
            Self::Transaction | Self::Fetching { .. } | Self::Sending { .. } | Self::Committing { .. }
        )
    }
}
