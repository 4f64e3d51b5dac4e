//! Why a Maildir could not be opened or a message not be read.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use pop3_proto::MessageNumber;

/// Why a Maildir was not opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another session has the maildrop: `-ERR [IN-USE]` (RFC 2449 section 8.1.2).
    Locked {
        /// The Maildir.
        path: PathBuf,
    },
    /// There is no Maildir: no directory, or one without `new` and `cur`. A server may take this
    /// for an empty maildrop, or set [`MaildirConfig::with_create`](crate::MaildirConfig::with_create).
    Missing {
        /// The Maildir.
        path: PathBuf,
    },
    /// The process may not do what it has to. It will not get better by itself: `-ERR [SYS/PERM]`
    /// (RFC 3206 section 4).
    Denied {
        /// The Maildir.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else: `-ERR [SYS/TEMP]` (RFC 3206 section 4).
    Io {
        /// The Maildir.
        path: PathBuf,
        /// What the system said.
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

/// Why a message was not opened. The session goes on: `-ERR` for this message.
#[derive(Debug)]
#[non_exhaustive]
pub enum MessageError {
    /// The snapshot has no message of this number.
    NoSuchMessage(MessageNumber),
    /// The file is not there any more, under no name.
    Vanished {
        /// Where it was last.
        path: PathBuf,
    },
    /// The file is not the one of the snapshot any more: other content or another file.
    Changed {
        /// Where it is.
        path: PathBuf,
    },
    /// The header is not ASCII, and the client has not asked for UTF8: `-ERR [UTF8]` (RFC 6856 section 5).
    /// See [`EightBitHeaders`](crate::EightBitHeaders).
    NeedsUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
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
