//! The content of replies to LIST and UIDL.

use alloc::sync::Arc;

use super::vocabulary::Column;
use crate::maildrop::Marks;
use crate::{MessageNumber, Octets, Snapshot, SnapshotUid};

/// The lines of a reply to LIST or UIDL. They contain the messages that were in the maildrop and not marked as
/// deleted when the client sent the command.
#[derive(Clone, Debug)]
pub struct Listing {
    column: Column,
    snapshot: Arc<Snapshot>,
    marks: Arc<Marks>,
    next: usize,
    end: usize,
}

/// A line of a [`Listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "LIST and UIDL are the two listings of the protocol")]
pub enum ListingEntry {
    /// The size of a message (LIST).
    Size(MessageNumber, Octets),
    /// The unique-id of a message (UIDL).
    UniqueId(MessageNumber, SnapshotUid),
}

impl Listing {
    /// All messages.
    pub(super) fn all(column: Column, snapshot: &Arc<Snapshot>, marks: &Arc<Marks>) -> Self {
        let end = snapshot.len();
        Self { column, snapshot: Arc::clone(snapshot), marks: Arc::clone(marks), next: 0, end }
    }

    /// One message.
    pub(super) fn of(
        message: MessageNumber,
        column: Column,
        snapshot: &Arc<Snapshot>,
        marks: &Arc<Marks>,
    ) -> Self {
        let next = message.index();
        Self { next, end: next.saturating_add(1), ..Self::all(column, snapshot, marks) }
    }

    /// Returns the next line, or `None` after the last. Does not allocate.
    pub fn next_entry(&mut self) -> Option<ListingEntry> {
        let message = loop {
            if self.next >= self.end {
                return None;
            }
            let message = MessageNumber::from_index(self.next)?;
            self.next = self.next.saturating_add(1);
            if !self.marks.is_deleted(message) {
                break message;
            }
        };
        Some(match self.column {
            Column::Size => ListingEntry::Size(message, self.snapshot.size(message)?),
            Column::UniqueId => ListingEntry::UniqueId(message, self.snapshot.unique_id(message)?),
        })
    }
}
