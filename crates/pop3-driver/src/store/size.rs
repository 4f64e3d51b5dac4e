//! The size of a message that is read from somewhere.

use std::io::{self, ErrorKind, Read};

use pop3_proto::Octets;
use pop3_proto::dots::WireSize;

use crate::backend::Context;

/// Reads a message to its end, and returns its size on the wire, as a [`Snapshot`](pop3_proto::Snapshot) needs it.
/// For a message in memory, see [`dots::wire_size`](pop3_proto::dots::wire_size).
///
/// ```
/// use pop3_driver::backend::Context;
/// use pop3_driver::store::wire_size;
///
/// let stored = b"Subject: hello\n\nHello!\n"; // Usually a file.
/// assert_eq!(wire_size(&stored[..], &Context::unbounded())?, 26);
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// Returns an error if the message cannot be read, or [`ErrorKind::TimedOut`] if the session no longer waits for the
/// answer ([`Context::is_gone`]).
pub fn wire_size(mut message: impl Read, context: &Context) -> io::Result<Octets> {
    let (mut size, mut buffer) = (WireSize::new(), [0; BUFFER]);
    loop {
        if context.is_gone() {
            return Err(ErrorKind::TimedOut.into());
        }
        match message.read(&mut buffer) {
            Ok(0) => return Ok(size.finish()),
            Ok(octets) => size.update(buffer.get(..octets).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How many octets are read at once.
const BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Is interrupted before each piece.
    struct Pieces<'a>(&'a [&'a [u8]], bool);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[..first.len()].copy_from_slice(first);
            self.0 = rest;
            Ok(first.len())
        }
    }

    #[test]
    fn a_message_has_the_same_size_however_it_is_read() {
        let whole = b"Subject: a\r\n\nb\n.c";
        let size = pop3_proto::dots::wire_size(whole);
        for at in 1..whole.len() {
            let (start, end) = whole.split_at(at);
            let pieces = Pieces(&[start, end], false);
            assert_eq!(wire_size(pieces, &Context::unbounded()).unwrap(), size, "{at}");
        }
        let large = vec![b'x'; 3 * BUFFER];
        assert_eq!(wire_size(&*large, &Context::unbounded()).unwrap(), 3 * BUFFER as u64 + 2);
    }

    #[test]
    fn nobody_reads_on_for_a_client_that_has_gone() {
        let gone = Context::new(Instant::now());
        assert_eq!(wire_size(io::repeat(b'x'), &gone).unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
