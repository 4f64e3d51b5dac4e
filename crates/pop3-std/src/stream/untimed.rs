//! Streams that have no time-outs.

use core::time::Duration;
use std::io::{self, Read, Write};

use super::{Stream, Unblock};

/// A stream without time-outs, as a pair in memory.
///
/// **Deadlines do not hold on it while it blocks.** They are looked at between two reads or writes only: a peer that
/// neither sends nor takes anything holds up its session, its thread, and the end of a server that waits for it, for as
/// long as the stream blocks. Where there is a way to unblock the stream from another thread, give it: the end of a
/// server, and a session that is to make room, are then as quick as on a socket. Nothing tells a store that its client
/// has left.
#[derive(Debug)]
pub struct Untimed<S> {
    stream: S,
    unblock: Option<Unblock>,
}

impl<S> Untimed<S> {
    /// A stream that nothing unblocks.
    pub const fn new(stream: S) -> Self {
        Self { stream, unblock: None }
    }

    /// The same with a way to unblock it from another thread.
    #[must_use]
    pub fn with_unblock(self, unblock: Unblock) -> Self {
        Self { unblock: Some(unblock), ..self }
    }

    /// The stream.
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

    /// The end of the own side is that of the stream, when it is dropped.
    fn end(&mut self) -> io::Result<()> {
        self.stream.flush()
    }

    fn unblock(&self) -> io::Result<Option<Unblock>> {
        Ok(self.unblock.clone())
    }
}
