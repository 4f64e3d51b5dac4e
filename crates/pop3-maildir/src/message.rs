//! Reading one message.

use std::io::{self, Cursor, Read};

use pop3_disk::{File, Stat};

/// A reader for a message. It returns exactly the octets that were counted for the snapshot, with a converted header
/// if configured, or an error.
///
/// An error in the middle means that the file has changed since the snapshot. The client must not mistake the part
/// for a complete message: close the connection without sending the final line.
#[derive(Debug)]
pub struct MessageFile {
    /// Closed when all was read: who sends the last octets to a slow client needs no descriptor for it.
    file: Option<Box<dyn File>>,
    stat: Stat,
    /// What comes before the rest of the file: a header that stands for the file's.
    front: Cursor<Vec<u8>>,
    /// Octets not yet read.
    remaining: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Reading,
    /// All was read, and the file is the same as before.
    Whole,
    Broken,
}

impl MessageFile {
    pub(crate) fn new(file: Box<dyn File>, stat: Stat) -> Self {
        Self {
            file: Some(file),
            stat,
            front: Cursor::new(Vec::new()),
            remaining: stat.len,
            state: State::Reading,
        }
    }

    /// Gives these octets first, and then what was not read yet.
    pub(crate) fn with_front(self, octets: Vec<u8>) -> Self {
        Self { front: Cursor::new(octets), ..self }
    }

    /// Returns the length of the stored file in octets. The wire form is longer if lines end with LF.
    #[must_use]
    pub const fn stored_len(&self) -> u64 {
        self.stat.len
    }

    fn broken(&mut self) -> io::Error {
        self.state = State::Broken;
        io::Error::new(io::ErrorKind::InvalidData, "the message was changed while it was read")
    }
}

impl Read for MessageFile {
    /// Reads the next octets of the message; 0 at its end.
    ///
    /// # Errors
    /// `InvalidData` when the file became shorter, longer or another one since the snapshot, and
    /// what the system says when it can't read.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.front.read(buf)?;
        if count > 0 {
            return Ok(count);
        }
        match self.state {
            State::Reading if buf.is_empty() => return Ok(0),
            State::Reading => {}
            State::Whole => return Ok(0),
            State::Broken => return Err(self.broken()),
        }
        let Some(file) = &mut self.file else { return Err(self.broken()) };
        if self.remaining == 0 {
            if !file.stat()?.same_content(&self.stat) {
                return Err(self.broken());
            }
            self.state = State::Whole;
            self.file = None;
            return Ok(0);
        }
        let most = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buf.len());
        let count = file.read(&mut buf[..most])?;
        if count == 0 {
            return Err(self.broken());
        }
        self.remaining -= count as u64;
        Ok(count)
    }
}
