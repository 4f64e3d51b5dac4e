//! Which command something is about.

use pop3_proto::Keyword;

/// A command that a reply belongs to: its number on this connection, from 1, and its keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Asked {
    /// The number of the command on this connection, from 1, or 0 if it is unknown.
    pub number: u64,
    /// The keyword, or `None` if this crate does not know it.
    pub keyword: Option<Keyword>,
}
