//! Opening a message of a Maildir.

use std::io;

use pop3_proto::MessageNumber;

use super::Maildir;
use crate::config::EightBitHeaders;
use crate::error::MessageError;
use crate::lookup;
use crate::message::MessageFile;
use crate::search::SEARCHES;
use crate::substitute;

impl Maildir {
    /// Opens a message of the snapshot, if that is possible without waiting for the disk. Otherwise, use
    /// [`message`](Self::message) where it may block, which also tells what is wrong.
    ///
    /// This works on Linux, on the usual local file systems, for messages that were read or written recently. The
    /// message is verified when its first octets are read with [`MessageFile::try_read`]. If that fails, for whatever
    /// reason, use [`message`](Self::message), too.
    pub fn try_message(&mut self, number: MessageNumber) -> Option<MessageFile> {
        let mut name = Vec::new();
        let entry = self.entries.get(number.index(), &mut name)?;
        let as_stored = !entry.eight_bit || matches!(self.eight_bit_headers, EightBitHeaders::Send);
        if !as_stored || !self.tries.are_possible() {
            return None;
        }
        let file = self.tries.noted(self.root.try_open(entry.folder, entry.name)).ok()?;
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
        let message = self.patience.insist(&*disk, || self.find_message(number));
        if let Err(MessageError::Changed { .. } | MessageError::Vanished { .. }) = &message {
            self.forget(number.index());
        }
        message
    }

    fn find_message(&mut self, number: MessageNumber) -> Result<MessageFile, MessageError> {
        let index = number.index();
        if let Some(message) = self.in_its_place(index) {
            return self.prepared(index, message);
        }
        let Some(path) = self.path_of(index) else { return Err(MessageError::NoSuchMessage(number)) };
        let io_error = |source| MessageError::Io { path: path.clone(), source };
        let Self { root, entries, searched, eight_bit_headers, tries, separator, .. } = self;
        let folders = match root.folders(false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MessageError::Vanished { path });
            }
            folders => folders.map_err(io_error)?,
        };
        for _ in 0..SEARCHES {
            if let Some(message) =
                lookup::open(&folders, entries, index, *eight_bit_headers, tries).map_err(io_error)?
            {
                return self.prepared(index, message);
            }
            if !lookup::search(&folders, entries, searched, index, *separator).map_err(io_error)? {
                break;
            }
        }
        let mut name = Vec::new();
        let Some(entry) = entries.get(index, &mut name) else {
            return Err(MessageError::NoSuchMessage(number));
        };
        let path = root.path_of(entry.folder, entry.name);
        match folders.stat(entry.folder, entry.name) {
            Ok(Some(_)) => Err(MessageError::Changed { path }),
            Ok(None) => Err(MessageError::Vanished { path }),
            Err(source) => Err(MessageError::Io { path, source }),
        }
    }

    /// The message, if its file is still where and what it was at the snapshot.
    fn in_its_place(&self, index: usize) -> Option<MessageFile> {
        let mut name = Vec::new();
        let entry = self.entries.get(index, &mut name)?;
        let file = self.root.open_file(entry.folder, entry.name).ok()?;
        let stat = file.stat().ok()?;
        // With another change time, it has to be counted again.
        let is_as_counted = stat.same_content(&entry.stat) && stat.changed == entry.stat.changed;
        let same = stat.is_file() && is_as_counted;
        same.then(|| MessageFile::new(file, stat, self.tries.clone()))
    }

    /// The message as it is to be sent.
    fn prepared(&self, index: usize, message: MessageFile) -> Result<MessageFile, MessageError> {
        let eight_bit = self.entries.get(index, &mut Vec::new()).is_some_and(|entry| entry.eight_bit);
        let path = || self.path_of(index).unwrap_or_default();
        let prepared = match self.eight_bit_headers {
            EightBitHeaders::Convert(convert) if eight_bit => match self.unconverted.get(&index) {
                None => substitute::apply(message, convert),
                Some(why) => Err(io::Error::new(
                    *why,
                    format!(
                        "its header could not be read at the login ({why}), so another size was listed; the next login \
                         tries again"
                    ),
                )),
            },
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
