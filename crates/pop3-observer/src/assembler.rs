//! Lines out of pieces: no octet is looked at twice, and no more is kept than allowed.

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize;

/// Puts lines together. What it keeps may be a password: it is zeroed when the line is done.
#[derive(Default)]
pub(crate) struct Assembler {
    kept: Vec<u8>,
    /// Octets of the line so far, those not kept included.
    octets: u64,
    /// Whether the last octet was a CR.
    cr: bool,
    /// Whether the line was given before its end, so that the rest of it is thrown away.
    skipping: bool,
}

/// A line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Without its line end; of a line that is too long, the beginning.
    pub(crate) text: &'a [u8],
    /// How many octets it has, line end included.
    pub(crate) octets: u64,
    /// Whether it ended in CRLF.
    pub(crate) crlf: bool,
    /// Whether it was given before its end came: what it is as a whole can't be judged.
    pub(crate) early: bool,
}

impl Assembler {
    /// Takes octets up to the next line end from the front and gives the line to `then`. When there
    /// is no line end, it keeps what it may.
    ///
    /// Returns what is left of the octets.
    pub(crate) fn feed<'o>(
        &mut self,
        octets: &'o [u8],
        limit: usize,
        then: impl FnOnce(Line<'_>),
    ) -> &'o [u8] {
        let Some(end) = memchr::memchr(b'\n', octets) else {
            if !self.skipping {
                self.keep(octets, limit);
            }
            return &[];
        };
        let (line, rest) = octets.split_at_checked(end).unwrap_or((octets, &[]));
        let rest = rest.get(1..).unwrap_or_default();
        if core::mem::take(&mut self.skipping) {
            return rest;
        }
        // A line that is whole in the piece is not copied.
        if self.octets == 0 && line.len() <= limit {
            let text = line.strip_suffix(b"\r");
            then(Line {
                text: text.unwrap_or(line),
                octets: count(line).saturating_add(1),
                crlf: text.is_some(),
                early: false,
            });
            return rest;
        }
        self.keep(line, limit);
        let crlf = self.cr;
        self.octets = self.octets.saturating_add(1);
        self.finish(crlf, false, then);
        rest
    }

    /// Gives what there is as a line without its end, if there is something.
    pub(crate) fn end(&mut self, then: impl FnOnce(Line<'_>)) {
        if self.octets > 0 {
            self.finish(false, false, then);
        }
    }

    /// Gives what there is of a line of which so many octets have come without its end; what is still to come of it
    /// is thrown away.
    pub(crate) fn end_early(&mut self, least: u64, then: impl FnOnce(Line<'_>)) {
        if self.octets >= least {
            // It is unknown how the line ends.
            self.finish(true, true, then);
            self.skipping = true;
        }
    }

    /// Whether a line has begun.
    pub(crate) const fn is_partial(&self) -> bool {
        self.octets > 0
    }

    /// Forgets what there is.
    pub(crate) fn clear(&mut self) {
        self.kept.as_mut_slice().zeroize();
        self.kept.clear();
        (self.octets, self.cr, self.skipping) = (0, false, false);
    }

    fn finish(&mut self, crlf: bool, early: bool, then: impl FnOnce(Line<'_>)) {
        // If a line was cut, the end of the kept part is not a line end.
        let whole = self.octets <= count(&self.kept).saturating_add(1);
        let text = match self.kept.strip_suffix(b"\r") {
            Some(text) if crlf && whole => text,
            _ => &self.kept,
        };
        then(Line { text, octets: self.octets, crlf, early });
        self.clear();
    }

    fn keep(&mut self, octets: &[u8], limit: usize) {
        let Some(&last) = octets.last() else { return };
        self.cr = last == b'\r';
        self.octets = self.octets.saturating_add(count(octets));
        let room = limit.saturating_sub(self.kept.len());
        let octets = octets.get(..room).unwrap_or(octets);
        if self.kept.capacity().saturating_sub(self.kept.len()) < octets.len() {
            // Growing in place would leave a copy of a password behind.
            let wanted =
                self.kept.len().saturating_add(octets.len()).max(self.kept.capacity().saturating_mul(2));
            let mut grown = Vec::with_capacity(wanted.max(64));
            grown.extend_from_slice(&self.kept);
            self.kept.as_mut_slice().zeroize();
            self.kept = grown;
        }
        self.kept.extend_from_slice(octets);
    }
}

fn count(octets: &[u8]) -> u64 {
    octets.len() as u64
}

impl Drop for Assembler {
    fn drop(&mut self) {
        self.kept.as_mut_slice().zeroize();
    }
}

impl fmt::Debug for Assembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembler").field("octets", &self.octets).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]], limit: usize) -> Vec<(Vec<u8>, u64, bool)> {
        let (mut assembler, mut lines) = (Assembler::default(), Vec::new());
        let mut push = |line: Line<'_>| lines.push((line.text.to_vec(), line.octets, line.crlf));
        for piece in pieces {
            let mut rest = *piece;
            while !rest.is_empty() {
                rest = assembler.feed(rest, limit, &mut push);
            }
        }
        assembler.end(&mut push);
        lines
    }

    #[test]
    fn a_line_that_is_given_early_is_given_once() {
        let (mut assembler, mut lines) = (Assembler::default(), Vec::new());
        let mut push = |line: Line<'_>| lines.push((line.text.to_vec(), line.octets));
        assembler.feed(b"a long line", 100, &mut push);
        assembler.end_early(12, &mut push);
        assembler.end_early(11, &mut push);
        assembler.end_early(11, &mut push);
        assembler.feed(b" goes on", 100, &mut push);
        let rest = assembler.feed(b" to here\r\nNOOP\r\n", 100, &mut push);
        assembler.feed(rest, 100, &mut push);
        assembler.end(&mut push);
        assert_eq!(lines, [(b"a long line".to_vec(), 11), (b"NOOP".to_vec(), 6)]);
    }

    #[test]
    fn lines_are_the_same_at_every_split() {
        let text = b"NOOP\r\nSTAT\n\r\n\na very long line\r\nanother\r\r\nend";
        for limit in [4, 5, 8, 100] {
            let whole = lines(&[text], limit);
            assert_eq!(whole.len(), 7);
            for split in 0..text.len() {
                let (a, b) = text.split_at(split);
                assert_eq!(lines(&[a, b], limit), whole, "{split} {limit}");
            }
            let octets: Vec<&[u8]> = text.chunks(1).collect();
            assert_eq!(lines(&octets, limit), whole);
        }
        assert_eq!(lines(&[text], 100)[0], (b"NOOP".to_vec(), 6, true));
        assert_eq!(lines(&[text], 100)[1], (b"STAT".to_vec(), 5, false));
        assert_eq!(lines(&[text], 6)[4], (b"a very".to_vec(), 18, true));
    }
}
