//! What the server said, kept for the report of a fault.

use alloc::boxed::Box;
use core::fmt;

use crate::command::Keyword;
use crate::escaped::Escaped;

/// The beginning of a line that the client could not make sense of.
///
/// These are the server's octets, to be escaped before they are shown: [`Display`](fmt::Display) writes them
/// between quotation marks, in ASCII. Passwords and tokens that were sent for the login, and are repeated in
/// the line, are replaced by `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    during: Option<Keyword>,
    octets: Box<[u8]>,
    cut: bool,
}

impl Excerpt {
    /// The most octets that are kept of a line.
    pub const MAX: usize = 200;

    /// Takes the beginning of a line without its line end. Secrets that it may repeat are not looked for.
    #[must_use]
    pub fn new(during: Option<Keyword>, line: &[u8]) -> Self {
        let octets = line.get(..Self::MAX).unwrap_or(line);
        Self { during, octets: octets.into(), cut: line.len() > Self::MAX }
    }

    /// The command whose reply was awaited; `None` for the greeting, and while none was.
    #[must_use]
    pub const fn during(&self) -> Option<Keyword> {
        self.during
    }

    /// The line without its line end, of which no more than [`MAX`](Self::MAX) octets are kept.
    #[must_use]
    pub const fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether the line went on.
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
