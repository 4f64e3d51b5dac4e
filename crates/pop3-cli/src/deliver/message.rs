//! The message on standard input, as it is stored.

use std::io::{self, BufRead, BufReader, Read};

/// Octets read at once, and those of the first line that are looked at.
const PIECE: usize = 64 * 1024;

/// A message without the line `From ADDRESS DATE` of an mbox before it, and with header fields added to its start.
///
/// Everything else stays as it is. It goes by in pieces, whatever its size.
pub(crate) struct Message<R> {
    input: BufReader<R>,
    /// What is read before the rest of the input: the fields, and the first line.
    first: io::Cursor<Vec<u8>>,
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
        Ok(Self { input, first: io::Cursor::new(first) })
    }
}

/// Whether this is the line that begins a message in an mbox, and not a header field with a space before its colon.
fn is_envelope(line: &[u8]) -> bool {
    line.strip_prefix(b"From ").is_some_and(|rest| !rest.trim_ascii_start().starts_with(b":"))
}

impl<R: Read> Read for Message<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.first.read(buffer)? {
            0 => self.input.read(buffer),
            read => Ok(read),
        }
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

    fn read(input: &[u8], fields: &[&str], step: usize) -> Vec<u8> {
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
        octets
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
                assert_eq!(read(input.as_bytes(), fields, step), expected.as_bytes(), "{input:?} {step}");
            }
            let long = format!("From {}\nA: b\n", "x".repeat(200_000));
            assert_eq!(read(long.as_bytes(), &[], step.max(1000)), b"A: b\n");
            let long = format!("A: {}\n\nb", "x".repeat(200_000));
            assert_eq!(read(long.as_bytes(), &[], step.max(1000)), long.as_bytes());
        }
    }
}
