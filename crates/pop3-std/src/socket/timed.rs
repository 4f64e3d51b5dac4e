//! A stream on which no call goes beyond the deadline, as far as the stream has time-outs.

use core::time::Duration;
use std::io::{self, Read, Write};

use pop3_driver::{Clock, Stop, timed_out};
use pop3_proto::Instant;

use super::LOOK;
use crate::stream::Stream;

#[derive(Debug)]
pub(super) struct Timed<S> {
    pub(super) stream: S,
    pub(super) clock: Clock,
    pub(super) deadline: Instant,
    /// The switch that interrupts one read.
    pub(super) stop: Option<Stop>,
}

impl<S: Stream> Timed<S> {
    pub(super) fn new(stream: S, clock: Clock) -> Self {
        Self { stream, clock, deadline: clock.now(), stop: None }
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        if let Ok(left) = self.left() {
            self.stream.limit_writes(left)?;
        }
        self.stream.end()
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.clock.until(self.deadline);
        if left.is_zero() { Err(timed_out()) } else { Ok(left) }
    }
}

impl<S: Stream> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            if self.stop.as_ref().is_some_and(Stop::is_stopped) {
                self.stop = None;
                return Err(interrupted());
            }
            let looks = self.stop.is_some() && left > LOOK;
            self.stream.limit_reads(if looks { LOOK } else { left })?;
            match self.stream.read(buffer) {
                Err(error) if looks && waited_in_vain(&error) => {}
                // A signal interrupted the read. With a timeout set, the system does not restart it.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(waited),
            }
        }
    }
}

impl<S: Stream> Write for Timed<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            self.stream.limit_writes(left)?;
            match self.stream.write(octets) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(waited),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let left = self.left()?;
        self.stream.limit_writes(left)?;
        self.stream.flush().map_err(waited)
    }
}

/// A time-out of the system's is called by either name.
fn waited(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
}

fn waited_in_vain(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn interrupted() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the session was stopped")
}
