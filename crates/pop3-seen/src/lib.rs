//! A book of unique-ids: which messages of a maildrop were stored, which were deleted, and when they may be forgotten.
//!
//! Whoever polls a POP3 server and leaves mail there has to remember what he has stored. UIDL gives each message a
//! unique-id for that (RFC 1939, section 7). [`Seen`] is the book: it says what is [new](Seen::is_new), and takes note of
//! what was [stored](Seen::stored), marked by [DELE](Seen::deleting), [deleted](Seen::deleted), and is
//! [gone](Seen::forget). It does no I/O: the caller supplies a [`Storage`] that keeps [`Note`]s.
//!
//! The mistakes that pollers make, and what the book makes of them:
//!
//! - **A unique-id is given a second time.** RFC 1939 forbids it as long as the session of the first message lasts, and
//!   many servers do it later, or give two messages one unique-id. Messages under one unique-id are told apart by their
//!   order ([`Id::occurrence`]); what came back after it was gone is the same only if its size is
//!   ([`Entry::is_same`]), and is [not to be deleted](Entry::may_be_deleted) without being fetched again.
//! - **The list shrinks because the server is broken**, and all is fetched again when it is whole. What is not listed is
//!   remembered for [so many days](Forgetting::after) by a clock that may be wrong.
//! - **DELE was sent, and QUIT was not answered.** Only at QUIT the server deletes, so nobody knows. The marks are noted
//!   before QUIT, and the [next listing](Seen::compare) tells what became of them.
//! - **A message is noted before it is stored**, and a crash in between loses it; or long after, and it is stored twice.
//!   Call [`stored`](Seen::stored) when the message is on the disk, and then send DELE.
//! - **The unique-id is trusted**: it is put into a file name, a line, or a query. It is 1 to 70 octets that the server
//!   chose, and some send others. The book keeps 16 octets of a hash of it.
//!
//! One poll, in the order that loses nothing:
//!
//! ```
//! use pop3_seen::{Census, Entry, Forgetting, Memory, Note, Seen, Storage, day};
//!
//! /// Keeps the notes in memory; a real one brings them to the disk.
//! #[derive(Default)]
//! struct Notes(Vec<Note>);
//!
//! impl Storage for Notes {
//!     type Error = std::convert::Infallible;
//!
//!     fn append(&mut self, notes: &[Note]) -> Result<(), Self::Error> {
//!         self.0.extend_from_slice(notes);
//!         Ok(())
//!     }
//!
//!     fn replace(&mut self, notes: &mut dyn Iterator<Item = Note>) -> Result<(), Self::Error> {
//!         self.0 = notes.collect();
//!         Ok(())
//!     }
//! }
//!
//! let mut seen = Seen::new(Memory::default(), Notes::default());
//! let today = day(1_764_000_000);
//! for (listing, new) in [(vec!["a", "b"], vec![0, 1]), (vec!["b", "c"], vec![1])] {
//!     // UIDL and LIST have been answered.
//!     let census = Census::of_uids(&listing);
//!     seen.compare(&census, today)?;
//!     let places: Vec<usize> = (0..census.len()).filter(|&place| seen.is_new(&census, place, Some(120))).collect();
//!     assert_eq!(places, new);
//!     for place in places {
//!         // RETR; the message is on the disk.
//!         let id = census.id(place).unwrap();
//!         seen.stored(&[(id, Entry::new(120, census.count(id.key)))])?;
//!     }
//!     // DELE for the first one was answered with +OK.
//!     seen.deleting(&[census.id(0).unwrap()])?;
//!     // QUIT was answered with +OK.
//!     seen.deleted()?;
//!     seen.forget(&census, Forgetting { today, after: 90 }, |_| None)?;
//! }
//! // The next program run reads the notes.
//! let memory: Memory = seen.into_storage().0.into_iter().collect();
//! assert_eq!(memory.len(), 1);
//! # Ok::<(), std::convert::Infallible>(())
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod census;
mod entry;
mod key;
mod memory;
mod seen;
mod storage;
mod text;

pub use census::Census;
pub use entry::{Absence, Day, Entry, Id, day};
pub use key::{Content, Key};
pub use memory::{Forgetting, Memory};
pub use seen::Seen;
pub use storage::{Note, Storage};
pub use text::Unreadable;
