//! The content of a message on the wire (RFC 5321 section 4.5.2).

/// Undoes dot-stuffing, and finds the end: CRLF, a dot, CRLF. A CR or LF alone ends no line and is content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Content {
    /// A line begins.
    #[default]
    Start,
    /// The line has a dot so far, which is not passed on.
    Dot,
    /// The line has a dot and a CR so far, neither of which is passed on.
    DotCr,
    Inside,
    /// Behind a CR.
    Cr,
    /// The end was found.
    End,
}

impl Content {
    /// Goes on with these octets, and appends what is content. Returns how many octets belong to this message, which are
    /// all until the end is found.
    pub(crate) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        while let Some(&octet) = octets.get(at) {
            if matches!(self, Self::Inside) {
                // The inside of a line is copied in one piece.
                let rest = octets.get(at..).unwrap_or_default();
                let piece = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
                out.extend_from_slice(rest.get(..piece).unwrap_or_default());
                at += piece;
                if piece < rest.len() {
                    out.push(b'\r');
                    *self = Self::Cr;
                    at += 1;
                }
                continue;
            }
            at += 1;
            *self = self.next(octet, out);
            if self.is_end() {
                break;
            }
        }
        at
    }

    pub(crate) const fn is_end(self) -> bool {
        matches!(self, Self::End)
    }

    fn next(self, octet: u8, out: &mut Vec<u8>) -> Self {
        match (self, octet) {
            (Self::Start, b'.') => Self::Dot,
            (Self::Dot, b'\r') => Self::DotCr,
            (Self::DotCr, b'\n') => Self::End,
            (Self::Cr, b'\n') => {
                out.push(b'\n');
                Self::Start
            }
            (state, octet) => {
                if matches!(state, Self::DotCr) {
                    out.push(b'\r');
                }
                out.push(octet);
                if octet == b'\r' { Self::Cr } else { Self::Inside }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(wire: &[u8], step: usize) -> (Vec<u8>, usize, bool) {
        let (mut content, mut out, mut used) = (Content::default(), Vec::new(), 0);
        for piece in wire.chunks(step) {
            used += content.push(piece, &mut out);
            if content.is_end() {
                break;
            }
        }
        (out, used, content.is_end())
    }

    #[test]
    fn a_message_ends_at_one_place_only() {
        for step in [1, 2, 3, 100] {
            for (wire, expected) in [
                (&b".\r\n"[..], &b""[..]),
                (b"a\r\n.\r\nMAIL", b"a\r\n"),
                (b"..\r\n.b\r\n...\r\n.\r\n", b".\r\nb\r\n..\r\n"),
                // None of these is an end.
                (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
                (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
                (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
                (b"a\r.\r\nb\r\n.\r\n", b"a\r.\r\nb\r\n"),
                (b"a\r\n.\r\rb\r\n.\r\n", b"a\r\n\r\rb\r\n"),
                (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
                (b"a\r\r\n.\r\n", b"a\r\r\n"),
                (b"\r\n.\r\n", b"\r\n"),
            ] {
                let (out, used, ended) = decode(wire, step);
                assert!(ended && out == expected, "{wire:?} {out:?}");
                assert_eq!(used, wire.len() - if wire.ends_with(b"MAIL") { 4 } else { 0 });
            }
            assert_eq!(decode(b"a\r\n.\r", step), (b"a\r\n".to_vec(), 5, false));
        }
    }

    proptest! {
        #[test]
        fn what_is_stuffed_comes_out_whole_however_it_is_split(
            lines in prop::collection::vec("[.\r\na]{0,4}", 0..20), step in 1_usize..20,
        ) {
            // Lines as a client has them: whatever is in them, CRLF alone ends them.
            let lines: Vec<_> = lines.iter().filter(|line| !line.contains("\r\n")).collect();
            let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let stuffed = |line: &&String| format!("{}{line}\r\n", if line.starts_with('.') { "." } else { "" });
            let wire: String = lines.iter().map(stuffed).collect::<String>() + ".\r\nQUIT\r\n";
            let (out, used, ended) = decode(wire.as_bytes(), step);
            prop_assert!(ended);
            prop_assert_eq!(out, content.as_bytes());
            prop_assert_eq!(used, wire.len() - 6);
        }
    }
}
