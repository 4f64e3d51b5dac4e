//! Why a delivery failed.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a message could not be delivered, or a Maildir could not be opened.
#[derive(Debug)]
pub struct DeliveryError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
    may_be_delivered: bool,
}

impl DeliveryError {
    pub(super) fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_path_buf(), source, may_be_delivered: false }
    }

    pub(super) const fn unsure(mut self, may_be_delivered: bool) -> Self {
        self.may_be_delivered = may_be_delivered;
        self
    }

    /// Returns the file or directory that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the kind of the system error. `StorageFull` and `QuotaExceeded` will affect the next message, too.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Returns whether the message may be in the Maildir although it could not be delivered: it had appeared before the
    /// error came, and could not be taken back, or a mail reader already has it. It may then be lost in a power failure.
    /// Whoever delivers it again may store it twice.
    #[must_use]
    pub const fn may_be_delivered(&self) -> bool {
        self.may_be_delivered
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "can't {} {:?}", self.action, self.path)?;
        if self.may_be_delivered {
            f.write_str(
                "; the message may be in the Maildir all the same, look for it before you deliver it again",
            )?;
        }
        Ok(())
    }
}

impl core::error::Error for DeliveryError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<DeliveryError> for io::Error {
    fn from(error: DeliveryError) -> Self {
        Self::new(error.kind(), error)
    }
}
