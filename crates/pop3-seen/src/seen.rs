//! The book: what is remembered, and where that is kept.

use alloc::vec::Vec;

use crate::{Census, Day, Forgetting, Id, Memory, Note, SeenEntry, Storage};

/// The record of one account: which messages were stored or deleted, and which to forget.
///
/// Each change is in the [`Storage`] when the call returns. If the storage fails, the call returns its error. The
/// state remains valid: repeat the call, or restore the record from the storage.
#[derive(Clone, Debug)]
pub struct Seen<S> {
    memory: Memory,
    storage: S,
    /// The storage was not told of the last change of the memory.
    is_behind: bool,
}

impl<S: Storage> Seen<S> {
    /// Creates a record with the memory that was read from the storage, or an empty one for a new account.
    pub const fn new(memory: Memory, storage: S) -> Self {
        Self { memory, storage, is_behind: false }
    }

    /// Returns the memory.
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns the storage.
    pub const fn storage(&self) -> &S {
        &self.storage
    }

    /// Returns the storage. Do not change its notes.
    pub const fn storage_mut(&mut self) -> &mut S {
        &mut self.storage
    }

    /// Returns the storage and drops the rest.
    pub fn into_storage(self) -> S {
        self.storage
    }

    /// Compares the record with a new listing. Call it before any other method in a session. If the end of the last
    /// session is unknown, this finds out whether its deletions took place. `today` is [the day](crate::day), or
    /// `None` if the clock is obviously wrong.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn compare(&mut self, census: &Census<'_>, today: Option<Day>) -> Result<(), S::Error> {
        let forgetting = Forgetting { today, after: Day::MAX };
        let changed = self.memory.reconcile(census, forgetting);
        self.replace_if(changed)
    }

    /// Returns whether to fetch the message at this place of the listing. It is new if it is not recorded, or if it may
    /// be another one than that which is recorded ([`SeenEntry::is_same`]). `size` is its size in LIST, if known.
    pub fn is_new(&self, census: &Census<'_>, place: usize, size: Option<u64>) -> bool {
        let known = census.id(place).and_then(|id| self.memory.known(id));
        known.is_none_or(|entry| !entry.is_same(size))
    }

    /// Records that messages are stored. Call it when they are on the disk, or are certain to be found there.
    ///
    /// # Errors
    /// Returns an error if the storage fails. The messages are then not recorded.
    pub fn stored(&mut self, messages: &[(Id, SeenEntry)]) -> Result<(), S::Error> {
        self.catch_up()?;
        let notes: Vec<Note> = messages.iter().map(|&(id, entry)| Note::Stored(id, entry)).collect();
        self.storage.append(&notes)?;
        for &(id, entry) in messages {
            self.memory.insert(id, entry);
        }
        Ok(())
    }

    /// Records that messages were not stored after all. They are new again.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn not_stored(&mut self, ids: &[Id]) -> Result<(), S::Error> {
        for &id in ids {
            self.memory.remove(id);
        }
        self.replace_if(!ids.is_empty())
    }

    /// Records the messages for which DELE was sent, or is about to be. Call it before you send QUIT. If the server
    /// refuses to mark one of them, tell [`not_deleting`](Self::not_deleting).
    ///
    /// If QUIT follows DELE before that is answered, only record messages that are alone with their unique-id
    /// ([`SeenEntry::total`] is 1). Of several with the same one, it must be known how many are deleted.
    ///
    /// # Errors
    /// Returns an error if the storage fails. End the session without QUIT then.
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

    /// Records that the server refused DELE for messages after they were recorded as
    /// [`deleting`](Self::deleting). Nothing is written: in the storage, the next listing shows the same.
    pub fn not_deleting(&mut self, ids: &[Id]) {
        for &id in ids {
            self.memory.not_deleting(id);
        }
    }

    /// Records that the server answered QUIT with `+OK`. The deleted messages are forgotten immediately, because the
    /// server may reuse their unique-ids.
    ///
    /// # Errors
    /// Returns an error if the storage fails.
    pub fn deleted(&mut self) -> Result<(), S::Error> {
        let changed = self.memory.deleted();
        self.replace_if(changed)
    }

    /// Records which messages are no longer listed, and forgets those that have been missing for long. Call it at the
    /// end of a successful session, with the listing from its start.
    ///
    /// `met` is called for messages that are remembered by their content. It returns whether the message was seen in
    /// this session, or `None` if it may exist unseen.
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

    /// Rewrites all notes in the storage.
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
