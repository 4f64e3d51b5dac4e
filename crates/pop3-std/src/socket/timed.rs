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
    /// The limits of the stream for one read and one write; zero while there are none.
    reads: Duration,
    writes: Duration,
}

impl<S: Stream> Timed<S> {
    pub(super) fn new(stream: S, clock: Clock) -> Self {
        let none = Duration::ZERO;
        Self { stream, clock, deadline: clock.now(), stop: None, reads: none, writes: none }
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        if let Ok(left) = self.left() {
            self.limit_writes(left)?;
        }
        self.stream.end()
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.clock.until(self.deadline);
        if left.is_zero() { Err(timed_out()) } else { Ok(left) }
    }

    /// Makes a call that ends with an error after this limit, and makes it again as long as that was too early.
    fn within<T>(
        &mut self,
        mut limit: impl FnMut(&mut Self, Duration) -> io::Result<Duration>,
        mut call: impl FnMut(&mut S) -> io::Result<T>,
    ) -> io::Result<T> {
        loop {
            let left = self.left()?;
            let limit = limit(self, left)?;
            match call(&mut self.stream) {
                // A stream may have no limits, or others. Do not ask it without end. The system rounds its own.
                Err(error) if waited_in_vain(&error) && left.saturating_sub(self.left()?) < limit / 2 => {
                    return Err(waited(error));
                }
                Err(error) if waited_in_vain(&error) => {}
                // A signal interrupted the call. With a timeout set, the system does not restart it.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn limit_writes(&mut self, left: Duration) -> io::Result<Duration> {
        if let Some(limit) = new_limit(self.writes, left) {
            self.stream.limit_writes(limit)?;
            self.writes = limit;
        }
        Ok(self.writes)
    }

    fn limit_reads(&mut self, left: Duration) -> io::Result<Duration> {
        if self.stop.as_ref().is_some_and(Stop::is_stopped) {
            self.stop = None;
            return Err(stopped());
        }
        let limit = if self.stop.is_some() && left > LOOK {
            Some(LOOK).filter(|look| self.reads != *look)
        } else {
            new_limit(self.reads, left)
        };
        if let Some(limit) = limit {
            self.stream.limit_reads(limit)?;
            self.reads = limit;
        }
        Ok(self.reads)
    }
}

/// The limit for a call that must end within this time, or `None` if the present one will do.
///
/// Each limit is a system call, and each deadline is a little later than the one before. A limit is therefore kept as
/// long as it ends before the deadline, and not much earlier unless it is long: then the calls in vain are few. A new
/// one leaves some room for that.
fn new_limit(present: Duration, left: Duration) -> Option<Duration> {
    let will_do = present <= left && (present >= LONG || left <= present.saturating_mul(2));
    (!will_do).then(|| if left > ROOMY { left - left / 8 } else { left })
}

/// A limit from which it is kept, however late the deadline is.
const LONG: Duration = Duration::from_secs(30);

/// A limit up to this is exact.
const ROOMY: Duration = Duration::from_secs(1);

impl<S: Stream> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.within(Self::limit_reads, |stream| stream.read(buffer))
    }
}

impl<S: Stream> Write for Timed<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.within(Self::limit_writes, |stream| stream.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.within(Self::limit_writes, |stream| stream.flush())
    }
}

/// A time-out of the system's is called by either name.
fn waited(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
}

fn waited_in_vain(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "the session was stopped")
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::stream::Unblock;

    /// A stream that counts how often its limits are set.
    #[derive(Default)]
    struct Counted {
        reads: Vec<Duration>,
        writes: Vec<Duration>,
        /// Whether nothing ever comes, and whether this is told when the time is over.
        silent: bool,
        waits: bool,
        calls: usize,
    }

    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.calls += 1;
            if self.waits {
                thread::sleep(*self.reads.last().unwrap());
            }
            if self.silent { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(buffer.len()) }
        }
    }

    impl Write for Counted {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stream for Counted {
        fn limit_reads(&mut self, time: Duration) -> io::Result<()> {
            self.reads.push(time);
            Ok(())
        }

        fn limit_writes(&mut self, time: Duration) -> io::Result<()> {
            self.writes.push(time);
            Ok(())
        }

        fn end(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn unblock(&self) -> io::Result<Option<Unblock>> {
            Ok(None)
        }
    }

    fn timed(stream: Counted) -> Timed<Counted> {
        Timed::new(stream, Clock::start())
    }

    #[test]
    fn deadlines_that_move_on_set_each_limit_once() {
        let mut timed = timed(Counted::default());
        let begun = timed.clock.now();
        for command in 0..1_000 {
            timed.deadline = begun.after(Duration::from_secs(600) + Duration::from_millis(command));
            assert_eq!(timed.read(&mut [0; 9]).unwrap(), 9);
            assert_eq!(timed.write(b"+OK\r\n").unwrap(), 5);
            timed.flush().unwrap();
        }
        assert_eq!((timed.stream.reads.len(), timed.stream.writes.len()), (1, 1));
        timed.deadline = begun.after(Duration::from_secs(60));
        assert_eq!(timed.read(&mut [0; 9]).unwrap(), 9);
        timed.end().unwrap();
        assert_eq!((timed.stream.reads.len(), timed.stream.writes.len()), (2, 2));
        let limits = timed.stream.reads.iter().chain(&timed.stream.writes);
        assert!(limits.copied().all(|limit| limit < Duration::from_secs(600)), "{:?}", timed.stream.reads);
    }

    #[test]
    fn no_limit_goes_beyond_the_deadline_and_each_is_near_it() {
        for left in [1, 999, 1_000, 1_001, 60_000, 600_000] {
            let left = Duration::from_millis(left);
            let limit = new_limit(Duration::ZERO, left).unwrap();
            assert!(limit <= left && left <= limit * 2);
            assert_eq!(new_limit(limit, left), None);
            assert!(new_limit(limit, limit - Duration::from_nanos(1)).is_some_and(|new| new < limit));
            assert_eq!(new_limit(limit, limit * 3).is_none(), limit >= LONG);
        }
        assert!(new_limit(Duration::ZERO, Duration::MAX).is_some());
    }

    #[test]
    fn a_limit_that_ends_early_is_followed_by_others_up_to_the_deadline() {
        let mut timed = timed(Counted { silent: true, waits: true, ..Counted::default() });
        timed.reads = Duration::from_millis(5);
        timed.stream.reads.push(timed.reads);
        timed.deadline = timed.clock.now().after(Duration::from_millis(8));
        let error = timed.read(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(timed.clock.now() >= timed.deadline && timed.stream.calls >= 1);
    }

    #[test]
    fn a_stream_that_never_waits_is_asked_once() {
        let mut timed = timed(Counted { silent: true, ..Counted::default() });
        timed.deadline = timed.clock.now().after(Duration::from_secs(3_600));
        let error = timed.read(&mut [0; 9]).unwrap_err();
        assert_eq!((error.kind(), timed.stream.calls), (io::ErrorKind::TimedOut, 1));
    }
}
