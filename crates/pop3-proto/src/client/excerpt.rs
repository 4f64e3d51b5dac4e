//! An excerpt of what the server sent, for error reports.

use alloc::boxed::Box;
use core::fmt;

use crate::command::Keyword;
use crate::escaped::Escaped;

/// The beginning of a line that the client could not understand.
///
/// These octets come from the server, so escape them before you show them. [`Display`](fmt::Display) writes them
/// between quotation marks, in ASCII. If the line repeats a password or token that was sent for the login, `***`
/// replaces it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    during: Option<Keyword>,
    octets: Box<[u8]>,
    cut: bool,
}

impl Excerpt {
    /// The maximum number of octets that are kept of a line.
    pub const MAX: usize = 200;

    /// Creates an excerpt from a line without its line end. Does not search the line for secrets.
    #[must_use]
    pub fn new(during: Option<Keyword>, line: &[u8]) -> Self {
        let octets = line.get(..Self::MAX).unwrap_or(line);
        Self { during, octets: octets.into(), cut: line.len() > Self::MAX }
    }

    /// Returns the command whose reply was awaited. It is `None` for the greeting and if no reply was awaited.
    #[must_use]
    pub const fn during(&self) -> Option<Keyword> {
        self.during
    }

    /// Returns the line without its line end, cut to [`MAX`](Self::MAX) octets.
    #[must_use]
    pub const fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Returns whether the line was cut.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Excerpt")
            .field("during", &self.during)
            .field("octets", &Escaped::new(&self.octets))
            .field("cut", &self.cut)
            .finish()
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dots = if self.cut { "..." } else { "" };
        write!(f, "\"{}{dots}\"", self.octets.escape_ascii())
    }
}
