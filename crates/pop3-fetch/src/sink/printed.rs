//! Messages that go to standard output.
//!
//! As a message that is [handed on](super::handed), it counts as stored when it was written. A write takes many small
//! messages, and a note in the state file as well; a run that is killed between the two prints these messages again.

use core::time::Duration;
use std::io::{self, IoSlice, Write};
use std::sync::Arc;

use pop3_disk::Disk;

use super::gathered::{Gathered, Whole};
use super::handed::{Taken, Unnamed};
use super::spool::Spool;
use super::{Intake, Noting, Sealed, Sink};

/// How many octets of small messages are written at a time, as many as a pipe holds on Linux.
const TOGETHER: u64 = 64 * 1024;

pub(super) struct Printed<W> {
    intake: Arc<Unnamed>,
    out: W,
}

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

impl Printed<Output> {
    /// Prints to standard output.
    pub(super) fn on_stdout(disk: &Arc<dyn Disk>) -> Self {
        Self::to(disk, Output(io::stdout()))
    }
}

impl<W: Write> Printed<W> {
    pub(super) fn to(disk: &Arc<dyn Disk>, out: W) -> Self {
        Self { intake: Unnamed::on(disk), out }
    }

    fn print(&mut self, message: Gathered) -> io::Result<()> {
        match message.into_whole() {
            Whole::Memory(memory) => self.out.write_all(&memory),
            Whole::File(spool) => self.copy(spool),
        }
    }

    fn copy(&mut self, mut spool: Spool) -> io::Result<()> {
        let file = spool.rewound()?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => self.out.write_all(buffer.get(..read).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
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
            match self.out.write_vectored(left) {
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

impl<W: Write + Send> Sink for Printed<W> {
    fn intake(&self) -> Arc<dyn Intake> {
        Arc::clone(&self.intake) as _
    }

    fn noting(&self) -> Noting {
        Noting::Behind { octets: TOGETHER }
    }

    fn seal(&mut self, messages: Vec<Gathered>) -> (Vec<Sealed>, io::Result<()>) {
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
        let result = result.and_then(|()| self.out.flush());
        (core::iter::repeat_with(Taken::sealed).take(printed).collect(), result)
    }

    fn sync_published(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn appeared(&mut self, _token: &str, _age: Duration) -> io::Result<bool> {
        Ok(true)
    }

    fn discard(&mut self, _token: &str) -> io::Result<()> {
        Ok(())
    }

    fn clean(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pop3_disk::System;

    use super::super::Room;
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
        let mut sink = Printed::to(&System::shared(), out);
        let (intake, room) = (sink.intake(), Arc::new(Room::default()));
        let messages = sizes.iter().zip(b'a'..).map(|(&size, letter)| {
            let mut message = Gathered::new(intake.token(), &room, None);
            message.push(&vec![letter; size], &*intake).unwrap();
            message.finish().unwrap();
            message
        });
        let (sealed, result) = sink.seal(messages.collect());
        (sealed.len(), result.is_ok(), sink.out)
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
