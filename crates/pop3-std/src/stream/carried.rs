//! Streams over a TCP connection.

use core::time::Duration;
use std::io::{self, Read, Write};

use super::{Stream, Tcp, Unblock};

/// A stream that runs over a TCP connection, such as TLS from another library.
///
/// Deadlines are kept with the timeouts of the connection. The stream must report a timeout as an error and remain
/// usable after it. At the end the connection is shut down, without a close_notify from the stream. If you need one,
/// implement [`Stream`] for a type of your own.
#[derive(Debug)]
pub struct Carried<S> {
    stream: S,
    tcp: Tcp,
}

impl<S> Carried<S> {
    /// Creates a stream over this connection. Pass another handle of the connection that the stream uses, from
    /// [`TcpStream::try_clone`](std::net::TcpStream::try_clone) or by sharing a [`Tcp`].
    pub fn new(stream: S, tcp: impl Into<Tcp>) -> Self {
        Self { stream, tcp: tcp.into() }
    }

    /// Returns the inner stream.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Read> Read for Carried<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for Carried<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Read + Write + Send> Stream for Carried<S> {
    fn limit_reads(&mut self, time: Duration) -> io::Result<()> {
        self.tcp.limit_reads(time)
    }

    fn limit_writes(&mut self, time: Duration) -> io::Result<()> {
        self.tcp.limit_writes(time)
    }

    fn end(&mut self) -> io::Result<()> {
        self.stream.flush()?;
        self.tcp.end()
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        self.tcp.has_ended()
    }

    fn unblock(&self) -> io::Result<Option<Unblock>> {
        self.tcp.unblock()
    }
}
