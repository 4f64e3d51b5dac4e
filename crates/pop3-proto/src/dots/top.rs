//! The beginning of a message for TOP.

use memchr::{memchr, memchr_iter};

use super::{CR, LF};

/// Cuts a message in stored form for TOP: after the headers, the blank line, and the requested number of lines of the
/// body (RFC 1939 section 7).
///
/// A line ends in LF. A line that contains only its end, LF or CRLF, is blank. The first blank line ends the headers,
/// even if it is the first line of the message. A message without a blank line has only headers. A message with fewer
/// lines than requested is not cut.
///
/// ```
/// use pop3_proto::dots::TopCutter;
/// let mut top = TopCutter::new(1);
/// assert_eq!(top.cut(b"Subject: x\r\n\r"), (&b"Subject: x\r\n\r"[..], false));
/// assert_eq!(top.cut(b"\nfirst\r\nsecond\r\n"), (&b"\nfirst\r\n"[..], true));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TopCutter {
    state: State,
    lines: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// At the start of a header line.
    LineStart,
    /// After a CR at the start of a header line.
    LineStartCr,
    /// In a header line.
    Header,
    /// After the blank line.
    Body,
}

impl TopCutter {
    /// Creates a cutter for this number of lines of the body.
    #[must_use]
    pub const fn new(lines: u64) -> Self {
        Self { state: State::LineStart, lines }
    }

    /// Cuts the next piece of the message. Returns the part of it to send, and whether that was the last part.
    ///
    /// After the last part, you need not read the rest of the message. For further pieces, the part is empty.
    pub fn cut<'c>(&mut self, chunk: &'c [u8]) -> (&'c [u8], bool) {
        let mut rest = chunk;
        loop {
            (self.state, rest) = match (self.state, rest) {
                (State::Body, body) => {
                    let body = self.body(body);
                    let end = chunk.len().saturating_sub(body.len());
                    return (chunk.get(..end).unwrap_or(chunk), self.lines == 0);
                }
                (_, []) => return (chunk, false),
                (State::LineStart | State::LineStartCr, [LF, rest @ ..]) => (State::Body, rest),
                (State::LineStart, [CR, rest @ ..]) => (State::LineStartCr, rest),
                (State::LineStart | State::LineStartCr | State::Header, line) => {
                    match memchr(LF, line).and_then(|at| line.get(at.wrapping_add(1)..)) {
                        Some(rest) => (State::LineStart, rest),
                        None => (State::Header, &[][..]),
                    }
                }
            };
        }
    }

    /// Counts lines of the body, and returns what follows the last requested one.
    fn body<'c>(&mut self, body: &'c [u8]) -> &'c [u8] {
        if self.lines == 0 {
            return body;
        }
        // A piece with fewer octets than lines are wanted cannot hold the last of them, and the
        // lines of a piece are counted faster than they are found.
        let in_piece = memchr_iter(LF, body).count() as u64;
        if in_piece < self.lines {
            self.lines = self.lines.wrapping_sub(in_piece);
            return &[];
        }
        let last = usize::try_from(self.lines.wrapping_sub(1)).unwrap_or(usize::MAX);
        self.lines = 0;
        let end = memchr_iter(LF, body).nth(last).map_or(body.len(), |at| at.wrapping_add(1));
        body.get(end..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(message: &[u8], lines: u64) -> (&[u8], bool) {
        TopCutter::new(lines).cut(message)
    }

    #[test]
    fn headers_and_lines_are_cut() {
        let message = b"A: b\r\nC: d\r\n\r\none\r\n\r\nthree\r\n";
        assert_eq!(top(message, 0), (&message[..14], true));
        assert_eq!(top(message, 1), (&message[..19], true));
        assert_eq!(top(message, 2), (&message[..21], true));
        assert_eq!(top(message, 3), (&message[..], true));
        assert_eq!(top(message, 4), (&message[..], false));
        assert_eq!(top(message, u64::MAX), (&message[..], false));
    }

    #[test]
    fn any_line_end_will_do() {
        assert_eq!(top(b"A: b\n\none\ntwo\n", 1), (&b"A: b\n\none\n"[..], true));
        assert_eq!(top(b"A: b\n\r\none\ntwo\n", 1), (&b"A: b\n\r\none\n"[..], true));
        assert_eq!(top(b"A: b\r\n\none\r\ntwo\n", 1), (&b"A: b\r\n\none\r\n"[..], true));
        assert_eq!(top(b"A: b\r\r\n\r\r\nC\r\n\r\nx\n", 0), (&b"A: b\r\r\n\r\r\nC\r\n\r\n"[..], true));
    }

    #[test]
    fn odd_messages() {
        assert_eq!(top(b"", 0), (&b""[..], false));
        assert_eq!(top(b"\nbody\n", 0), (&b"\n"[..], true));
        assert_eq!(top(b"\r\nbody\n", 0), (&b"\r\n"[..], true));
        assert_eq!(top(b"A: b\nno blank line\n", 0), (&b"A: b\nno blank line\n"[..], false));
        assert_eq!(top(b"A: b\n\nno end", 1), (&b"A: b\n\nno end"[..], false));
    }

    #[test]
    fn behind_the_end_nothing_is_wanted() {
        let mut cutter = TopCutter::new(0);
        assert_eq!(cutter.cut(b"\n"), (&b"\n"[..], true));
        assert_eq!(cutter.cut(b"\n\n"), (&b""[..], true));
        assert_eq!(cutter.cut(b""), (&b""[..], true));
    }
}
