//! What must be true of the messages of a Maildir.

use std::collections::{BTreeMap, BTreeSet};

use pop3_simulation::SimDisk;
use pop3_simulation::disk::Found;

/// What the test knows of the messages, by their contents, of which no two are the same.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// They are on the disk, and nobody may have removed them.
    pub(crate) durable: BTreeSet<Vec<u8>>,
    /// They may be there or not.
    pub(crate) unsure: BTreeSet<Vec<u8>>,
    /// They were removed for good.
    pub(crate) removed: BTreeSet<Vec<u8>>,
    /// The unique-ids that messages had, and the other way round.
    messages: BTreeMap<String, Vec<u8>>,
    uids: BTreeMap<Vec<u8>, String>,
}

impl Book {
    /// The contents of all messages that are in a Maildir.
    pub(crate) fn found(disk: &SimDisk, path: &str) -> Vec<Vec<u8>> {
        let mut found = disk.peek(path);
        found.retain(|name, _| name.starts_with("new") || name.starts_with("cur"));
        let octets = |found| if let Found::File(octets) = found { Some(octets) } else { None };
        found.into_values().filter_map(octets).collect()
    }

    /// Somebody may remove a message.
    pub(crate) fn doubt(&mut self, message: &[u8]) {
        if self.durable.remove(message) {
            self.unsure.insert(message.to_vec());
        }
    }

    /// A message is gone for good.
    pub(crate) fn gone(&mut self, message: &[u8]) {
        self.doubt(message);
        // Others are what a crash has left of a message.
        if self.unsure.remove(message) {
            self.removed.insert(message.to_vec());
        }
    }

    /// All messages are there that must be, and no others.
    pub(crate) fn check(&self, disk: &SimDisk, path: &str, when: &str) {
        let found = Self::found(disk, path);
        for message in &self.durable {
            let count = found.iter().filter(|found| *found == message).count();
            assert!(count >= 1, "{when}: a message that is durable: {}", message.escape_ascii());
        }
        for message in &self.removed {
            assert!(!found.contains(message), "{when}: it was removed: {}", message.escape_ascii());
        }
    }

    /// A message has the unique-id that it always had, and no other one had it. A crash may change what was not synced.
    pub(crate) fn check_uid(&mut self, uid: &str, message: &[u8]) {
        let known = self.messages.get(uid).filter(|known| *known != message);
        if let Some(known) = known.filter(|known| self.durable.contains(*known)) {
            panic!("the unique-id {uid} is that of another message: {}", known.escape_ascii());
        }
        if self.durable.contains(message) {
            let known = self.uids.entry(message.to_vec()).or_insert_with(|| uid.to_owned());
            assert_eq!(known, uid, "a message had another unique-id: {}", message.escape_ascii());
        }
        self.messages.insert(uid.to_owned(), message.to_vec());
    }
}
