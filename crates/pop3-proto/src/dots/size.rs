//! The size of a message in wire form.

use super::{LF, bare};
use crate::Octets;

/// Counts the octets of a message in wire form, given its stored form. This is the size for STAT, LIST and the first
/// line of RETR (RFC 1939 section 11).
///
/// Every line end counts as two octets, including the one that the wire form adds to a last line without an end.
/// Stuffed dots and the final line with a single dot are not counted. The result is the same as that of
/// [`Stuffer::total`](super::Stuffer::total).
///
/// ```
/// use pop3_proto::dots::WireSize;
/// let mut size = WireSize::new();
/// size.update(b"a line\n.and ");
/// size.update(b"another");
/// assert_eq!(size.finish(), 8 + 14);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WireSize {
    /// The last octet, or LF at the start of the message. Nothing else needs to be known about the octets before.
    before: u8,
    octets: Octets,
}

impl WireSize {
    /// Creates a counter at the start of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self { before: LF, octets: 0 }
    }

    /// Counts the next piece of the message.
    pub fn update(&mut self, chunk: &[u8]) {
        self.count(chunk);
    }

    /// Returns the size of the whole message.
    #[must_use]
    pub const fn finish(self) -> Octets {
        match self.before {
            LF => self.octets,
            _ => self.octets.saturating_add(2),
        }
    }

    /// Counts the next piece and returns how many LFs in it have no CR before them.
    pub(super) fn count(&mut self, chunk: &[u8]) -> usize {
        let bare = bare::count(self.before, chunk);
        self.add(chunk, bare);
        bare
    }

    /// Counts the next piece, which is known to have this many LFs without a CR before them.
    pub(super) fn add(&mut self, chunk: &[u8], bare: usize) {
        self.octets = self.octets.saturating_add(chunk.len() as Octets).saturating_add(bare as Octets);
        self.before = chunk.last().copied().unwrap_or(self.before);
    }

    /// Returns the last octet, or LF at the start of the message.
    pub(super) const fn before(&self) -> u8 {
        self.before
    }
}

impl Default for WireSize {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the octets of a message in wire form, given its stored form. See [`WireSize`].
///
/// ```
/// use pop3_proto::dots::wire_size;
/// assert_eq!(wire_size(b"a\nb\r\nc"), 9);
/// assert_eq!(wire_size(b""), 0);
/// ```
#[must_use]
pub fn wire_size(stored: &[u8]) -> Octets {
    let mut size = WireSize::new();
    size.update(stored);
    size.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_count_two() {
        assert_eq!(wire_size(b""), 0);
        assert_eq!(wire_size(b"\n"), 2);
        assert_eq!(wire_size(b"\r\n"), 2);
        assert_eq!(wire_size(b"\n\n\r\n"), 6);
        assert_eq!(wire_size(b"a\rb\n"), 5); // 1939-3.34
        assert_eq!(wire_size(b"abc"), 5); // 1939-3.32
        assert_eq!(wire_size(b"abc\r"), 6);
        assert_eq!(wire_size(b".\n..\n"), 3 + 4);
    }

    #[test]
    fn a_line_end_may_be_cut() {
        let mut size = WireSize::new();
        for piece in [&b"a\r"[..], b"", b"\nb", b"\n"] {
            size.update(piece);
        }
        assert_eq!(size.finish(), 6);
    }
}
