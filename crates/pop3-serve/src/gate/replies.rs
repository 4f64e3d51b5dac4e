//! What clients are told whose credentials were not checked.

use pop3_driver::server::Peer;
use pop3_proto::Rejection;
use tracing::warn;

use super::ip;
use crate::throttle::LONGEST_WAIT;
use crate::workers::Undone;

/// What a client is told whose credentials can't be checked.
pub(super) fn cant_check() -> Rejection {
    Rejection::temporary("the credentials can't be checked at the moment")
}

/// Whether a rejection is because of too many logins: from one address, or of all.
pub(crate) fn is_of_limit(rejection: &Rejection) -> bool {
    !rejection.is_of_credentials() && rejection.delay() == LONGEST_WAIT
}

/// What a client is told whose credentials were not looked at.
pub(super) fn not_tried(peer: &Peer, undone: Undone) -> Rejection {
    let (session, peer) = (peer.session, ip(peer));
    let text = "too many logins at the moment, try again later";
    match undone {
        Undone::Full => {
            warn!(%session, %peer, "login not checked: too many logins are waiting");
            // Held back as those are that come too often.
            Rejection::temporary(text).with_delay(LONGEST_WAIT)
        }
        Undone::Late => {
            warn!(%session, %peer, "login not checked: it timed out while waiting");
            Rejection::temporary(text)
        }
        Undone::Closed => Rejection::temporary("the server is shutting down"),
    }
}

/// What a client is told of whose address too many logins wait.
pub(super) fn too_many(peer: &Peer) -> Rejection {
    warn!(session = %peer.session, peer = %ip(peer), "login not checked: too many from this address");
    // Delay the reply. Otherwise one connection could cause any number of refusals, each with a log line.
    Rejection::temporary("too many logins from your address, try again later").with_delay(LONGEST_WAIT)
}
