//! Maildirs from which and into which messages are copied.

use std::io::Read;
use std::path::{Path, PathBuf};

use pop3_disk::System;
use pop3_maildir::{
    ImportError, ImportedMessage, Maildir, MaildirConfig, MaildirImport, OpenError, UniqueIds,
};
use pop3_proto::{MessageNumber, UniqueId};

use super::transfer::{Item, Source, Target};
use crate::exit::{Exit, Failure};

/// Octets of messages that are seen at once, so that a transfer that is cut short has not been in vain.
const BATCH_OCTETS: u64 = 64 << 20;

/// Messages of a batch. Each rewrites the list of unique-ids.
const BATCH: usize = 1000;

/// A locked Maildir that is read.
#[derive(Debug)]
pub(super) struct FromMaildir {
    maildir: Maildir,
    items: Vec<Item>,
    missing: Vec<String>,
}

impl FromMaildir {
    pub(super) fn open(path: &Path, unique_ids: UniqueIds) -> Result<Self, Failure> {
        let config = MaildirConfig::new().with_unique_ids(unique_ids);
        let mut maildir = Maildir::open_with(path, &config).map_err(|error| {
            let locked = matches!(error, OpenError::Locked { .. });
            Failure::new(if locked { Exit::TryLater } else { Exit::Usage }, pop3_text::reasons(&error))
        })?;
        let mut missing: Vec<_> = maildir
            .skipped()
            .iter()
            .map(|skipped| {
                let file = path.join(skipped.folder.name()).join(&skipped.name);
                format!("{} is left out: {}", file.display(), skipped.reason)
            })
            .collect();
        let more = maildir.summary().skipped.saturating_sub(missing.len());
        if more > 0 {
            missing.push(format!("{more} more files in {} are left out", path.display()));
        }
        if let Some(error) = maildir.unrecorded() {
            let path = path.display();
            missing.push(format!("{path}: the unique-ids of new messages can't be recorded: {error}"));
        }
        let snapshot = maildir.take_snapshot();
        let item = |number: MessageNumber| {
            let attributes = maildir.attributes(number)?;
            let unique_id = snapshot.unique_id(number)?.to_string();
            Some(Item { unique_id, received: attributes.received, flags: attributes.flags })
        };
        let items = snapshot.numbers().map_while(item).collect();
        Ok(Self { maildir, items, missing })
    }
}

impl Source for FromMaildir {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }

    fn open(&mut self, place: usize) -> Result<Box<dyn Read + '_>, Failure> {
        let number = MessageNumber::from_index(place)
            .ok_or_else(|| Failure::usage("a maildrop has too many messages"))?;
        let message = self.maildir.message(number);
        let message = message.map_err(|error| Failure::new(Exit::Partial, pop3_text::reasons(&error)))?;
        Ok(Box::new(message))
    }
}

/// A locked Maildir that is written.
#[derive(Debug)]
pub(super) struct IntoMaildir {
    path: PathBuf,
    import: MaildirImport,
    stored: usize,
    waiting: usize,
    octets: u64,
}

impl IntoMaildir {
    /// Opens a Maildir, which is created if it is missing, but not the directory above it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let import = MaildirImport::open(&System::shared(), path).map_err(|error| failure(&error))?;
        Ok(Self { path: path.to_path_buf(), import, stored: 0, waiting: 0, octets: 0 })
    }
}

impl Target for IntoMaildir {
    fn knows(&self, unique_id: &str) -> bool {
        UniqueId::parse(unique_id.as_bytes()).is_ok_and(|id| self.import.knows(id))
    }

    fn add(&mut self, item: &Item, content: &mut dyn Read) -> Result<(), Failure> {
        let id = UniqueId::parse(item.unique_id.as_bytes())
            .map_err(|error| Failure::usage(format!("{}: {error}", self.path.display())))?;
        let message = ImportedMessage::new(id, item.received).with_flags(item.flags.as_deref());
        let mut content = Counted { content, octets: 0 };
        self.import.add(&message, &mut content).map_err(|error| failure(&error))?;
        self.waiting += 1;
        self.octets += content.octets;
        if self.waiting >= BATCH || self.octets >= BATCH_OCTETS {
            self.finish()?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<usize, Failure> {
        self.stored += self.import.publish().map_err(|error| failure(&error))?;
        (self.waiting, self.octets) = (0, 0);
        Ok(self.stored)
    }
}

/// Counts the octets that are read.
struct Counted<'c> {
    content: &'c mut dyn Read,
    octets: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.octets += read as u64;
        Ok(read)
    }
}

/// The failure of an import into a Maildir. It can be tried later if the Maildir is in use.
pub(super) fn failure(error: &ImportError) -> Failure {
    let in_use = error.kind() == std::io::ErrorKind::WouldBlock;
    Failure::new(if in_use { Exit::TryLater } else { Exit::Usage }, pop3_text::reasons(error))
}
