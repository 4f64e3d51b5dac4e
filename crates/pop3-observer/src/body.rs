//! A message on the wire: where it ends, how many octets and lines it has, and how it is stuffed.

use pop3_proto::dots::{Decoded, Unstuffer};

use crate::rule::Rule;

/// Reads a message as it comes; its state has a fixed size.
#[derive(Debug)]
pub(crate) struct Body {
    unstuffer: Unstuffer,
    at: At,
    /// The line so far has nothing in it.
    empty: bool,
    in_header: bool,
    lines: u64,
    body_lines: u64,
    unstuffed: bool,
    bare_lf: bool,
    bare_cr: bool,
}

/// Where in a line the octets on the wire are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Start,
    Dot,
    DotCr,
    Text,
    Cr,
}

impl Body {
    pub(crate) fn new() -> Self {
        Self {
            unstuffer: Unstuffer::new(),
            at: At::Start,
            empty: true,
            in_header: true,
            lines: 0,
            body_lines: 0,
            unstuffed: false,
            bare_lf: false,
            bare_cr: false,
        }
    }

    /// Takes octets up to the end of the message, gives its content to `data`, and returns what is
    /// left, and whether the end is reached.
    pub(crate) fn feed<'o>(&mut self, octets: &'o [u8], data: &mut dyn FnMut(&[u8])) -> (&'o [u8], bool) {
        let mut rest = octets;
        loop {
            let (consumed, decoded) = self.unstuffer.decode(rest);
            let (taken, left) = rest.split_at_checked(consumed).unwrap_or((rest, &[]));
            self.scan(taken);
            rest = left;
            match decoded {
                Decoded::Data(content) => data(content),
                Decoded::End => return (rest, true),
                Decoded::More => return (rest, false),
            }
        }
    }

    /// Octets of content so far.
    pub(crate) const fn octets(&self) -> u64 {
        self.unstuffer.octets()
    }

    /// Lines so far.
    pub(crate) const fn lines(&self) -> u64 {
        self.lines
    }

    /// Lines behind the first empty one so far.
    pub(crate) const fn body_lines(&self) -> u64 {
        self.body_lines
    }

    /// What is wrong with it.
    pub(crate) fn faults(&self) -> impl Iterator<Item = Rule> {
        [
            self.unstuffed.then_some(Rule::Unstuffed),
            self.bare_lf.then_some(Rule::BodyLineEnd),
            self.bare_cr.then_some(Rule::BodyCr),
        ]
        .into_iter()
        .flatten()
    }

    fn scan(&mut self, mut octets: &[u8]) {
        while let Some((&first, behind)) = octets.split_first() {
            match (self.at, first) {
                (At::Start, b'.') => (self.at, octets) = (At::Dot, behind),
                (At::Start, _) => (self.at, self.empty) = (At::Text, true),
                (At::Dot, b'\r') => (self.at, octets) = (At::DotCr, behind),
                (At::Dot, _) => {
                    self.unstuffed |= first != b'.';
                    (self.at, self.empty) = (At::Text, true);
                }
                (At::DotCr, b'\n') => (self.at, octets) = (At::Start, behind),
                (At::DotCr, _) => {
                    self.unstuffed = true;
                    (self.at, self.empty) = (At::Cr, true);
                }
                (At::Text, b'\n') => {
                    self.bare_lf = true;
                    (self.empty, octets) = (false, behind);
                }
                (At::Text, b'\r') => (self.at, octets) = (At::Cr, behind),
                (At::Text, _) => {
                    let end = memchr::memchr2(b'\r', b'\n', octets).unwrap_or(octets.len());
                    self.empty = false;
                    octets = octets.get(end..).unwrap_or_default();
                }
                (At::Cr, b'\n') => {
                    self.line();
                    (self.at, octets) = (At::Start, behind);
                }
                (At::Cr, _) => {
                    self.bare_cr = true;
                    (self.at, self.empty) = (At::Text, false);
                }
            }
        }
    }

    const fn line(&mut self) {
        self.lines = self.lines.saturating_add(1);
        if !self.in_header {
            self.body_lines = self.body_lines.saturating_add(1);
        } else if self.empty {
            self.in_header = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn read(wire: &[u8], split: usize) -> (Vec<u8>, u64, u64, Vec<Rule>) {
        let (mut body, mut content) = (Body::new(), Vec::new());
        let (a, b) = wire.split_at(split);
        for piece in [a, b] {
            let (rest, _) = body.feed(piece, &mut |data| content.extend_from_slice(data));
            assert!(rest.is_empty());
        }
        assert_eq!(body.octets(), content.len() as u64);
        (content, body.lines(), body.body_lines(), body.faults().collect())
    }

    #[test]
    fn faults_and_lines_are_the_same_at_every_split() {
        for (wire, lines, body_lines, faults) in [
            (&b"a: b\r\n\r\nc\r\n..d\r\n.\r\n"[..], 4, 2, &[][..]),
            (b".\r\n", 0, 0, &[]),
            (b"a: b\r\n.\r\n", 1, 0, &[]),
            (b"\r\n\r\n\r\n.\r\n", 3, 2, &[]),
            (b".a: b\r\n..\r\n.\r\n", 2, 0, &[Rule::Unstuffed]),
            (b"a\nb\r\n.\n\r\n.\r\n", 2, 0, &[Rule::Unstuffed, Rule::BodyLineEnd]),
            (b"a\rb\r\n\r\r\n.\r\n", 2, 0, &[Rule::BodyCr]),
            (b".\rx\r\n.\r\n", 1, 0, &[Rule::Unstuffed, Rule::BodyCr]),
        ] {
            for split in 0..=wire.len() {
                let (_, found_lines, found_body_lines, found) = read(wire, split);
                assert_eq!((found_lines, found_body_lines), (lines, body_lines), "{}", wire.escape_ascii());
                assert_eq!(found, faults, "{}", wire.escape_ascii());
            }
        }
    }
}
