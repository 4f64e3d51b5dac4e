//! A message before it is delivered: counted while it is received, and kept until it is stored.

use core::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use pop3_proto::Octets;
use pop3_proto::dots::{WireSize, wire_size};
use pop3_surrogate::{HeaderScan, surrogate};

/// The octets of one chunk, except the last one of a message.
pub(crate) const CHUNK: usize = 256 * 1024;

/// The most octets of a message in memory. A longer one is in a file.
const MEMORY: usize = 2 * CHUNK;

/// The longest header that is converted, in octets of the stored form.
const HEADER_MAX: usize = 1 << 20;

/// Receives a message that is to be delivered, in [stored form](pop3_proto::dots). Write the octets, then call
/// [`finish`](Self::finish).
///
/// No connection to the database is used meanwhile, so that a slow sender holds up nobody. A message of more than 512
/// KiB is kept in a nameless file in the directory of temporary files. Writing to it may block.
///
/// ```
/// use std::io::Write as _;
/// let mut spool = pop3_sql::Spool::new();
/// spool.write_all(b"Subject: hello\n\nHello!\n")?;
/// let message = spool.finish()?;
/// assert_eq!((message.octets(), message.size()), (23, 26));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Spool {
    kept: Kept,
    octets: u64,
    size: WireSize,
    header: HeaderScan,
}

/// The octets so far.
enum Kept {
    Memory(Vec<u8>),
    File(File),
    /// Only the header, as they are only measured.
    Header(Vec<u8>),
}

/// A message that can be [delivered](crate::SqlStore::deliver), to any number of users.
pub struct SpooledMessage {
    kept: KeptWhole,
    octets: u64,
    size: Octets,
    eight_bit: bool,
    ascii_size: Option<Octets>,
}

/// All octets.
enum KeptWhole {
    Memory(Bytes),
    File(File),
}

impl Spool {
    /// Creates an empty message.
    #[must_use]
    pub const fn new() -> Self {
        Self { kept: Kept::Memory(Vec::new()), octets: 0, size: WireSize::new(), header: HeaderScan::new() }
    }

    /// A message that is not to be delivered, only measured.
    pub(crate) fn measuring() -> Self {
        Self { kept: Kept::Header(Vec::new()), ..Self::new() }
    }

    /// Takes the next octets of a message that is measured.
    pub(crate) fn measure(&mut self, octets: &[u8]) {
        if let Kept::Header(header) = &mut self.kept
            && !self.header.is_complete()
            && header.len() <= HEADER_MAX
        {
            header.extend_from_slice(octets);
        }
        self.count(octets);
    }

    fn count(&mut self, octets: &[u8]) {
        self.size.update(octets);
        self.header.update(octets);
        self.octets = self.octets.saturating_add(octets.len() as u64);
    }

    /// Returns the number of octets so far.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Ends the message.
    ///
    /// # Errors
    /// Returns an error if the temporary file can't be read.
    pub fn finish(self) -> io::Result<SpooledMessage> {
        let kept = match self.kept {
            Kept::Memory(octets) | Kept::Header(octets) => KeptWhole::Memory(octets.into()),
            Kept::File(file) => KeptWhole::File(file),
        };
        let mut message = SpooledMessage {
            kept,
            octets: self.octets,
            size: self.size.finish(),
            eight_bit: self.header.needs_utf8(),
            ascii_size: None,
        };
        if self.header.needs_utf8() && self.header.octets() <= HEADER_MAX {
            message.ascii_size = Some(message.ascii_size_with(self.header.octets())?);
        }
        Ok(message)
    }
}

impl SpooledMessage {
    /// Reads a whole message.
    ///
    /// # Errors
    /// Returns an error if the reader or the temporary file does.
    pub fn read(mut from: impl Read) -> io::Result<Self> {
        let mut spool = Spool::new();
        io::copy(&mut from, &mut spool)?;
        spool.finish()
    }

