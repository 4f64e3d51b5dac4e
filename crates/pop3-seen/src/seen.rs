//! The book: what is remembered, and where that is kept.

use alloc::vec::Vec;

use crate::{Census, Day, Forgetting, Id, Memory, Note, SeenEntry, Storage};

/// The book of one account: which messages were stored, deleted, or may be forgotten.
///
/// Each change is in the [`Storage`] when the call returns. If that fails, the error is handed on; nothing is wrong
/// then, and the call may be made again, or the book read anew.
#[derive(Clone, Debug)]
pub struct Seen<S> {
    memory: Memory,
    storage: S,
    /// The storage was not told of the last change of the memory.
    is_behind: bool,
}

impl<S: Storage> Seen<S> {
    /// A book with what the storage has, or with nothing for a new account.
    pub const fn new(memory: Memory, storage: S) -> Self {
        Self { memory, storage, is_behind: false }
    }

    /// What is remembered.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Where it is kept.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// Where it is kept. What the notes say must stay as it is.
    pub const fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Gives the storage back.
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// Compares the book with a new listing: call it before anything is asked of the book, or stored. It finds out
    /// whether the deletions of a session whose end is not known took place. `today` is [the day](crate::day), `None`
    /// where the clock can't be right.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn compare(&mut self, census: &Census<'_>, today: Option<Day>) -> Result<(), S::Error> {
        let forgetting = Forgetting { today, after: Day::MAX };
        let changed = self.memory.reconcile(census, forgetting);
        self.replace_if(changed)
    }

    /// Returns whether the message at this place of the listing is to be fetched: it is not in the book, or has come
    /// back with another size. `size` is what LIST says, if it does.
    pub fn is_new(&self, census: &Census<'_>, place: usize, size: Option<u64>) -> bool {
        let known = census.id(place).and_then(|id| self.memory.known(id));
        known.is_none_or(|entry| !entry.is_same(size))
    }

    /// Notes that these messages are stored. Call it when they are on the disk, or are certain to be found there.
    ///
    /// # Errors
    /// Returns an error if the storage fails; then they are not noted.
    pub fn stored(&mut self, messages: &[(Id, SeenEntry)]) -> Result<(), S::Error> {
        self.catch_up()?;
        let notes: Vec<Note> = messages.iter().map(|&(id, entry)| Note::Stored(id, entry)).collect();
        self.storage.append(&notes)?;
        for &(id, entry) in messages {
            self.memory.insert(id, entry);
        }
        Ok(())
    }

    /// These messages were not stored after all, and will be new again.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn not_stored(&mut self, ids: &[Id]) -> Result<(), S::Error> {
        for &id in ids {
            self.memory.remove(id);
        }
        self.replace_if(!ids.is_empty())
    }

    /// Notes for which messages DELE was answered with `+OK`. Call it before QUIT is sent.
    ///
    /// # Errors
    /// Returns an error if the storage fails; then end the session without QUIT.
    pub fn deleting(&mut self, ids: &[Id]) -> Result<(), S::Error> {
        self.catch_up()?;
        if ids.is_empty() {
            return Ok(());
        }
        let notes: Vec<Note> = ids.iter().copied().map(Note::Deleting).collect();
        self.storage.append(&notes)?;
        for &id in ids {
            self.memory.deleting(id);
        }
        Ok(())
    }

    /// QUIT was answered with `+OK`: what was being deleted is gone, and forgotten at once, as a server may give its
    /// unique-id again.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn deleted(&mut self) -> Result<(), S::Error> {
        let changed = self.memory.deleted();
        self.replace_if(changed)
    }

    /// Takes note of what is not listed any more, and forgets what has not been listed for long. Call it at the end
    /// of a session that went well, with the listing that it began with.
    ///
    /// `met` is asked about messages that are known by their content, and not by a unique-id: whether it was met, or
    /// `None` where it may be there unseen.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn forget(
        &mut self,
        census: &Census<'_>,
        forgetting: Forgetting,
        met: impl Fn(Id) -> Option<bool>,
    ) -> Result<(), S::Error> {
        let changed = self.memory.prune(census, forgetting, met);
        self.replace_if(changed)
    }

    /// Has the storage write all anew.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn replace(&mut self) -> Result<(), S::Error> {
        self.is_behind = true;
        let mut notes = self.memory.iter().map(|(id, entry)| Note::Stored(id, entry));
        self.storage.replace(&mut notes)?;
        self.is_behind = false;
        Ok(())
    }

    fn replace_if(&mut self, changed: bool) -> Result<(), S::Error> {
        if changed || self.is_behind { self.replace() } else { Ok(()) }
    }

    /// What is appended must fit to what is there.
    fn catch_up(&mut self) -> Result<(), S::Error> {
        self.replace_if(false)
    }
}
