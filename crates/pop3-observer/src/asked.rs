//! Which command something is about.

use pop3_proto::Keyword;

/// A command that is answered: its number on this connection, from 1, and its keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Asked {
    /// Which of the client's commands it is, from 1; 0 when that can't be told.
    pub number: u64,
    /// The keyword, `None` when it is none that this crate knows.
    pub keyword: Option<Keyword>,
}
