//! Storing a chunk, away from the session.

use std::io;

use pop3_proto::MessageNumber;

use super::chunk::Received;
use super::inbox::{Inbox, Kept};
use crate::journal::{Id, Traits};

/// What became of a chunk.
pub(super) struct Shelved {
    /// What is stored, now or by an earlier run.
    pub(super) stored: Vec<(MessageNumber, Id)>,
    /// How many of them by an earlier run.
    pub(super) known: u64,
    /// What went wrong. What is stored is so all the same.
    pub(super) result: io::Result<()>,
}

/// Stores messages, and notes what is known of the account by now.
pub(super) fn shelve(inbox: &mut Inbox, came: Vec<Received>, traits: Traits) -> Shelved {
    let mut kept = Vec::with_capacity(came.len());
    let mut known = 0;
    let result = came.into_iter().try_for_each(|Received { task, incoming, .. }| {
        let id = match inbox.keep(incoming, &task)? {
            Kept::New(id) => id,
            Kept::Known(id) => {
                known += 1;
                id
            }
        };
        kept.push((task.number, id));
        Ok(())
    });
    // Those that were kept are stored, whatever followed them.
    let committed = inbox.commit();
    let result = result.and(committed);
    // As long as nobody knows what is stored and what is not, a server must not remove it.
    let stored = if result.is_ok() { kept } else { Vec::new() };
    let noted = if result.is_ok() { inbox.set_traits(traits) } else { Ok(()) };
    Shelved { stored, known, result: result.and(noted) }
}
