//! The Maildir as an open maildrop of the driver.
//!
//! A store of the driver is the users and their Maildirs, and so the program's. What its sessions
//! open is here. A program that logs wraps this, because the driver asks for less than is known.

use std::io;

use pop3_driver::backend::Context;
use pop3_driver::store;
use pop3_proto::server::Extent;
use pop3_proto::{Deletions, MessageNumber, Rejection};

use crate::error::{MessageError, OpenError};
use crate::maildir::Maildir;
use crate::message::MessageFile;

impl store::Maildrop for Maildir {
    type Message = MessageFile;

    fn try_fetch(&mut self, message: MessageNumber, _: Extent) -> Option<Result<MessageFile, Rejection>> {
        self.try_message(message).map(Ok)
    }

    fn try_read(message: &mut MessageFile, buffer: &mut [u8]) -> io::Result<usize> {
        message.try_read(buffer)
    }

    /// Opens the message. The extent makes no difference: what is not wanted is not read.
    fn fetch(&mut self, message: MessageNumber, _: Extent, _: &Context) -> Result<MessageFile, Rejection> {
        Ok(self.message(message)?)
    }

    fn commits_on_the_spot(&self, deletions: &Deletions) -> bool {
        deletions.is_empty() && self.releases_on_the_spot()
    }

    fn commit(self, deletions: &Deletions, _: &Context) -> usize {
        let report = Self::commit(self, deletions);
        // Removals that a power failure may undo are not permanent.
        report.failures().len().max(usize::from(!report.is_complete()))
    }
}

/// What the client is told: no path, nothing from the system.
impl From<OpenError> for Rejection {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Locked { .. } => Self::in_use(),
            OpenError::Missing { .. } => Self::permanent("there is no maildrop"),
            OpenError::Denied { .. } => Self::permanent("the maildrop can't be used"),
            OpenError::Io { .. } => Self::temporary("the maildrop can't be opened at the moment"),
        }
    }
}

/// What the client is told: no path, nothing from the system.
impl From<MessageError> for Rejection {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::NoSuchMessage(_) => Self::plain("no such message"),
            MessageError::Vanished { .. } => Self::temporary("the message no longer exists"),
            MessageError::Changed { .. } => Self::temporary("the message was changed"),
            MessageError::NeedsUtf8 { .. } => Self::utf8(),
            MessageError::Io { .. } => Self::temporary("the message can't be read at the moment"),
        }
    }
}
