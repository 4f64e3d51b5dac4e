//! Lines of the wire form to lines of the stored form.

use std::io::{self, Write};

/// A writer that converts each CRLF to LF, the usual line end in a Maildir.
///
/// It keeps a CR without LF, however the octets are split into pieces. Afterwards, bare LFs cannot be distinguished
/// from line ends. To preserve every octet, store the message without this conversion.
///
/// ```
/// use std::io::Write;
/// use pop3_maildir::CrlfToLf;
/// let mut writer = CrlfToLf::new(Vec::new());
/// writer.write_all(b"one\r")?;
/// writer.write_all(b"\ntwo\rthree\r")?;
/// assert_eq!(writer.finish()?, b"one\ntwo\rthree\r");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct CrlfToLf<W> {
    inner: W,
    /// A CR was met whose next octet is not known.
    held: bool,
}

impl<W: Write> CrlfToLf<W> {
    /// Creates a writer that writes to `inner`.
    pub const fn new(inner: W) -> Self {
        Self { inner, held: false }
    }

    /// Writes a pending CR, and returns the inner writer without flushing it.
    ///
    /// # Errors
    /// Returns the error of the inner writer.
    pub fn finish(mut self) -> io::Result<W> {
        if self.held {
            self.inner.write_all(b"\r")?;
        }
        Ok(self.inner)
    }

    /// The writer below.
    pub(crate) const fn get_ref(&self) -> &W {
        &self.inner
    }

    /// Returns the inner writer. Discards a pending CR.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for CrlfToLf<W> {
    /// Takes all of `buf`. After an error it is not known how much of it was written.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let Some(&first) = buf.first() else { return Ok(0) };
        if self.held && first != b'\n' {
            self.inner.write_all(b"\r")?;
        }
        self.held = false;
        let mut start = 0;
        for cr in memchr::memchr_iter(b'\r', buf) {
            match buf.get(cr + 1) {
                Some(b'\n') => {}
                Some(_) => continue,
                None => self.held = true,
            }
            self.inner.write_all(&buf[start..cr])?;
            start = cr + 1;
        }
        self.inner.write_all(&buf[start..])?;
        Ok(buf.len())
    }

    /// Flushes the writer below. A CR that came last waits for its next octet all the same.
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
