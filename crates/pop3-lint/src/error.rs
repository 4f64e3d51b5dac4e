//! Why a recording was not read to its end.

use core::fmt;
use std::io;

/// Why a recording was not read to its end. What was read before is reported all the same.
#[derive(Debug)]
#[non_exhaustive]
pub enum LintError {
    /// Reading has failed.
    Io(io::Error),
    /// It is no transcript and no capture, or is cut off; the text says where and how.
    Unreadable(String),
    /// There is no session in the capture: no connection to one of the [ports](crate::LintOptions::ports) that a server has
    /// answered.
    NothingCaptured,
    /// There is no session in the transcript: no line begins with `C:` or `S:`.
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
