//! From the wire form to the content.

use core::fmt;

use bytes::BytesMut;
use memchr::memmem;

use super::{CR, DOT, LF};

/// Returns the content of a multi-line reply and finds its end (RFC 1939 section 3).
///
/// Only `.` CRLF after CRLF, or at the very start, ends the reply. One dot at the start of a line is removed,
/// whatever follows it. A bare LF is content and does not start a new line: `\n.\n` and `\n.\r\n` do not end the
/// reply. A message therefore can't pretend to end early and inject replies. The CRLF of the last line is content.
///
/// Between two calls, at most a dot and a CR are held back, and no octet is searched twice. The state also contains a
/// prepared search of about 300 octets, so borrow an unstuffer rather than move it.
///
/// ```
/// use pop3_proto::dots::{Decoded, Unstuffer};
///
/// let mut unstuffer = Unstuffer::new();
/// let (mut input, mut content) = (&b"one\r\n..two\r\n.\r\n+OK next"[..], Vec::new());
/// loop {
///     let (consumed, decoded) = unstuffer.decode(input);
///     input = &input[consumed..];
///     match decoded {
///         Decoded::Data(data) => content.extend_from_slice(data),
///         Decoded::End => break,
///         Decoded::More => unreachable!("here the next octets would be read"),
///     }
/// }
/// assert_eq!(content, b"one\r\n.two\r\n");
/// assert_eq!(input, b"+OK next");
/// ```
#[derive(Clone)]
pub struct Unstuffer {
    state: State,
    octets: u64,
    bare_dot: bool,
    finder: memmem::Finder<'static>,
}

/// The result of [`Unstuffer::decode`].
#[expect(clippy::exhaustive_enums, reason = "a caller that forgets a case must not compile")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'b> {
    /// Content, never empty. It may be returned although no octets were consumed, if it was held back before.
    Data(&'b [u8]),
    /// The end was consumed. The octets after it are untouched.
    End,
    /// All octets were consumed, and the end has not been reached.
    More,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// After CRLF, or at the start.
    LineStart,
    /// After a dot at the start of a line. The dot is held back.
    Dot,
    /// After a dot and a CR at the start of a line. Both are held back.
    DotCr,
    /// In a line.
    Text,
    /// In a line, after a CR.
    Cr,
    /// After the end.
    End,
}

impl Unstuffer {
    /// Creates an unstuffer for content that starts after the first line of a reply.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::LineStart, octets: 0, bare_dot: false, finder: memmem::Finder::new(b"\r\n.") }
    }

    /// Consumes octets from the front of `input`. Returns how many, and the result.
    ///
    /// Call it again with the octets that were not consumed until it returns [`Decoded::More`] or [`Decoded::End`].
    /// After the end, it consumes nothing and returns [`Decoded::End`].
    pub fn decode<'b>(&mut self, input: &'b [u8]) -> (usize, Decoded<'b>) {
        match self.state {
            State::End => (0, Decoded::End),
            _ if input.is_empty() => (0, Decoded::More),
            State::LineStart => match input {
                [DOT, CR, LF, ..] => self.stop(3, State::End, Decoded::End),
                [DOT, CR] => self.stop(2, State::DotCr, Decoded::More),
                [DOT] => self.stop(1, State::Dot, Decoded::More),
                [DOT, rest @ ..] => {
                    self.bare_dot |= rest.first() != Some(&DOT);
                    self.run(1, rest)
                }
                _ => self.run(0, input),
            },
            State::Dot => match input {
                [CR, LF, ..] => self.stop(2, State::End, Decoded::End),
                [CR] => self.stop(1, State::DotCr, Decoded::More),
                _ => {
                    self.bare_dot |= input.first() != Some(&DOT);
                    self.run(0, input)
                }
            },
            State::DotCr => match input {
                [LF, ..] => self.stop(1, State::End, Decoded::End),
                _ => {
                    self.bare_dot = true;
                    self.octets = self.octets.saturating_add(1);
                    self.stop(0, State::Cr, Decoded::Data(b"\r"))
                }
            },
            // The CRLF was split between pieces, and a line with a dot follows it.
            State::Cr if input.starts_with(b"\n.") => {
                self.octets = self.octets.saturating_add(1);
                let line_feed = input.get(..1).unwrap_or_default();
                self.stop(1, State::LineStart, Decoded::Data(line_feed))
            }
            State::Cr | State::Text => self.run(0, input),
        }
    }

    /// Appends the content at the front of `input` to `out`, up to the end of the content.
    ///
    /// Returns how many octets were consumed, and whether the end was reached. If not, all of `input` was consumed.
    pub fn decode_into(&mut self, input: &[u8], out: &mut BytesMut) -> (usize, bool) {
        let mut rest = input;
        loop {
            let (consumed, decoded) = self.decode(rest);
            rest = rest.get(consumed..).unwrap_or_default();
            match decoded {
                Decoded::Data(data) => out.extend_from_slice(data),
                Decoded::End => return (input.len().saturating_sub(rest.len()), true),
                Decoded::More => return (input.len(), false),
            }
        }
    }

    /// Returns how many octets of content this unstuffer has returned so far.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Returns whether a line began with a single dot, which means that the other side did not stuff it. A dot of the
    /// content was then lost, and a line with only a dot would have ended the content.
    pub(crate) const fn found_bare_dot(&self) -> bool {
        self.bare_dot
    }

    /// Returns `input` up to the next line that begins with a dot. `skipped` octets stood before.
    fn run<'b>(&mut self, skipped: usize, input: &'b [u8]) -> (usize, Decoded<'b>) {
        let found = self.finder.find(input).and_then(|at| input.get(..at.wrapping_add(2)));
        let run = found.unwrap_or(input);
        let state = match run {
            [.., CR, LF] => State::LineStart,
            [LF] if self.state == State::Cr => State::LineStart,
            [.., CR] => State::Cr,
            _ => State::Text,
        };
        self.octets = self.octets.saturating_add(run.len() as u64);
        self.stop(skipped.saturating_add(run.len()), state, Decoded::Data(run))
    }

    const fn stop<'b>(
        &mut self,
        consumed: usize,
        state: State,
        decoded: Decoded<'b>,
    ) -> (usize, Decoded<'b>) {
        self.state = state;
        (consumed, decoded)
    }
}

