//! The outcome of a row, and the functions with which checks report it.

use core::fmt;

/// The outcome of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The requirement is met.
    Passed {
        /// What was observed if several behaviours are correct; often empty.
        note: String,
    },
    /// The requirement is not met.
    Failed {
        /// What was observed, and what was expected.
        reason: String,
    },
    /// The row could not be tested, or does not apply to this peer.
    NotApplicable {
        /// The reason.
        reason: String,
    },
}

impl Outcome {
    /// Returns the note or the reason.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Passed { note: text }
            | Self::Failed { reason: text }
            | Self::NotApplicable { reason: text } => text,
        }
    }
}

impl fmt::Display for Outcome {
    /// One word, or three.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "FAILED",
            Self::NotApplicable { .. } => "not applicable",
        })
    }
}

/// Why a check stops early.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    Failed(String),
    /// The server says that the problem is temporary. For a row this is a failure like any other.
    Later(String),
    NotApplicable(String),
}

/// The result of a check: a note, or why it stopped.
pub(crate) type Verdict = Result<String, Stop>;

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Ok(note) => Self::Passed { note },
            Err(Stop::Failed(reason) | Stop::Later(reason)) => Self::Failed { reason },
            Err(Stop::NotApplicable(reason)) => Self::NotApplicable { reason },
        }
    }
}

/// The requirement is met.
pub(crate) fn done() -> Verdict {
    Ok(String::new())
}

/// The requirement is met, and this was observed.
pub(crate) fn note(text: impl Into<String>) -> Verdict {
    Ok(text.into())
}

pub(crate) fn fail<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Failed(reason.into()))
}

pub(crate) fn skip<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::NotApplicable(reason.into()))
}

/// Fails with the reason unless the condition holds.
pub(crate) fn ensure(condition: bool, reason: impl FnOnce() -> String) -> Result<(), Stop> {
    if condition { Ok(()) } else { fail(reason()) }
}
