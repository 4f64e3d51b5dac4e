//! How a try ends, and what a check says it with.

use core::fmt;

/// How the try of a row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// As required.
    Passed {
        /// What was seen where more than one thing is right; often empty.
        note: String,
    },
    /// Not as required.
    Failed {
        /// What was seen, and what was expected.
        reason: String,
    },
    /// It could not be tried, or does not bind this peer.
    NotApplicable {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// The note or the reason.
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
    /// One word or three.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed { .. } => "passed",
            Self::Failed { .. } => "FAILED",
            Self::NotApplicable { .. } => "not applicable",
        })
    }
}

/// Why a try ends before its end.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    Failed(String),
    /// The server says that it will pass: to a row it is a failure as any other.
    Later(String),
    NotApplicable(String),
}

/// What a check returns: a note, or why it stopped.
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

/// All is as it should be.
pub(crate) fn done() -> Verdict {
    Ok(String::new())
}

/// All is as it should be, and this was seen.
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
