//! The end of the first line of a body.

/// Detects whether the first line of a body ends in CR CR LF. A server that sends such line ends uses them for all
/// lines, so only the first line is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct FirstLine {
    /// The last two octets of the line, or `None` after its end.
    tail: Option<[u8; 2]>,
    doubled: bool,
}

impl FirstLine {
    /// Creates a detector at the start of the body.
    pub(super) const fn new() -> Self {
        Self { tail: Some([0; 2]), doubled: false }
    }

    /// Checks the next octets of the body.
    pub(super) fn look(&mut self, data: &[u8]) {
        let Some([mut before, mut last]) = self.tail else { return };
        let end = memchr::memchr(b'\n', data);
        let line = data.get(..end.unwrap_or(data.len())).unwrap_or(data);
        match *line {
            [.., one, two] => [before, last] = [one, two],
            [one] => [before, last] = [last, one],
            [] => {}
        }
        self.doubled = end.is_some() && [before, last] == *b"\r\r";
        self.tail = end.is_none().then_some([before, last]);
    }

    /// Returns whether the line ended in CR CR LF.
    pub(super) const fn is_doubled(&self) -> bool {
        self.doubled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_at_any_split() {
        for (body, doubled) in [
            (&b"a\r\r\nb\r\n"[..], true),
            (b"\r\r\n", true),
            (b"a\r\nb\r\r\n", false),
            (b"a\nb\r\r\n", false),
            (b"\r\n", false),
            (b"a\r\r", false),
        ] {
            for size in 1..=body.len() {
                let mut line = FirstLine::new();
                body.chunks(size).for_each(|piece| line.look(piece));
                assert_eq!(line.is_doubled(), doubled, "{} {size}", body.escape_ascii());
            }
        }
    }
}
