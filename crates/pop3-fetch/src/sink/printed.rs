//! Messages that go to standard output.
//!
//! As a message that is [handed on](super::handed), it counts as stored when it was written. A write takes many small
//! messages, and a note in the state file as well; a run that is killed between the two prints these messages again.

use std::io::{self, IoSlice, Write};

use super::Noting;
use super::gathered::{Gathered, Whole};
use super::handed::Taker;

/// How many octets of small messages are written at a time, as many as a pipe holds on Linux.
const TOGETHER: u64 = 64 * 1024;

/// A writer that prints messages.
pub(super) struct Printer<W>(pub(super) W);

/// Standard output without a buffer: what it takes was written.
pub(super) struct Output(io::Stdout);

impl Write for Output {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.0, octets)?)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(&self.0, slices)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Printer<Output> {
    /// Prints to standard output.
    pub(super) fn on_stdout() -> Self {
        Self(Output(io::stdout()))
    }
}

impl<W: Write> Printer<W> {
    fn print(&mut self, message: Gathered) -> io::Result<()> {
        match message.into_whole() {
            Whole::Memory(memory) => self.0.write_all(&memory),
            Whole::File(mut spool) => {
                let mut file = io::BufReader::with_capacity(64 * 1024, spool.rewound()?);
                io::copy(&mut file, &mut self.0).map(drop)
            }
        }
    }

    /// Writes messages as one. Returns how many are written completely.
    fn print_all(&mut self, messages: &[Gathered]) -> (usize, io::Result<()>) {
        let octets = || messages.iter().map(|message| message.memory().unwrap_or_default());
        let mut slices = octets().map(IoSlice::new).collect::<Vec<_>>();
        let (mut left, mut written) = (&mut *slices, 0);
        // Those without octets.
        IoSlice::advance_slices(&mut left, 0);
        let mut result = Ok(());
        while !left.is_empty() && result.is_ok() {
            match self.0.write_vectored(left) {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(octets) => {
                    written += octets;
                    IoSlice::advance_slices(&mut left, octets);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => result = Err(error),
            }
        }
        let ends = octets().scan(0, |end, octets| {
            *end += octets.len();
            Some(*end)
        });
        (ends.take_while(|&end| end <= written).count(), result)
    }
}

impl<W: Write + Send> Taker for Printer<W> {
    fn noting(&self) -> Noting {
        Noting::Behind { octets: TOGETHER }
    }

    fn take(&mut self, messages: Vec<Gathered>) -> (usize, io::Result<()>) {
        let mut printed = 0;
        let mut messages = messages.into_iter().peekable();
        let mut result = Ok(());
        while result.is_ok() {
            let run = core::iter::from_fn(|| messages.next_if(Gathered::is_in_memory)).collect::<Vec<_>>();
            let complete;
            (complete, result) = self.print_all(&run);
            printed += complete;
            if result.is_ok() {
                let Some(large) = messages.next() else { break };
                result = self.print(large);
                printed += usize::from(result.is_ok());
            }
        }
        (printed, result.and_then(|()| self.0.flush()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pop3_disk::System;

    use super::super::{Handed, Room, Sink as _};
    use super::*;

    /// Takes so many octets at a time, and so many in all.
    struct Reader {
        at_once: usize,
        left: usize,
        came: Vec<u8>,
        writes: usize,
    }

    impl Write for Reader {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.write_vectored(&[IoSlice::new(octets)])
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.writes += 1;
            if self.left == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let octets = slices.iter().flat_map(|slice| slice.iter().copied());
            let taken = octets.take(self.at_once.min(self.left)).collect::<Vec<_>>();
            self.left -= taken.len();
            self.came.extend_from_slice(&taken);
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Prints messages of these sizes. Returns how many are printed, and what the reader has.
    fn print(sizes: &[usize], at_once: usize, left: usize) -> (usize, bool, Reader) {
        let out = Reader { at_once, left, came: Vec::new(), writes: 0 };
        let mut sink = Handed::to(&System::shared(), Printer(out));
        let (intake, room) = (sink.intake(), Arc::new(Room::default()));
        let messages = sizes.iter().zip(b'a'..).map(|(&size, letter)| {
            let mut message = Gathered::new(intake.token(), &room, None);
            message.push(&vec![letter; size], &*intake).unwrap();
            message.finish().unwrap();
            message
        });
        let (sealed, result) = sink.seal(messages.collect());
        (sealed.len(), result.is_ok(), sink.taker.0)
    }

    #[test]
    fn small_messages_are_one_write() {
        let (printed, good, out) = print(&[1000; 60], usize::MAX, usize::MAX);
        assert_eq!((printed, good, out.writes), (60, true, 1));
        assert_eq!(
            out.came.chunks(1000).map(|chunk| chunk[0]).collect::<Vec<_>>(),
            (b'a'..).take(60).collect::<Vec<_>>()
        );
        // Large ones are written by themselves, in the order of all.
        let (printed, good, out) = print(&[10, 3 << 20, 10, 10], usize::MAX, usize::MAX);
        let mut came = out.came;
        came.dedup();
        assert_eq!((printed, good, &*came), (4, true, &b"abcd"[..]));
    }

    #[test]
    fn only_what_was_taken_completely_is_printed() {
        let sizes = [5, 0, 7, 3, 2 << 20, 4];
        let ends = [5, 5, 12, 15, 15 + (2 << 20), 19 + (2 << 20)];
        for left in [0, 1, 4, 5, 6, 11, 12, 14, 15, 16, 15 + (2 << 20), 18 + (2 << 20), 19 + (2 << 20)] {
            for at_once in [3_usize, 100_000] {
                let (printed, good, out) = print(&sizes, at_once, left);
                assert_eq!(printed, ends.iter().filter(|&&end| end <= left).count(), "{left} {at_once}");
                assert_eq!((good, out.came.len()), (printed == sizes.len(), left));
            }
        }
    }
}
