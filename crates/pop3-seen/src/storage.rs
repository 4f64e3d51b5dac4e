//! Where the notes are kept.

use core::convert::Infallible;

use crate::{Id, SeenEntry};

/// A line of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a storage has to keep all of them")]
pub enum Note {
    /// A message was stored; what an earlier note says of it does not count any more.
    Stored(Id, SeenEntry),
    /// DELE was answered with `+OK` for a message that is stored.
    Deleting(Id),
}

/// Keeps notes, in their order. The caller has one for each account: a file, a table, a value in a database.
///
/// What is read back [makes a memory](crate::Memory) of it.
pub trait Storage {
    /// Why notes could not be kept.
    type Error;

    /// Adds notes behind those that are there: all or none. They must be durable when this returns, as the caller may
    /// have the message deleted then.
    ///
    /// # Errors
    /// Returns an error if they could not be kept. None of them may be there then.
    fn append(&mut self, notes: &[Note]) -> Result<(), Self::Error>;

    /// Puts these notes in the place of all that are there, in one step: a crash must leave the old ones or the new
    /// ones. Each message has one note.
    ///
    /// # Errors
    /// Returns an error if that failed. The old ones, or the new ones, must be there then.
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
