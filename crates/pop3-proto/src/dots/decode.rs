//! From the wire form to the content.

use core::fmt;

use bytes::BytesMut;
use memchr::memmem;

use super::{CR, DOT, LF};

/// Gives back the content of a multi-line reply and finds its end (RFC 1939 section 3).
///
/// Only `.` CRLF behind CRLF, or at the very start, ends the reply. One dot at the start of a line
/// is taken away, whatever follows it. A bare LF is content and begins no line: `\n.\n` and
/// `\n.\r\n` do not end the reply, so that no message can pretend to be over and speak in the
/// server's place. The CRLF of the last line is content.
///
/// At most a dot and a CR are held back between two calls, and no octet is searched twice. Beside
/// that, the state is a prepared search of about 300 octets, so that an unstuffer is better borrowed
/// than moved.
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

/// What [`Unstuffer::decode`] found.
#[expect(clippy::exhaustive_enums, reason = "a caller that forgets a case must not compile")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'b> {
    /// Content, never empty. It may come with nothing consumed, when it was held back before.
    Data(&'b [u8]),
    /// The end is consumed; the octets behind it are untouched.
    End,
    /// Everything is consumed, and the end is still to come.
    More,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Behind CRLF, or at the start.
    LineStart,
    /// Behind a dot at the start of a line; the dot is held back.
    Dot,
    /// Behind a dot and a CR at the start of a line; both are held back.
    DotCr,
    /// In a line.
    Text,
    /// In a line, behind a CR.
    Cr,
    /// Behind the end.
    End,
}

impl Unstuffer {
    /// An unstuffer at the start of the content, behind the first line of the reply.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::LineStart, octets: 0, bare_dot: false, finder: memmem::Finder::new(b"\r\n.") }
    }

    /// Takes octets from the front of `input`: says how many, and what they were.
    ///
    /// Call it again with what was not consumed until it answers [`Decoded::More`] or
    /// [`Decoded::End`]. Behind the end, it consumes nothing and answers [`Decoded::End`].
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
            // The CRLF was cut, and a line with a dot begins behind it.
            State::Cr if input.starts_with(b"\n.") => {
                self.octets = self.octets.saturating_add(1);
                let line_feed = input.get(..1).unwrap_or_default();
                self.stop(1, State::LineStart, Decoded::Data(line_feed))
            }
            State::Cr | State::Text => self.run(0, input),
        }
    }

    /// Appends the content that is at the front of `input` to `out`, as far as it goes.
    ///
    /// Returns how many octets were consumed, and whether the end was reached. If not, all of
    /// `input` was consumed.
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

    /// Whether the end was reached. If the connection closes before, the content is cut off.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.state == State::End
    }

    /// How many octets of content were handed out.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether a line began with one dot and not with two, so that the other side has not stuffed it:
    /// a dot of the content is lost, and a line with nothing else would have been taken for the end.
    #[must_use]
    pub const fn found_bare_dot(&self) -> bool {
        self.bare_dot
    }

    /// Hands out `input` up to the next line that begins with a dot; `skipped` octets stood before.
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
                assert!(unstuffer.is_finished());
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
        assert!(!unstuffer.is_finished());
    }

    #[test]
    fn behind_the_end_nothing_is_consumed() {
        let mut unstuffer = Unstuffer::new();
        assert_eq!(unstuffer.decode(b".\r\n.\r\n"), (3, Decoded::End));
        assert_eq!(unstuffer.decode(b".\r\n"), (0, Decoded::End));
        assert_eq!(unstuffer.decode(b""), (0, Decoded::End));
        assert!(unstuffer.is_finished());
    }
}
