//! What a Maildir knows of a message, besides its content, its size and its unique-id.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use pop3_proto::MessageNumber;

use super::Maildir;
use crate::name::{self, InfoSeparator, MaildirFolder};

/// What a Maildir knows of a message, for a program that moves it to another store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageAttributes {
    /// When it was delivered: the modification time of its file.
    pub received: SystemTime,
    /// Its flags, the letters of maildir(5). `None` for a message in `new`, which no mail reader has seen.
    pub flags: Option<Vec<u8>>,
}

impl Maildir {
    /// Returns what is known of a message of the snapshot, or `None` if there is no such message. The flags are those
    /// that the message had when it was looked at last.
    #[must_use]
    pub fn attributes(&self, message: MessageNumber) -> Option<MessageAttributes> {
        let mut name = Vec::new();
        let entry = self.entries.get(message.index(), &mut name)?;
        let since = Duration::from_nanos(u64::try_from(entry.stat.modified).unwrap_or(0));
        let flags = match entry.folder {
            MaildirFolder::New => None,
            MaildirFolder::Cur => {
                let flags = name::flags(entry.name, InfoSeparator::Colon);
                Some(flags.map(|(_, flags)| flags.to_vec()).unwrap_or_default())
            }
        };
        Some(MessageAttributes { received: UNIX_EPOCH + since, flags })
    }
}
