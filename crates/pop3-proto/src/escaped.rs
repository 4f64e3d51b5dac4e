//! Escaping octets from a peer.

use core::fmt;

/// Octets in what `Debug` shows. Printable ASCII is shown unchanged, and anything else is escaped as in a Rust byte
/// string. A terminal or a log therefore never interprets the octets as control sequences.
pub(crate) struct Escaped<'a>(&'a [u8]);

impl<'a> Escaped<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::Escaped;

    #[test]
    fn nothing_but_printable_ascii_is_shown() {
        let shown = alloc::format!("{:?}", Escaped::new(b"caf\xe9\x1b[2J\r\n"));
        assert_eq!(shown, r#""caf\xe9\x1b[2J\r\n""#);
    }
}