impl Default for Unstuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Unstuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unstuffer")
            .field("state", &self.state)
            .field("octets", &self.octets)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The content, how many octets were consumed, and whether the end was reached.
    fn content(wire: &[u8]) -> (Vec<u8>, usize, bool) {
        let mut out = BytesMut::new();
        let (consumed, ended) = Unstuffer::new().decode_into(wire, &mut out);
        (out.to_vec(), consumed, ended)
    }

    fn whole(wire: &[u8]) -> Vec<u8> {
        let (content, consumed, ended) = content(wire);
        assert!(ended, "{wire:?}");
        assert_eq!(consumed, wire.len());
        content
    }

    #[test]
    fn one_dot_is_taken_away() {
        assert_eq!(whole(b"..dot\r\n...two\r\nend\r\n.\r\n"), b".dot\r\n..two\r\nend\r\n"); // 1939-3.24
        assert_eq!(whole(b"...two\r\n.x\r\n.\r\n"), b"..two\r\nx\r\n"); // 1939-3.24
        assert_eq!(whole(b"a.\r\n. \r\n..\r\n.\r\n"), b"a.\r\n \r\n.\r\n"); // 1939-3.31
    }

    #[test]
    fn the_end_is_no_content() {
        assert_eq!(whole(b"abc\r\n.\r\n"), b"abc\r\n"); // 1939-3.25
        assert_eq!(whole(b".\r\n"), b""); // 1939-3.26
        assert_eq!(content(b"abc\r\n.\r\n+OK\r\n"), (b"abc\r\n".to_vec(), 8, true));
        assert_eq!(content(b"abc\r\n"), (b"abc\r\n".to_vec(), 5, false)); // 1939-3.37
        assert_eq!(content(b"abc\r\n.\r"), (b"abc\r\n".to_vec(), 7, false));
    }

    #[test]
    fn only_crlf_ends_a_line() {
        assert_eq!(whole(b"a\n.\r\nb\r\n.\r\n"), b"a\n.\r\nb\r\n"); // 1939-3.35
        assert_eq!(whole(b"a\n.\n\r.\r\n\r\n.\r\n"), b"a\n.\n\r.\r\n\r\n");
        assert_eq!(whole(b".\n.\r\n\r\n.\r\n"), b"\n.\r\n\r\n");
        assert_eq!(whole(b".\r.\r\n.\r\n"), b"\r.\r\n");
        assert_eq!(whole(b".\r\r\n.\r\n"), b"\r\r\n");
        assert_eq!(whole(b"\x00\xff\r\n.\r\n"), b"\x00\xff\r\n"); // 1939-3.39
    }

    #[test]
    fn a_dot_that_was_not_stuffed_is_noticed() {
        for (wire, bare) in [
            (&b"..a\r\n..\r\nb.\r\n.\r\n"[..], false),
            (b".a\r\n.\r\n", true),
            (b"a\r\n. \r\n.\r\n", true),
            (b"a\r\n.\rx\r\n.\r\n", true),
        ] {
            for size in 1..=wire.len() {
                let (mut unstuffer, mut out) = (Unstuffer::new(), BytesMut::new());
                for piece in wire.chunks(size) {
                    unstuffer.decode_into(piece, &mut out);
                }
                assert_eq!(unstuffer.decode(b""), (0, Decoded::End));
                assert_eq!(unstuffer.found_bare_dot(), bare, "{}", wire.escape_ascii());
            }
        }
    }

    #[test]
    fn a_held_cr_comes_out() {
        let mut unstuffer = Unstuffer::new();
        assert_eq!(unstuffer.decode(b"a\r\n."), (3, Decoded::Data(b"a\r\n")));
        assert_eq!(unstuffer.decode(b"."), (1, Decoded::More));
        assert_eq!(unstuffer.decode(b"\r"), (1, Decoded::More));
        assert_eq!(unstuffer.decode(b"x"), (0, Decoded::Data(b"\r")));
        assert_eq!(unstuffer.decode(b"x"), (1, Decoded::Data(b"x")));
        assert_eq!(unstuffer.decode(b""), (0, Decoded::More));
        assert_eq!(unstuffer.octets(), 5);
    }

    #[test]
    fn behind_the_end_nothing_is_consumed() {
        let mut unstuffer = Unstuffer::new();
        assert_eq!(unstuffer.decode(b".\r\n.\r\n"), (3, Decoded::End));
        assert_eq!(unstuffer.decode(b".\r\n"), (0, Decoded::End));
        assert_eq!(unstuffer.decode(b""), (0, Decoded::End));
    }
}
