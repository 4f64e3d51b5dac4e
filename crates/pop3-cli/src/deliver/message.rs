//! The message on standard input, as it is stored.

use std::io::{self, BufRead, BufReader, Read};

use sha2::{Digest as _, Sha256};

/// Octets read at once, and those of the first line that are looked at.
const PIECE: usize = 64 * 1024;

/// A message without the line `From ADDRESS DATE` of an mbox before it, and with header fields added to its start.
///
/// Everything else stays as it is. It goes by in pieces, whatever its size.
pub(crate) struct Message<R> {
    input: BufReader<R>,
    /// What is read before the rest of the input: the fields, and the first line.
    first: io::Cursor<Vec<u8>>,
    body: Body,
}

/// The hash of what is behind the header.
#[derive(Default)]
struct Body {
    hash: Sha256,
    begun: bool,
    /// Octets of the line so far that are not CR, as far as it matters.
    in_line: bool,
}

impl<R: Read> Message<R> {
    /// Reads the first line, and adds these header fields before it, with its line end.
    ///
    /// # Errors
    /// When the input can't be read.
    pub(crate) fn read(input: R, fields: &[String]) -> io::Result<Self> {
        let mut input = BufReader::with_capacity(PIECE, input);
        let mut line = Vec::new();
        input.by_ref().take(PIECE as u64).read_until(b'\n', &mut line)?;
        let end: &[u8] = if line.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
        let mut first = Vec::new();
        if !line.is_empty() {
            fields.iter().for_each(|field| first.extend_from_slice(&[field.as_bytes(), end].concat()));
        }
        if is_envelope(&line) {
            if !line.ends_with(b"\n") {
                input.skip_until(b'\n')?;
            }
        } else {
            first.extend_from_slice(&line);
        }
        Ok(Self { input, first: io::Cursor::new(first), body: Body::default() })
    }

    /// What is remembered of a delivery with this id, when the message was read: the id and a hash of the body. The
    /// header may be another one in a later attempt, where the mail server adds dates to it.
    pub(crate) fn key(&self, id: &str) -> Vec<u8> {
        let body: String =
            self.body.hash.clone().finalize().iter().take(16).map(|octet| format!("{octet:02x}")).collect();
        format!("{body} {id}").into_bytes()
    }
}

/// Whether this is the line that begins a message in an mbox, and not a header field with a space before its colon.
fn is_envelope(line: &[u8]) -> bool {
    line.strip_prefix(b"From ").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"))
}

impl<R: Read> Read for Message<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.first.read(buffer)? {
            0 => self.input.read(buffer)?,
            read => read,
        };
        self.body.push(&buffer[..read]);
        Ok(read)
    }
}

impl Body {
    /// Goes on with these octets. The body begins behind the first empty line.
    fn push(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !self.begun && !rest.is_empty() {
            let (line, is_whole) = match rest.iter().position(|&octet| octet == b'\n') {
                Some(end) => (&rest[..end], true),
                None => (rest, false),
            };
            self.in_line |= line.iter().any(|&octet| octet != b'\r');
            rest = &rest[(line.len() + 1).min(rest.len())..];
            if is_whole {
                self.begun = !core::mem::take(&mut self.in_line);
            }
        }
        self.hash.update(rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one octet at a time, or more.
    struct Slow<'o>(&'o [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = buffer.len().min(self.1);
            self.0.read(&mut buffer[..len])
        }
    }

    fn read(input: &[u8], fields: &[&str], step: usize) -> (Vec<u8>, Vec<u8>) {
        let fields: Vec<String> = fields.iter().map(|&field| field.to_owned()).collect();
        let mut message = Message::read(Slow(input, step), &fields).unwrap();
        let mut octets = Vec::new();
        let mut piece = vec![0; step];
        loop {
            match message.read(&mut piece).unwrap() {
                0 => break,
                read => octets.extend_from_slice(&piece[..read]),
            }
        }
        (octets, message.key("id"))
    }

    #[test]
    fn the_line_of_an_mbox_goes_and_fields_come() {
        for step in [1, 2, 7, 100_000] {
            for (input, fields, expected) in [
                ("A: b\n\nc\n", &[][..], "A: b\n\nc\n"),
                ("From a@b Sat Jan  6 10:00:00 2024\nA: b\n\nFrom x\n", &[], "A: b\n\nFrom x\n"),
                ("From MAILER-DAEMON\r\nA: b\r\n", &["X: y", "Z: z"], "X: y\r\nZ: z\r\nA: b\r\n"),
                ("From  : a@b\n\n", &["X: y"], "X: y\nFrom  : a@b\n\n"),
                ("From: a@b\n\n", &[], "From: a@b\n\n"),
                ("From ", &["X: y"], "X: y\n"),
                ("", &["X: y"], ""),
                ("\nbody", &["X: y"], "X: y\n\nbody"),
            ] {
                assert_eq!(read(input.as_bytes(), fields, step).0, expected.as_bytes(), "{input:?} {step}");
            }
            let long = format!("From {}\nA: b\n", "x".repeat(200_000));
            assert_eq!(read(long.as_bytes(), &[], step.max(1000)).0, b"A: b\n");
            let long = format!("A: {}\n\nb", "x".repeat(200_000));
            assert_eq!(read(long.as_bytes(), &[], step.max(1000)).0, long.as_bytes());
        }
    }

    #[test]
    fn a_key_has_the_body_and_not_the_header() {
        for step in [1, 2, 3, 1000] {
            let key = |input: &str| read(input.as_bytes(), &[], step).1;
            assert_eq!(key("A: b\n\nbody"), key("Delivery-date: now\nA: b\r\n\r\nbody"));
            assert_eq!(key("\nbody"), key("From x\nA: b\n\nbody"));
            assert_ne!(key("A: b\n\nbody"), key("A: b\n\nbod"));
            assert_ne!(key("A: b\n\nbody"), key("A: b\n\n"));
            assert_ne!(key("A: b\n\n\nbody"), key("A: b\n\nbody"));
            assert!(key("A: b\n\n").ends_with(b" id"));
        }
    }
}
