//! Octets of a peer, as they may be shown.

use core::fmt;

/// Octets for a report or a log: printable ASCII as it is, anything else escaped as in a byte string of Rust, so that
/// no terminal and no log takes them for more than text.
///
/// [`Debug`](fmt::Debug) puts them between quotation marks. The types of this crate show octets of the peer in
/// this way.
///
/// ```
/// use pop3_proto::Escaped;
/// assert_eq!(Escaped::new(b"caf\xe9\x1b[2J").to_string(), r"caf\xe9\x1b[2J");
/// assert_eq!(format!("{:?}", Escaped::new(b"a\r\n")), r#""a\r\n""#);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    /// Takes octets.
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
