//! The size of a message in wire form.

use super::{Before, CR, LF};
use crate::Octets;

/// Counts the octets that a message in stored form has in wire form: the size that STAT, LIST and
/// the first line of RETR have to say (RFC 1939 section 11).
///
/// Every line end counts two, also the one that the wire form adds to a last line without an end.
/// Stuffed dots and the final line with its single dot count nothing. The result is what
/// [`Stuffer::total`](super::Stuffer::total) says for the same octets.
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
    before: Before,
    octets: Octets,
}

impl WireSize {
    /// A count of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { before: Before::LineStart, octets: 0 }
    }

    /// Counts the next piece of the message.
    pub fn update(&mut self, chunk: &[u8]) {
        self.count(chunk);
    }

    /// The size of the whole message.
    #[must_use]
    pub const fn finish(self) -> Octets {
        match self.before {
            Before::LineStart => self.octets,
            Before::Cr | Before::Text => self.octets.saturating_add(2),
        }
    }

    /// Counts the next piece and returns how many LFs in it have no CR before them.
    pub(super) fn count(&mut self, chunk: &[u8]) -> usize {
        let bare = bare_line_feeds(self.before, chunk);
        self.octets = self.octets.saturating_add(chunk.len() as Octets).saturating_add(bare as Octets);
        self.before = self.before.after(chunk);
        bare
    }

    /// What stands before the next octet.
    pub(super) const fn before(&self) -> Before {
        self.before
    }

    /// What was counted so far, without the end of an unended line.
    pub(super) const fn octets(&self) -> Octets {
        self.octets
    }
}

impl Default for WireSize {
    fn default() -> Self {
        Self::new()
    }
}

/// The octets that a message in stored form has in wire form; see [`WireSize`].
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

/// Octets looked at in one step. The compiler makes vector instructions of the fixed length.
const LANES: usize = 32;

/// How often a lane can count one before its octet is full.
const ROUNDS: usize = u8::MAX as usize;

/// How many LFs have no CR before them.
///
/// Lines are short, so that a search which stops at each of them is several times slower than
/// this, which compares every octet and its neighbour without a branch.
fn bare_line_feeds(before: Before, chunk: &[u8]) -> usize {
    let Some((&first, rest)) = chunk.split_first() else { return 0 };
    let mut count = usize::from(first == LF && before != Before::Cr);

    // `rest` and `chunk` side by side: each octet with the one before it.
    let (octets, octets_left) = rest.as_chunks::<LANES>();
    let (previous, previous_left) = chunk.as_chunks::<LANES>();
    for (octets, previous) in octets.chunks(ROUNDS).zip(previous.chunks(ROUNDS)) {
        let mut lanes = [0_u8; LANES];
        for (octets, previous) in octets.iter().zip(previous) {
            for ((lane, &octet), &previous) in lanes.iter_mut().zip(octets).zip(previous) {
                *lane = lane.wrapping_add(u8::from((octet == LF) & (previous != CR)));
            }
        }
        count = count.wrapping_add(lanes.iter().map(|&lane| usize::from(lane)).sum());
    }

    // When the length of `chunk` is a multiple of LANES, its last LANES octets are a whole array
    // whose partners are in `octets_left`.
    let previous_left = if previous.len() > octets.len() {
        previous.last().map_or(previous_left, |last| last.as_slice())
    } else {
        previous_left
    };
    let left = octets_left.iter().zip(previous_left);
    count.wrapping_add(left.filter(|&(&octet, &previous)| octet == LF && previous != CR).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

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

    #[test]
    fn every_length_around_the_lanes_counts_right() {
        for length in 0..LANES * 3 {
            let all = alloc::vec![LF; length];
            assert_eq!(bare_line_feeds(Before::Text, &all), length);
            for at in 0..length {
                let mut one = alloc::vec![b'x'; length];
                one[at] = LF;
                assert_eq!(bare_line_feeds(Before::Text, &one), 1, "{at} of {length}");
                if let Some(previous) = at.checked_sub(1) {
                    one[previous] = CR;
                    assert_eq!(bare_line_feeds(Before::Text, &one), 0, "{at} of {length}");
                }
            }
        }
    }

    #[test]
    fn lanes_do_not_overflow() {
        let all: Vec<u8> = alloc::vec![LF; LANES * ROUNDS * 2 + 77];
        assert_eq!(bare_line_feeds(Before::LineStart, &all), all.len());
    }
}
