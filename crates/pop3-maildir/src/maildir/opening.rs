//! Opening a message of a Maildir.

use std::io;

use pop3_proto::MessageNumber;

use super::Maildir;
use crate::config::EightBitHeaders;
use crate::error::MessageError;
use crate::folders::Folders;
use crate::message::{MessageFile, Tries};
use crate::scan::{self, Entry};
use crate::substitute;

impl Maildir {
    /// Opens a message of the snapshot, if that is possible without waiting for the disk. Otherwise, use
    /// [`message`](Self::message) where it may block, which also tells what is wrong.
    ///
    /// This works on Linux, on the usual local file systems, for messages that were read or written recently. The
    /// message is verified when its first octets are read with [`MessageFile::try_read`]. If that fails, for whatever
    /// reason, use [`message`](Self::message), too.
    pub fn try_message(&mut self, number: MessageNumber) -> Option<MessageFile> {
        let entry = self.entries.get(number.index())?;
        let as_stored = !entry.eight_bit || matches!(self.eight_bit_headers, EightBitHeaders::Send);
        if !as_stored || !self.tries.are_possible() {
            return None;
        }
        let file = self.tries.noted(self.root.try_open(entry.folder, &entry.name)).ok()?;
        Some(MessageFile::unverified(file, entry.stat, self.tries.clone()))
    }

    /// Opens a message of the snapshot.
    ///
    /// A message that was renamed is found under its new name. The new name is recorded, which is why this needs
    /// `&mut self`.
    ///
    /// # Errors
    /// Returns a [`MessageError`] if the message no longer exists or has changed.
    pub fn message(&mut self, number: MessageNumber) -> Result<MessageFile, MessageError> {
        let disk = self.root.shared_disk();
        self.patience.insist(&*disk, || self.find_message(number))
    }

    fn find_message(&mut self, number: MessageNumber) -> Result<MessageFile, MessageError> {
        let index = number.index();
        if let Some(message) = self.in_its_place(index) {
            return self.prepared(index, message);
        }
        let Some(path) = self.path_of(index) else { return Err(MessageError::NoSuchMessage(number)) };
        let io_error = |source| MessageError::Io { path: path.clone(), source };
        let Self { root, entries, tries, .. } = self;
        let folders = match root.folders(false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MessageError::Vanished { path });
            }
            folders => folders.map_err(io_error)?,
        };
        for _ in 0..scan::SEARCHES {
            if let Some(message) = try_open(&folders, entries, index, tries).map_err(io_error)? {
                return self.prepared(index, message);
            }
            if !search(&folders, entries, index).map_err(io_error)? {
                break;
            }
        }
        let Some(entry) = entries.get(index) else { return Err(MessageError::NoSuchMessage(number)) };
        let path = root.path_of(entry.folder, &entry.name);
        match folders.stat(entry.folder, &entry.name) {
            Ok(Some(_)) => Err(MessageError::Changed { path }),
            Ok(None) => Err(MessageError::Vanished { path }),
            Err(source) => Err(MessageError::Io { path, source }),
        }
    }

    /// The message, if its file is still where and what it was at the snapshot.
    fn in_its_place(&self, index: usize) -> Option<MessageFile> {
        let entry = self.entries.get(index)?;
        let file = self.root.open_file(entry.folder, &entry.name).ok()?;
        let stat = file.stat().ok()?;
        let same = stat.is_file() && stat.same_content(&entry.stat);
        same.then(|| MessageFile::new(file, stat, self.tries.clone()))
    }

    /// The message as it is to be sent.
    fn prepared(&self, index: usize, message: MessageFile) -> Result<MessageFile, MessageError> {
        let eight_bit = self.entries.get(index).is_some_and(|entry| entry.eight_bit);
        let path = || self.path_of(index).unwrap_or_default();
        let prepared = match self.eight_bit_headers {
            EightBitHeaders::Convert(convert) if eight_bit => substitute::apply(message, convert),
            EightBitHeaders::Refuse if eight_bit => Ok(None),
            EightBitHeaders::Send | EightBitHeaders::Refuse | EightBitHeaders::Convert(_) => {
                Ok(Some(message))
            }
        };
        match prepared {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(MessageError::NeedsUtf8 { path: path() }),
            Err(source) => Err(MessageError::Io { path: path(), source }),
        }
    }
}

/// Looks where a message is now; `false` when it is under no other name.
fn search(folders: &Folders<'_>, entries: &mut [Entry], index: usize) -> io::Result<bool> {
    let before = entries.get(index).map(Entry::place);
    let settled = scan::relocate(folders, entries)?;
    if entries.get(index).map(Entry::place) != before {
        return Ok(true);
    }
    if !settled {
        folders.wait_for_tick()?;
    }
    Ok(!settled)
}

/// Opens the file where the snapshot has it, `None` when something else or nothing is there.
fn try_open(
    folders: &Folders<'_>,
    entries: &[Entry],
    index: usize,
    tries: &Tries,
) -> io::Result<Option<MessageFile>> {
    let Some(entry) = entries.get(index) else { return Ok(None) };
    // Asked by name first, so that nothing but the file is opened.
    match folders.stat(entry.folder, &entry.name)? {
        Some(stat) if stat.same_content(&entry.stat) => {}
        _ => return Ok(None),
    }
    match folders.open_message(entry.folder, &entry.name) {
        Ok((file, stat)) => {
            Ok(stat.same_content(&entry.stat).then(|| MessageFile::new(file, stat, tries.clone())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
