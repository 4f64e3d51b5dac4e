//! The result of a session.

use std::io;

use pop3_proto::server::{Close, ServerConnection, ServerState, SessionTotals};

use crate::login_method::LoginMethod;

/// The result of a session.
pub(in crate::server) struct Ended {
    pub(in crate::server) close: Close,
    pub(in crate::server) totals: SessionTotals,
    pub(in crate::server) user: Option<String>,
    pub(in crate::server) method: Option<LoginMethod>,
    pub(in crate::server) fault: Option<io::Error>,
    /// Whether a panic ended it.
    pub(in crate::server) panicked: bool,
}

impl Ended {
    pub(super) fn of(connection: &ServerConnection, fault: Option<io::Error>) -> Self {
        let session = connection.session();
        Self {
            close: if let ServerState::Closed(why) = session.state() { why } else { Close::PeerClosed },
            totals: session.totals(),
            user: None,
            method: None,
            fault,
            panicked: false,
        }
    }
}
