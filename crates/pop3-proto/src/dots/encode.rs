//! From the stored form to the wire form.

use bytes::BytesMut;
use memchr::{memchr, memmem};

use super::size::WireSize;
use super::{CR, DOT, LF, bare};
use crate::Octets;

/// Converts a message, or any other multi-line reply, to wire form (RFC 1939 section 3).
///
/// Lines in the input may end in LF, CRLF, or a mixture. Lines in the output end in CRLF. A dot at the start of a
/// line or of the message is doubled. A bare CR is not changed. Because the output has no bare LF, a client that
/// takes a bare LF for a line end can't be fooled.
///
/// Pass all pieces of the message to [`encode`](Self::encode) or [`slices`](Self::slices), then call
/// [`finish`](Self::finish). Both may be used for the same message.
///
/// ```
/// use bytes::BytesMut;
/// use pop3_proto::dots::Stuffer;
///
/// let mut wire = BytesMut::new();
/// let mut stuffer = Stuffer::new();
/// stuffer.encode(b"one\n.two\r", &mut wire);
/// stuffer.encode(b"\nthree", &mut wire);
/// stuffer.finish(&mut wire);
/// assert_eq!(&wire[..], b"one\r\n..two\r\nthree\r\n.\r\n");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stuffer {
    size: WireSize,
}

impl Stuffer {
    /// Creates a stuffer at the start of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: WireSize::new() }
    }

    /// Appends the wire form of the next piece of the message to `out`.
    pub fn encode(&mut self, chunk: &[u8], out: &mut BytesMut) {
        out.reserve(chunk.len());
        for piece in chunk.chunks(PIECE) {
            let before = self.size.before();
            // Mail with LF shows at its first lines that it must be taken line by line, and of a
            // few lines alone nothing is gained otherwise.
            let lacks_cr = |piece| bare::count(before, piece) > 0;
            if piece.get(..PROBE).is_none_or(lacks_cr) || lacks_cr(piece) {
                let bare = encode_lines(before, piece, out);
                self.size.add(piece, bare);
            } else {
                Slices::new(before, piece, 0).for_each(|slice| out.extend_from_slice(slice));
                self.size.add(piece, 0);
            }
        }
    }

    /// Returns the wire form of the next piece of the message as slices, for a vectored write. They are parts of
    /// `chunk`, and a CR where one is missing. Nothing is copied, and no slice is empty.
    ///
    /// The stuffer advances past the piece at once, whether or not you use the slices. A message with CRLF gives one
    /// slice, and one more for each dot at the start of a line. A message with LF gives two slices per line, so
    /// [`encode`](Self::encode) is the better choice for it.
    ///
    /// ```
    /// use pop3_proto::dots::Stuffer;
    /// let slices: Vec<&[u8]> = Stuffer::new().slices(b"a\r\n.b\nc").collect();
    /// assert_eq!(slices, [&b"a\r\n."[..], b".b", b"\r", b"\nc"]);
    /// ```
    pub fn slices<'c>(&mut self, chunk: &'c [u8]) -> impl Iterator<Item = &'c [u8]> + use<'c> {
        let before = self.size.before();
        let bare = self.size.count(chunk);
        Slices::new(before, chunk, bare)
    }

    /// Appends the end: CRLF if the last line has no line end, and then the line with a single dot.
    ///
    /// An empty message gets no CRLF: its wire form is only `.` CRLF. If the message ends in a bare CR, the CRLF is
    /// added after it.
    pub fn finish(self, out: &mut BytesMut) {
        out.extend_from_slice(match self.size.before() {
            LF => b".\r\n",
            _ => b"\r\n.\r\n",
        });
    }

    /// Returns the octets in wire form if the message ended here. Every line end counts as two octets, also the one that
    /// [`finish`](Self::finish) would add. Stuffed dots are not counted.
    ///
    /// At the end of a message, this must equal the announced size, see [`wire_size`](super::wire_size).
    #[must_use]
    pub const fn total(&self) -> Octets {
        self.size.finish()
    }
}

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

/// How much is encoded at once. The octets are read several times, and should stay in the first-level cache for that.
const PIECE: usize = 16 * 1024;

/// How much of a piece is examined first: several lines.
const PROBE: usize = 512;

/// Appends the wire form of `piece` line by line; `before` is the octet before it. Returns how many
/// LFs had no CR before them.
fn encode_lines(mut before: u8, piece: &[u8], out: &mut BytesMut) -> usize {
    let (mut bare, mut rest) = (0_usize, piece);
    loop {
        if before == LF && rest.first() == Some(&DOT) {
            out.extend_from_slice(b".");
        }
        let Some((line, behind)) = memchr(LF, rest).and_then(|at| rest.split_at_checked(at)) else {
            out.extend_from_slice(rest);
            return bare;
        };
        out.extend_from_slice(line);
        if line.last().copied().unwrap_or(before) == CR {
            out.extend_from_slice(b"\n");
        } else {
            bare = bare.wrapping_add(1);
            out.extend_from_slice(b"\r\n");
        }
        before = LF;
        rest = behind.get(1..).unwrap_or_default();
    }
}

/// The wire form of a piece of a message, without a copy. No slice is empty.
#[derive(Clone, Debug)]
struct Slices<'c> {
    /// What was not returned yet.
    rest: &'c [u8],
    /// The octet before `rest` on the wire.
    before: u8,
    /// How many LFs in `rest` have no CR before them. If there are none, only dots must be found.
    bare: usize,
    /// Whether a CR must be returned before `rest`.
    cr: bool,
    finder: Option<memmem::Finder<'static>>,
}

/// A place where the wire form has an additional octet.
enum Insertion {
    /// A CR before the LF at this index.
    Cr(usize),
    /// A dot before the dot at this index.
    Dot(usize),
}

