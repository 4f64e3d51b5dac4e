//! Why a message was not delivered, as a mail server is told.

use core::fmt;
use std::io::ErrorKind;

use pop3_text::Printable;

use crate::exit::{Exit, Failure};

/// Why a message was not delivered. Mail servers get an exit code of sysexits.h, and a line that begins with a status
/// code of RFC 3463, which Postfix prefers to the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Undelivered {
    reason: Reason,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// There is no such user. The message goes back.
    NoUser,
    /// The maildrop of a database is full, and will be for a while. The message goes back.
    #[cfg(feature = "tokio")]
    Full,
    /// The disk is full.
    DiskFull,
    /// The settings are wrong. The message can wait until they are right.
    Settings,
    /// Anything else. The message can wait.
    Later,
}

impl Undelivered {
    /// The sender of the message reads this, so that it tells nothing about this machine.
    pub(crate) fn no_user(name: impl fmt::Display) -> Self {
        Self { reason: Reason::NoUser, text: format!("there is no user {name}") }
    }

    /// The sender of the message reads this, too.
    #[cfg(feature = "tokio")]
    pub(crate) fn full() -> Self {
        Self { reason: Reason::Full, text: "the maildrop is full".to_owned() }
    }

    pub(crate) fn settings(text: impl Into<String>) -> Self {
        Self { reason: Reason::Settings, text: text.into() }
    }

    pub(crate) fn later(text: impl Into<String>) -> Self {
        Self { reason: Reason::Later, text: text.into() }
    }

    /// An error of the system where something is stored.
    pub(crate) fn of_disk(kind: ErrorKind, text: impl fmt::Display) -> Self {
        if matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            let text = format!("{text}; free some space, the mail server tries again");
            Self { reason: Reason::DiskFull, text }
        } else if matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) {
            Self::settings(format!("{text}; run this as the user to whom the maildrops belong"))
        } else {
            Self::later(text.to_string())
        }
    }

    /// What happened, and what to do.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self.reason {
            Reason::NoUser => Exit::NoUser,
            #[cfg(feature = "tokio")]
            Reason::Full => Exit::NoPermission,
            Reason::DiskFull | Reason::Settings | Reason::Later => Exit::TempFail,
        }
    }

    /// The status code of RFC 3463.
    pub(crate) const fn status(&self) -> &'static str {
        match self.reason {
            Reason::NoUser => "5.1.1",
            #[cfg(feature = "tokio")]
            Reason::Full => "5.2.2",
            Reason::DiskFull => "4.3.1",
            Reason::Settings => "4.3.5",
            Reason::Later => "4.3.0",
        }
    }
}

impl fmt::Display for Undelivered {
    /// One line, whatever the text contains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pop3: {}", self.status(), Printable::whole(self.text.as_bytes()))
    }
}

/// For a command that no mail server runs.
impl From<Undelivered> for Failure {
    fn from(undelivered: Undelivered) -> Self {
        Self::usage(undelivered.text())
    }
}
