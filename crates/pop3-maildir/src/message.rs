//! Reading one message.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Cursor, Read};
use std::sync::Arc;

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
    tries: Tries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The file was opened by its name, and may be any.
    Unverified,
    Reading,
    /// All was read, and the file is the same as before.
    Whole,
    Broken,
}

/// Whether files can be opened and read without waiting, as far as that is known. Shared by a Maildir and its messages.
#[derive(Clone, Debug)]
pub(crate) struct Tries(Arc<AtomicBool>);

impl Tries {
    pub(crate) fn new(possible: bool) -> Self {
        Self(Arc::new(AtomicBool::new(possible)))
    }

    pub(crate) fn are_possible(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Remembers whether the system could tell, and returns the result without the errors that say that it did not.
    pub(crate) fn noted<T>(&self, tried: io::Result<T>) -> io::Result<T> {
        tried.map_err(|error| {
            let refused = error.kind() == io::ErrorKind::Unsupported;
            if refused {
                self.0.store(false, Ordering::Relaxed);
            }
            let later = refused || error.kind() == io::ErrorKind::Interrupted;
            if later { io::ErrorKind::WouldBlock.into() } else { error }
        })
    }
}

impl MessageFile {
    /// A message whose file was found to be what it was at the snapshot.
    pub(crate) fn new(file: Box<dyn File>, stat: Stat, tries: Tries) -> Self {
        let front = Cursor::new(Vec::new());
        Self { file: Some(file), stat, front, remaining: stat.len, state: State::Reading, tries }
    }

    /// A message whose file is examined with the first octets, and must be what it was at the snapshot.
    pub(crate) fn unverified(file: Box<dyn File>, stat: Stat, tries: Tries) -> Self {
        Self { state: State::Unverified, ..Self::new(file, stat, tries) }
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

    /// Reads the next octets of the message if they are in memory, so that this does not wait for the disk. Returns 0
    /// at the end. Octets that were read this way are not read again by [`Read::read`].
    ///
    /// # Errors
    /// Returns `WouldBlock` if the disk would have to be read, or if the system can't tell. Use [`Read::read`] then,
    /// where it may block. Other errors are those of `read`.
    pub fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let tries = self.tries.clone();
        if !tries.are_possible() && self.state == State::Reading && self.remaining > 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.advance(buf, |file, buf| match tries.noted(file.try_read(buf)) {
            // Not the end, as there are octets left. Some kernels had this fault.
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            result => result,
        })
    }

    fn advance(
        &mut self,
        buf: &mut [u8],
        read: impl FnOnce(&mut dyn File, &mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let count = self.front.read(buf)?;
        if count > 0 {
            return Ok(count);
        }
        match self.state {
            State::Unverified | State::Reading if buf.is_empty() => return Ok(0),
            State::Unverified | State::Reading => {}
            State::Whole => return Ok(0),
            State::Broken => return Err(self.broken()),
        }
        let Some(file) = &mut self.file else { return Err(self.broken()) };
        let mut count = 0;
        if self.remaining > 0 {
            let most = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buf.len());
            count = read(&mut **file, &mut buf[..most])?;
            if count == 0 {
                return Err(self.broken());
            }
            self.remaining -= count as u64;
        }
        // After the octets were read, so that what is not the message's is never returned as its end.
        if self.state == State::Unverified || self.remaining == 0 {
            let stat = file.stat()?;
            // A file with another change time has to be counted before the first octet is sent. From then on, flags may
            // change.
            let is_counted = self.state != State::Unverified || stat.changed == self.stat.changed;
            if !is_counted || !stat.same_content(&self.stat) {
                return Err(self.broken());
            }
            self.state = State::Reading;
        }
        if self.remaining == 0 {
            self.state = State::Whole;
            self.file = None;
        }
        Ok(count)
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
        self.advance(buf, |file, buf| file.read(buf))
    }
}
