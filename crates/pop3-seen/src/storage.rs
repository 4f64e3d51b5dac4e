//! Where the notes are kept.

use core::convert::Infallible;

use crate::{Id, SeenEntry};

/// One change of the record of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a storage has to keep all of them")]
pub enum Note {
    /// A message was stored. This replaces earlier notes about it.
    Stored(Id, SeenEntry),
    /// DELE was answered with `+OK` for a stored message.
    Deleting(Id),
}

/// Stores notes in their order, for one account: in a file, a table, or a value in a database.
///
/// To restore the state, collect the notes into a [`Memory`](crate::Memory).
pub trait Storage {
    /// The error of the storage.
    type Error;

    /// Appends all of the notes, or none. They must be durable when this returns, because the caller may delete the
    /// message then.
    ///
    /// # Errors
    /// Returns an error if the notes could not be stored. None of them may be stored then.
    fn append(&mut self, notes: &[Note]) -> Result<(), Self::Error>;

    /// Replaces all notes atomically: after a crash, either the old or the new notes exist. There is one note for
    /// each message.
    ///
    /// # Errors
    /// Returns an error if the notes could not be replaced. Either the old or the new notes must exist then.
    fn replace(&mut self, notes: &mut dyn Iterator<Item = Note>) -> Result<(), Self::Error>;
}

/// Keeps nothing: for a book that is saved by other means, and for tests.
impl Storage for () {
    type Error = Infallible;

    fn append(&mut self, _notes: &[Note]) -> Result<(), Infallible> {
        Ok(())
    }

    fn replace(&mut self, _notes: &mut dyn Iterator<Item = Note>) -> Result<(), Infallible> {
        Ok(())
    }
}