    /// Returns the number of octets in stored form.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// Returns the size on the wire, where each line ends in CRLF.
    #[must_use]
    pub const fn size(&self) -> Octets {
        self.size
    }

    /// Returns whether the header has an octet outside ASCII (RFC 6532).
    #[must_use]
    pub const fn needs_utf8(&self) -> bool {
        self.eight_bit
    }

    /// Returns the size on the wire for a client without UTF8, who receives the header in ASCII
    /// ([`pop3_surrogate`]). `None` if the header is in ASCII, or has more than 1 MiB.
    #[must_use]
    pub const fn ascii_size(&self) -> Option<Octets> {
        self.ascii_size
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.octets.div_ceil(CHUNK as u64)
    }

    /// Reads a chunk, which may block.
    pub(crate) fn chunk(&self, index: u64) -> io::Result<Bytes> {
        let start = index.saturating_mul(CHUNK as u64).min(self.octets);
        let end = start.saturating_add(CHUNK as u64).min(self.octets);
        self.range(start, end)
    }

    fn range(&self, start: u64, end: u64) -> io::Result<Bytes> {
        let octet = |at: u64| usize::try_from(at).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory));
        match &self.kept {
            KeptWhole::Memory(octets) => Ok(octets.slice(octet(start)?..octet(end)?)),
            KeptWhole::File(file) => {
                let mut octets = vec![0; octet(end.saturating_sub(start))?];
                file.read_exact_at(&mut octets, start)?;
                Ok(octets.into())
            }
        }
    }

    /// The size if another header stands for the first octets.
    fn ascii_size_with(&self, header: usize) -> io::Result<Octets> {
        let header = self.range(0, header as u64)?;
        // A header ends in a line end, or is the whole message.
        let rest = self.size.saturating_sub(wire_size(&header));
        Ok(rest.saturating_add(wire_size(&surrogate(&header))))
    }
}

impl Default for Spool {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Spool {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        if let Kept::Memory(memory) = &mut self.kept {
            if memory.len().saturating_add(octets.len()) <= MEMORY {
                memory.extend_from_slice(octets);
            } else {
                let mut file = tempfile::tempfile()?;
                file.write_all(memory)?;
                self.kept = Kept::File(file);
            }
        }
        let written = match &mut self.kept {
            Kept::Memory(_) | Kept::Header(_) => octets.len(),
            Kept::File(file) => file.write(octets)?,
        };
        self.count(octets.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool").field("octets", &self.octets).finish_non_exhaustive()
    }
}

impl fmt::Debug for SpooledMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SpooledMessage");
        debug.field("octets", &self.octets).field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_the_message_whatever_its_length() {
        for octets in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, MEMORY, MEMORY + 1, 3 * CHUNK + 7] {
            let whole: Vec<u8> =
                (0..octets).map(|at| if at % 71 == 0 { b'\n' } else { b'a' + (at % 26) as u8 }).collect();
            // In pieces that fit nowhere.
            let mut spool = Spool::new();
            whole.chunks(100_003).for_each(|piece| spool.write_all(piece).unwrap());
            let message = spool.finish().unwrap();
            let mut read = Vec::new();
            (0..message.chunks()).for_each(|index| read.extend_from_slice(&message.chunk(index).unwrap()));
            assert!(read == whole, "{octets}");
            assert_eq!((message.octets(), message.size()), (octets as u64, wire_size(&whole)));
        }
    }

    #[test]
    fn the_size_with_a_header_in_ascii_is_known() {
        let text = "Subject: Gr\u{fc}\u{df}e\n\nK\u{f6}rper\n".as_bytes();
        let message = SpooledMessage::read(text).unwrap();
        let other = "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\n\nK\u{f6}rper\n";
        assert!(message.needs_utf8());
        assert_eq!(message.ascii_size(), Some(wire_size(other.as_bytes())));
        // The body does not matter.
        assert_eq!(SpooledMessage::read(&b"A: b\n\n\xff"[..]).unwrap().ascii_size(), None);
    }
}
