//! Why a Maildir could not be opened or a message not be read.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use pop3_proto::MessageNumber;

/// Why a Maildir could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another session has locked the maildrop: `-ERR [IN-USE]` (RFC 2449 section 8.1.2).
    Locked {
        /// The Maildir.
        path: PathBuf,
    },
    /// There is no Maildir: the directory is missing, or has none of `new`, `cur` and `tmp`. A server may treat this as an empty
    /// maildrop, or use [`MaildirConfig::with_create`](crate::MaildirConfig::with_create).
    Missing {
        /// The Maildir.
        path: PathBuf,
    },
    /// The process lacks a permission. A later attempt will also fail: `-ERR [SYS/PERM]` (RFC 3206 section 4).
    Denied {
        /// The Maildir.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Any other error: `-ERR [SYS/TEMP]` (RFC 3206 section 4).
    Io {
        /// The Maildir.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        let kind = source.kind();
        if kind == io::ErrorKind::NotFound {
            Self::Missing { path }
        } else if matches!(kind, io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) {
            Self::Denied { path, source }
        } else {
            Self::Io { path, source }
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { path } => write!(f, "the Maildir {path:?} is in use by another session"),
            Self::Missing { path } => write!(f, "there is no Maildir {path:?}"),
            Self::Denied { path, .. } => write!(f, "no permission to use the Maildir {path:?}"),
            Self::Io { path, .. } => write!(f, "can't open the Maildir {path:?}"),
        }
    }
}

impl core::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Locked { .. } | Self::Missing { .. } => None,
            Self::Denied { source, .. } | Self::Io { source, .. } => Some(source),
        }
    }
}

/// Why a message could not be opened. Answer this command with `-ERR`; the session continues.
#[derive(Debug)]
#[non_exhaustive]
pub enum MessageError {
    /// The snapshot has no message with this number.
    NoSuchMessage(MessageNumber),
    /// The file no longer exists, under any name.
    Vanished {
        /// Its last known path.
        path: PathBuf,
    },
    /// The file or its content has changed since the snapshot.
    Changed {
        /// Its path.
        path: PathBuf,
    },
    /// The header is not ASCII, and the client has not enabled UTF8: `-ERR [UTF8]` (RFC 6856 section 5). See
    /// [`EightBitHeaders`](crate::EightBitHeaders).
    NeedsUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// The system reported an error.
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchMessage(number) => write!(f, "there is no message {number}"),
            Self::Vanished { path } => write!(f, "the message {path:?} is gone"),
            Self::Changed { path } => write!(f, "the message {path:?} was changed during the session"),
            Self::NeedsUtf8 { path } => write!(f, "the message {path:?} requires a client in UTF8 mode"),
            Self::Io { path, .. } => write!(f, "can't open the message {path:?}"),
        }
    }
}

impl core::error::Error for MessageError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NoSuchMessage(_)
            | Self::Vanished { .. }
            | Self::Changed { .. }
            | Self::NeedsUtf8 { .. } => None,
            Self::Io { source, .. } => Some(source),
        }
    }
}
