//! A message that is read.

use core::fmt;
use std::io::{self, BufRead, Read};

use pop3_driver::client::{IncomingMessage as Coming, Receiver};
use pop3_driver::{Transport, wait};
use pop3_proto::client::ProtocolError;
use pop3_proto::{MessageNumber, Octets};

use crate::{ClientError, Socket};

/// A message on its way, to be read as it comes: in wire form without dot-stuffing, its lines end in CRLF.
///
/// Reading gives 0 only behind the terminator; a message that breaks off is an error, in which the client's
/// [`ClientError`] can be found by [`io::Error::downcast`]. A message may be dropped at any time: the next call throws
/// away what is left.
pub struct IncomingMessage<'c, T = Socket>(Coming<'c, T>);

impl<'c, T: Transport> IncomingMessage<'c, T> {
    pub(crate) const fn new(coming: Coming<'c, T>) -> Self {
        Self(coming)
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> MessageNumber {
        self.0.number()
    }

    /// How many octets it has as the server says: a hint.
    #[must_use]
    pub const fn size(&self) -> Option<Octets> {
        self.0.size()
    }

    /// How many octets have come so far. Those that are buffered count.
    #[must_use]
    pub const fn octets(&self) -> Octets {
        self.0.octets()
    }

    /// Whether all of it has come: the terminator was seen.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.0.is_complete()
    }

    /// The next octets, never empty; `None` when the message is complete, and ever after. They are borrowed from
    /// the buffer that they were received in.
    ///
    /// # Errors
    /// What was handed out is not the whole message then. See [`ClientError`].
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, ClientError> {
        wait(self.0.chunk())
    }

    /// Hands over what is left of the message, and returns how many octets it has in all.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn forward(self, receiver: &mut (impl Receiver + ?Sized)) -> Result<Octets, ClientError> {
        wait(self.0.forward(receiver))
    }
}

impl<T: Transport> BufRead for IncomingMessage<'_, T> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        wait(self.0.fill()).map_err(failed)
    }

    fn consume(&mut self, octets: usize) {
        self.0.consume(octets);
    }
}

impl<T: Transport> Read for IncomingMessage<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.fill_buf()?;
        let count = octets.len().min(buffer.len());
        buffer[..count].copy_from_slice(&octets[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<T> fmt::Debug for IncomingMessage<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The same error for who reads. It is of no kind that would have a reader try again.
fn failed(error: ClientError) -> io::Error {
    let kind = if let ClientError::Network(error) = &error
        && error.kind() != io::ErrorKind::Interrupted
    {
        error.kind()
    } else if let ClientError::Protocol(fault) = &error {
        let cut = matches!(fault, ProtocolError::Closed { .. } | ProtocolError::Truncated { .. });
        if cut { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData }
    } else {
        io::ErrorKind::Other
    };
    io::Error::new(kind, error)
}