impl<'c> Iterator for Slices<'c> {
    type Item = &'c [u8];

    #[inline]
    fn next(&mut self) -> Option<&'c [u8]> {
        if self.cr {
            self.cr = false;
            return Some(b"\r");
        }
        if self.rest.is_empty() {
            return None;
        }
        match self.insertion() {
            None => Some(core::mem::take(&mut self.rest)),
            Some(Insertion::Cr(at)) => {
                let (run, rest) = self.rest.split_at_checked(at)?;
                self.rest = rest;
                self.before = CR;
                if run.is_empty() {
                    return Some(b"\r");
                }
                self.cr = true;
                Some(run)
            }
            Some(Insertion::Dot(at)) => {
                // The dot is the last octet of this slice and the first of the next.
                let run = self.rest.get(..=at)?;
                self.rest = self.rest.get(at..)?;
                self.before = DOT;
                Some(run)
            }
        }
    }
}

impl core::iter::FusedIterator for Slices<'_> {}

impl<'c> Slices<'c> {
    /// Creates the slices of `chunk`, which has this many LFs without a CR before them.
    const fn new(before: u8, chunk: &'c [u8], bare: usize) -> Self {
        Self { rest: chunk, before, bare, cr: false, finder: None }
    }

    /// Finds the next place in `rest` where the wire form has an additional octet.
    #[inline]
    fn insertion(&mut self) -> Option<Insertion> {
        if self.before == LF && self.rest.first() == Some(&DOT) {
            return Some(Insertion::Dot(0));
        }
        if self.bare == 0 {
            let finder = self.finder.get_or_insert_with(|| memmem::Finder::new(b"\n."));
            return finder.find(self.rest).map(|at| Insertion::Dot(at.wrapping_add(1)));
        }
        let mut from = 0_usize;
        loop {
            let rest = self.rest.get(from..)?;
            let (line, behind) = match rest {
                // The most common case: a CR was just returned.
                [LF, behind @ ..] => (&[][..], behind),
                _ => {
                    let (line, behind) = rest.split_at_checked(memchr(LF, rest)?)?;
                    (line, behind.get(1..)?)
                }
            };
            let at = from.wrapping_add(line.len());
            let before = if from == 0 { self.before } else { LF };
            if line.last().copied().unwrap_or(before) != CR {
                self.bare = self.bare.wrapping_sub(1);
                return Some(Insertion::Cr(at));
            }
            from = at.wrapping_add(1);
            if behind.first() == Some(&DOT) {
                return Some(Insertion::Dot(from));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn wire(pieces: &[&[u8]]) -> Vec<u8> {
        let (mut stuffer, mut out) = (Stuffer::new(), BytesMut::new());
        for piece in pieces {
            stuffer.encode(piece, &mut out);
        }
        stuffer.finish(&mut out);
        out.to_vec()
    }

    #[test]
    fn dots_are_doubled_at_the_start_of_lines() {
        assert_eq!(wire(&[b".dot\r\n..two\r\nend\r\n"]), b"..dot\r\n...two\r\nend\r\n.\r\n"); // 1939-3.21
        assert_eq!(wire(&[b"a\r\n.\r\nb\r\n"]), b"a\r\n..\r\nb\r\n.\r\n"); // 1939-3.22
        assert_eq!(wire(&[b".x: y\n\n"]), b"..x: y\r\n\r\n.\r\n"); // 1939-3.23
        assert_eq!(wire(&[b"a.\na..b"]), b"a.\r\na..b\r\n.\r\n");
    }

    #[test]
    fn the_end_follows_a_whole_line() {
        assert_eq!(wire(&[]), b".\r\n"); // 1939-3.26
        assert_eq!(wire(&[b""]), b".\r\n");
        assert_eq!(wire(&[b"abc"]), b"abc\r\n.\r\n"); // 1939-3.32
        assert_eq!(wire(&[b"abc\r"]), b"abc\r\r\n.\r\n");
        assert_eq!(wire(&[b"."]), b"..\r\n.\r\n");
    }

    #[test]
    fn line_ends_become_crlf() {
        let same = b"a\r\n\r\n..b\r\nc\r\n.\r\n"; // 1939-3.33
        assert_eq!(wire(&[b"a\n\n.b\nc\n"]), same);
        assert_eq!(wire(&[b"a\r\n\r\n.b\r\nc\r\n"]), same);
        assert_eq!(wire(&[b"a\r\n\n.b\r\nc\n"]), same);
        assert_eq!(wire(&[b"a\n\r\n.b\nc\r\n"]), same);
        assert_eq!(wire(&[b"a\r", b"\n\r", b"\n", b".b\r", b"\nc\n"]), same);
        assert_eq!(wire(&[b"a\n.\nDELE"]), b"a\r\n..\r\nDELE\r\n.\r\n"); // 1939-3.36
    }

    #[test]
    fn a_bare_cr_is_content() {
        assert_eq!(wire(&[b"a\rb\n"]), b"a\rb\r\n.\r\n"); // 1939-3.34
        assert_eq!(wire(&[b"a\r.b\r\r\n"]), b"a\r.b\r\r\n.\r\n");
        assert_eq!(wire(&[b"a\r", b".b\r", b"\r", b"\n"]), b"a\r.b\r\r\n.\r\n");
    }

    #[test]
    fn octets_leave_out_stuffing() {
        let mut stuffer = Stuffer::new();
        assert_eq!(stuffer.total(), 0);
        let _ = stuffer.slices(b".a\n.b");
        assert_eq!(stuffer.total(), 8);
        let _ = stuffer.slices(b"\n");
        assert_eq!(stuffer.total(), 8);
    }
}
