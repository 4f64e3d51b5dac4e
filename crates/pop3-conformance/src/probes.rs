//! Tries that several rows look at, made once: what came of them.

use crate::verdict::Stop;
use crate::wire::Reply;

/// What was tried already, with what went over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probes {
    pub(crate) wrong: Option<(Result<WrongPassword, Stop>, Vec<String>)>,
    pub(crate) removal: Option<(Result<Removal, Stop>, Vec<String>)>,
}

/// USER with the right name, PASS with a wrong password, and what the connection is good for then.
#[derive(Clone, Debug)]
pub(crate) struct WrongPassword {
    pub(crate) reply: Reply,
    /// Whether the server closed then, as it may.
    pub(crate) closed: bool,
    /// The reply to STAT, and to the right password without USER.
    pub(crate) stat: Option<Reply>,
    pub(crate) password_alone: Option<Reply>,
    /// The last reply of a good login.
    pub(crate) then: Option<Reply>,
}

/// A message that was deleted for good.
#[derive(Clone, Debug)]
pub(crate) struct Removal {
    pub(crate) quit: Reply,
    pub(crate) ended: bool,
    pub(crate) size: u64,
    pub(crate) count_after: u64,
    pub(crate) octets_after: u64,
    /// Whether the unique-id is gone, and the others are there; unknown without UIDL.
    pub(crate) others_kept: Option<(bool, bool)>,
}
