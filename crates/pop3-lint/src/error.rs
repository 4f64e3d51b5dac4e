//! Why a recording was not read to its end.

use core::fmt;
use std::io;

/// Why a recording could not be read completely. The sessions before the error are still reported.
#[derive(Debug)]
#[non_exhaustive]
pub enum LintError {
    /// The input could not be read.
    Io(io::Error),
    /// The input is truncated, or is neither a transcript nor a capture. The text says where and why.
    Unreadable(String),
    /// The capture contains no session: no connection to one of the [ports](crate::LintOptions::ports) that a server
    /// answered.
    NothingCaptured,
    /// The transcript contains no session: no line begins with `C:` or `S:`.
    NothingSaid,
}

impl fmt::Display for LintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("reading failed"),
            Self::Unreadable(why) => f.write_str(why),
            Self::NothingCaptured => f.write_str("it contains no session"),
            Self::NothingSaid => f.write_str("it contains no session: no line begins with C: or S:"),
        }
    }
}

impl core::error::Error for LintError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Unreadable(_) | Self::NothingCaptured | Self::NothingSaid => None,
        }
    }
}
