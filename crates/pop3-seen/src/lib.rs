//! Remembers which messages of a POP3 maildrop were already stored or deleted, by their unique-ids.
//!
//! Use this crate if your program polls a server, leaves mail there, and keeps its state in a database of its own.
//! `pop3-fetch` is a complete fetcher with a state file, built on this crate.
//!
//! A program that polls a POP3 server and leaves mail there must remember what it has stored. For this, UIDL gives
//! each message a unique-id (RFC 1939 section 7). [`Seen`] tells which messages are [new](Seen::is_new). You tell it
//! which were [stored](Seen::stored), marked with [DELE](Seen::deleting), [deleted](Seen::deleted), or are
//! [gone](Seen::forget). It does no I/O: you supply a [`Storage`] that keeps its [`Note`]s.
//!
//! Pollers often make these mistakes. `Seen` handles them:
//!
//! - **A server reuses a unique-id.** RFC 1939 forbids this during the session of the first message, but many servers
//!   do it later, or give two messages the same unique-id. `Seen` tells messages with the same unique-id apart by
//!   their order ([`Id::occurrence`]). A message that returns after it was gone counts as the same only if it has the
//!   same size ([`SeenEntry::is_same`]), and [may not be deleted](SeenEntry::may_be_deleted) before it is fetched
//!   again. Neither may one of several messages with the same unique-id.
//! - **A broken server sends a short list**, and everything is fetched again when the list is complete again. `Seen`
//!   remembers messages that are missing from the list for [some days](Forgetting::after), even if the clock is
//!   wrong.
//! - **DELE was sent, but QUIT was not answered.** A server deletes only at QUIT (RFC 1939 section 6), so the outcome
//!   is unknown. `Seen` records the marks before QUIT, and the [next listing](Seen::compare) shows what happened.
//! - **A message is recorded before it is stored**, and a crash in between loses it; or long after, and a crash
//!   stores it twice. Call [`stored`](Seen::stored) when the message is on the disk, and only then send DELE.
//! - **The unique-id is trusted** and used in a file name, a line or a query. It is 1 to 70 octets that the server
//!   chose, and some servers send others. `Seen` keeps 16 octets of its hash instead.
//!
//! A poll in the order that loses nothing:
//!
//! ```
//! use pop3_seen::{Census, SeenEntry, Forgetting, Memory, Note, Seen, Storage, day};
//!
//! /// Keeps the notes in memory. A real storage writes them to the disk.
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
//!         seen.stored(&[(id, SeenEntry::new(120, census.count(id.key)))])?;
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
pub use entry::{Absence, Day, Id, SeenEntry, day};
pub use key::{Content, Key};
pub use memory::{Forgetting, Memory};
pub use seen::Seen;
pub use storage::{Note, Storage};
pub use text::Unreadable;
