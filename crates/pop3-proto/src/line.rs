//! Finding the end of a line that comes in pieces.

use crate::input::Input;

/// Finds line ends and remembers how far it looked, so that no octet is searched twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineFinder {
    looked: usize,
}

/// What [`LineFinder::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found<'b> {
    /// A line without its line end.
    Line {
        line: &'b [u8],
        /// Whether it ended in LF without CR.
        bare: bool,
    },
    /// The line end is not there yet.
    Partial,
    /// The line has more octets than allowed, line end included. Nothing was taken.
    TooLong,
}

/// What [`LineFinder::skip`] threw away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Skipped {
    /// The rest of the line, its end included.
    All,
    /// This many octets, without a line end.
    Some(usize),
}

impl LineFinder {
    pub(crate) const fn new() -> Self {
        Self { looked: 0 }
    }

    /// Takes a line of at most `limit` octets, including the line end, from the input.
    pub(crate) fn next<'b>(&mut self, input: &mut Input<'b>, limit: usize) -> Found<'b> {
        let octets = input.rest();
        let Some(end) = octets.get(self.looked..).and_then(|new| memchr::memchr(b'\n', new)) else {
            self.looked = octets.len();
            // Not one octet over the limit is waited for.
            return if octets.len() >= limit { Found::TooLong } else { Found::Partial };
        };
        let length = self.looked.saturating_add(end).saturating_add(1);
        if length > limit {
            return Found::TooLong;
        }
        self.looked = 0;
        let line = input.take(length);
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match line.strip_suffix(b"\r") {
            Some(line) => Found::Line { line, bare: false },
            None => Found::Line { line, bare: true },
        }
    }

    /// Discards octets up to the next line end, but at most this many.
    pub(crate) fn skip(&mut self, input: &mut Input<'_>, most: usize) -> Skipped {
        self.looked = 0;
        let octets = input.rest();
        let octets = octets.get(..most).unwrap_or(octets);
        match memchr::memchr(b'\n', octets) {
            Some(end) => {
                input.take(end.saturating_add(1));
                Skipped::All
            }
            None => {
                input.take(octets.len());
                Skipped::Some(octets.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_skipped_than_asked_for() {
        let mut finder = LineFinder::new();
        let mut input = Input::new(b"abcd\nNOOP\n");
        assert_eq!(finder.skip(&mut input, 0), Skipped::Some(0));
        assert_eq!(finder.skip(&mut input, 4), Skipped::Some(4));
        assert_eq!(finder.skip(&mut input, 1), Skipped::All);
        assert_eq!(input.rest(), b"NOOP\n");
        assert_eq!(finder.skip(&mut Input::new(b"ab"), 9), Skipped::Some(2));
    }

    #[test]
    fn a_line_is_found_at_every_split_and_limit() {
        let text = b"NOOP\r\nSTAT\n";
        for split in 0..text.len() {
            let mut finder = LineFinder::new();
            let mut lines = 0;
            let mut start = 0;
            for end in [split, text.len()] {
                let mut input = Input::new(&text[start..end]);
                while let Found::Line { line, bare } = finder.next(&mut input, 6) {
                    assert_eq!((line, bare), [(&b"NOOP"[..], false), (b"STAT", true)][lines]);
                    lines += 1;
                }
                start += input.consumed();
            }
            assert_eq!((lines, start), (2, text.len()));
        }
        assert_eq!(LineFinder::new().next(&mut Input::new(text), 5), Found::TooLong);
        assert_eq!(LineFinder::new().next(&mut Input::new(b"NOOPS"), 5), Found::TooLong);
        assert_eq!(LineFinder::new().next(&mut Input::new(b"NOOP"), 5), Found::Partial);
    }
}
