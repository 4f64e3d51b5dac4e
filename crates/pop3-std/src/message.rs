//! One message, read piece by piece.

use core::fmt;
use std::io::{self, BufRead, Read};

use pop3_driver::client::{IncomingMessage as Coming, Receiver};
use pop3_driver::{Transport, wait};
use pop3_proto::client::ProtocolError;
use pop3_proto::{MessageNumber, Octets};

use crate::{ClientError, Socket};

/// A message that is being received. It implements [`Read`] and [`BufRead`]. The octets are in wire form without
/// dot-stuffing: lines end in CRLF.
///
/// A read returns 0 only after the terminator of the message. If the message is incomplete, the read fails. Use
/// [`io::Error::downcast`] to get the [`ClientError`].
///
/// You may drop a message at any time. The next call of the client discards the rest.
pub struct IncomingMessage<'c, T = Socket>(Coming<'c, T>);

impl<'c, T: Transport> IncomingMessage<'c, T> {
    pub(crate) const fn new(coming: Coming<'c, T>) -> Self {
        Self(coming)
    }

    /// Returns the message number.
    #[must_use]
    pub const fn number(&self) -> MessageNumber {
        self.0.number()
    }

    /// Returns the size in octets that the server announced. It is a hint.
    #[must_use]
    pub const fn size(&self) -> Option<Octets> {
        self.0.size()
    }

    /// Returns the number of octets received so far, including those in the buffer.
    #[must_use]
    pub const fn octets(&self) -> Octets {
        self.0.octets()
    }

    /// Returns whether the message is complete, which means that its terminator was received.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.0.is_complete()
    }

    /// Returns the next octets, which are never empty. They are borrowed from the receive buffer. Returns `None` from
    /// the end of the message on.
    ///
    /// # Errors
    /// See [`ClientError`]. After an error, the octets returned so far are not the whole message.
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, ClientError> {
        wait(self.0.chunk())
    }

    /// Passes the rest of the message to a receiver. Returns the size of the whole message in octets.
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

/// Converts an error for a reader. The kind is not one that makes the reader try again.
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
