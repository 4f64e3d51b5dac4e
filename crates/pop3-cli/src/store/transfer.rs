//! Copying the messages of a maildrop from one store to another.

use std::io::Read;
use std::time::SystemTime;

use crate::exit::Failure;
use crate::tell::tell;

/// What is known of a message, besides its content.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) unique_id: String,
    pub(super) received: SystemTime,
    /// The letters of maildir(5). `None` for a message that no mail reader has seen.
    pub(super) flags: Option<Vec<u8>>,
}

/// A maildrop that is read, and locked meanwhile.
pub(super) trait Source {
    /// The messages in their order.
    fn items(&self) -> &[Item];

    /// What keeps messages from being among the items, in one line each.
    fn missing(&self) -> Vec<String>;

    /// The content of a message. Reading fails if it is not whole.
    fn open(&mut self, place: usize) -> Result<Box<dyn Read + '_>, Failure>;
}

/// A maildrop that is written.
pub(super) trait Target {
    /// Whether a message with this unique-id is or was there, as far as that can be told without reading the message.
    fn knows(&self, unique_id: &str) -> bool;

    /// Adds a message. It may be stored later, with others.
    fn add(&mut self, item: &Item, content: &mut dyn Read) -> Result<(), Failure>;

    /// Stores what was added, durably. Returns the number of all messages that were stored.
    fn finish(&mut self) -> Result<usize, Failure>;
}

/// What a transfer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Transferred {
    /// The messages that are new in the target.
    pub(super) new: usize,
    /// Those that were there before.
    pub(super) known: usize,
    /// Those that could not be read. Each was told.
    pub(super) failed: usize,
}

/// Copies all messages that the target does not know. When this returns, they survive a power failure. If it is cut
/// short, in whatever way, it can be repeated.
pub(super) fn transfer(source: &mut dyn Source, target: &mut dyn Target) -> Result<Transferred, Failure> {
    let missing = source.missing();
    missing.iter().for_each(|why| tell(Failure::usage(why.as_str())));
    let mut failed = missing.len();
    let items = source.items().to_vec();
    for (place, item) in items.iter().enumerate() {
        if target.knows(&item.unique_id) {
            continue;
        }
        match source.open(place) {
            Ok(mut content) => target.add(item, &mut content)?,
            Err(failure) => {
                tell(failure);
                failed += 1;
            }
        }
    }
    let new = target.finish()?;
    let unread = failed - missing.len();
    Ok(Transferred { new, known: items.len().saturating_sub(new + unread), failed })
}
