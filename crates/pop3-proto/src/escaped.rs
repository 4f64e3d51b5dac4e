//! Escaping octets from a peer.

use core::fmt;

/// Octets for a report or a log. Printable ASCII is shown unchanged, and anything else is escaped as in a Rust byte
/// string. A terminal or a log therefore never interprets the octets as control sequences.
///
/// Nothing is lost or shortened: the octets can be read back. That suits logs and `Debug`. To show text of a server to
/// people, in their own script and at a length that fits, use `Printable` of the crate `pop3-text`.
///
/// [`Debug`](fmt::Debug) puts them between quotation marks. The types of this crate show octets from the peer in this
/// way.
///
/// ```
/// use pop3_proto::Escaped;
/// assert_eq!(Escaped::new(b"caf\xe9\x1b[2J").to_string(), r"caf\xe9\x1b[2J");
/// assert_eq!(format!("{:?}", Escaped::new(b"a\r\n")), r#""a\r\n""#);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    /// Creates a value that shows these octets.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
