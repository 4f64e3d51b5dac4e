//! Streams without timeouts.

use core::time::Duration;
use std::io::{self, Read, Write};

use super::{Stream, Unblock};

/// A stream without timeouts, such as a pair in memory.
///
/// **Deadlines are not kept while the stream blocks.** They are checked only between reads and writes. A peer that
/// neither sends nor receives holds up its session, the thread of the session, and the shutdown of the server, for as
/// long as the stream blocks.
///
/// If the stream can be unblocked from another thread, use [`with_unblock`](Self::with_unblock). The server can then
/// end a session as quickly as on a socket. A store is never told that its client has left.
#[derive(Debug)]
pub struct Untimed<S> {
    stream: S,
    unblock: Option<Unblock>,
}

impl<S> Untimed<S> {
    /// Creates a stream that cannot be unblocked.
    pub const fn new(stream: S) -> Self {
        Self { stream, unblock: None }
    }

    /// Sets the handle that unblocks the stream from another thread.
    #[must_use]
    pub fn with_unblock(self, unblock: Unblock) -> Self {
        Self { unblock: Some(unblock), ..self }
    }

    /// Returns the inner stream.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: Read> Read for Untimed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for Untimed<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Read + Write + Send> Stream for Untimed<S> {
    fn limit_reads(&mut self, _time: Duration) -> io::Result<()> {
        Ok(())
    }

    fn limit_writes(&mut self, _time: Duration) -> io::Result<()> {
        Ok(())
    }

    /// Does nothing: this side is closed when the stream is dropped.
    fn end(&mut self) -> io::Result<()> {
        self.stream.flush()
    }

    fn unblock(&self) -> io::Result<Option<Unblock>> {
        Ok(self.unblock.clone())
    }
}
