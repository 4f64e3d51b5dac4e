//! What must be true of the messages of a Maildir.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pop3_simulation::SimDisk;
use pop3_simulation::disk::Found;

/// What the test knows of the messages, by their contents, of which no two are the same.
#[derive(Debug, Default)]
pub struct Book {
    /// They are on the disk, and nobody may have removed them.
    pub durable: BTreeSet<Vec<u8>>,
    /// They may be there or not.
    pub unsure: BTreeSet<Vec<u8>>,
    /// They were removed for good.
    pub removed: BTreeSet<Vec<u8>>,
    /// The unique-ids that messages had, and the other way round.
    messages: BTreeMap<String, Vec<u8>>,
    uids: BTreeMap<Vec<u8>, String>,
}

impl Book {
    /// The contents of all messages that are in a Maildir.
    pub fn found(disk: &SimDisk, path: &str) -> Vec<Vec<u8>> {
        let all = disk.peek(path).into_iter().filter_map(|(name, found)| match found {
            Found::File(octets) if name.starts_with("new") || name.starts_with("cur") => Some(octets),
            _ => None,
        });
        all.collect()
    }

    /// Somebody may remove a message.
    pub fn doubt(&mut self, message: &[u8]) {
        if self.durable.remove(message) {
            self.unsure.insert(message.to_vec());
        }
    }

    /// A message is gone for good.
    pub fn gone(&mut self, message: &[u8]) {
        self.doubt(message);
        self.unsure.remove(message);
        self.removed.insert(message.to_vec());
    }

    /// All messages are there that must be, and no others.
    pub fn check(&self, disk: &SimDisk, path: &str, when: &str) {
        let found = Self::found(disk, path);
        for message in &self.durable {
            let count = found.iter().filter(|found| *found == message).count();
            assert_eq!(count, 1, "{when}: a message that is durable: {}", message.escape_ascii());
        }
        for message in &self.removed {
            assert!(!found.contains(message), "{when}: it was removed: {}", message.escape_ascii());
        }
        for name in disk.peek(Path::new(path).join("tmp")).keys() {
            assert!(!name.as_os_str().is_empty());
        }
    }

    /// A message has the unique-id that it always had, and no other one had it.
    pub fn check_uid(&mut self, uid: &str, message: &[u8]) {
        let known = self.messages.entry(uid.to_owned()).or_insert_with(|| message.to_vec());
        assert_eq!(known, message, "the unique-id {uid} was that of another message");
        let known = self.uids.entry(message.to_vec()).or_insert_with(|| uid.to_owned());
        assert_eq!(known, uid, "a message had another unique-id: {}", message.escape_ascii());
    }
}
