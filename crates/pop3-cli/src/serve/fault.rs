//! What is wrong with the options of a server.

use crate::exit::Failure;

/// What is wrong, and the option that it is about.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) option: &'static str,
    pub(super) failure: Failure,
}

/// What is prepared, and whether files may be made for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Serve,
    Check,
}

impl Fault {
    pub(super) fn new(option: &'static str, failure: impl Into<Failure>) -> Self {
        Self { option, failure: failure.into() }
    }

    /// The same with another text.
    pub(super) fn map(self, change: impl FnOnce(Failure) -> Failure) -> Self {
        Self { option: self.option, failure: change(self.failure) }
    }
}
