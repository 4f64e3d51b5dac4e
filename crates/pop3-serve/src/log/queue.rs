//! Lines on their way to standard error: at most so many, and nobody waits for them.

#[cfg(all(test, pop3_shuttle))]
mod models;

use core::ops::Deref;
use core::time::Duration;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, PoisonError};

use crate::sync::{Condvar, Mutex, MutexGuard, now, thread};

/// What waits to be written. What does not fit is dropped and counted.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Something is there to be written.
    arrived: Condvar,
    /// Something was written, or given up.
    done: Condvar,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Whole lines.
    pending: Vec<u8>,
    dropped: u64,
    /// How many lines were lost in all.
    lost: u64,
    /// Whether the thread that writes has lines in its hands.
    busy: bool,
    /// Nothing comes any more.
    closed: bool,
}

/// Those who put lines into a queue. Without them, the thread that writes ends.
#[derive(Debug)]
pub(super) struct Source(Arc<Queue>);

impl Source {
    pub(super) const fn of(queue: Arc<Queue>) -> Self {
        Self(queue)
    }
}

impl Deref for Source {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.0
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl State {
    fn drop_one(&mut self) {
        self.dropped = self.dropped.saturating_add(1);
        self.lost = self.lost.saturating_add(1);
    }
}

/// How long to wait when standard error takes nothing now, but does not block.
const RETRY: Duration = Duration::from_millis(50);

impl Queue {
    /// Keeps at most so many octets.
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), done: Condvar::new(), most }
    }

    /// Takes a line, end included, or drops it. It never waits for the log.
    pub(super) fn push(&self, line: &str) {
        let mut state = self.state();
        if state.pending.len() + line.len() > self.most {
            state.drop_one();
        } else {
            state.pending.extend_from_slice(line.as_bytes());
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Counts a line that could not be made.
    pub(super) fn drop_one(&self) {
        self.state().drop_one();
    }

    /// How many lines were lost so far, because they did not fit or could not be written.
    pub(super) fn lost(&self) -> u64 {
        self.state().lost
    }

    /// Nothing comes any more.
    fn close(&self) {
        self.state().closed = true;
        self.arrived.notify_one();
    }

    /// Writes what comes, until nothing can come any more. When lines were dropped, or the system refused to take them, `tell` is
    /// called with their number as soon as lines can be written again.
    pub(super) fn write_to(&self, mut out: impl Write, tell: impl Fn(u64)) {
        let mut lost = 0;
        let mut open = false;
        while let Some((batch, dropped)) = self.take() {
            lost += dropped;
            let rest = write(&mut out, &batch, &mut open);
            if rest.is_empty() {
                if lost > 0 {
                    tell(core::mem::take(&mut lost));
                }
            } else {
                let more = rest.iter().filter(|&&octet| octet == b'\n').count() as u64;
                lost += more;
                self.state().lost += more;
            }
            self.state().busy = false;
            self.done.notify_all();
        }
    }

    /// Waits until all is written, but no longer than that.
    pub(super) fn flush(&self, longest: Duration) {
        let until = now() + longest;
        let mut state = self.state();
        while state.busy || !state.pending.is_empty() {
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                return;
            }
            state = self.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for lines, and takes them all. Returns `None` at the end.
    fn take(&self) -> Option<(Vec<u8>, u64)> {
        let mut state = self.state();
        while state.pending.is_empty() {
            if state.closed {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.busy = true;
        Some((core::mem::take(&mut state.pending), core::mem::take(&mut state.dropped)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes lines, and returns what the system does not take of them. `open` says whether the last octet that
/// was written is within a line, which is ended first.
fn write<'a>(out: &mut impl Write, mut lines: &'a [u8], open: &mut bool) -> &'a [u8] {
    let mut end: &[u8] = if *open { b"\n" } else { b"" };
    while !lines.is_empty() {
        let piece = if end.is_empty() { lines } else { end };
        match out.write(piece) {
            Ok(0) => break,
            Ok(octets) => {
                let (written, rest) = piece.split_at(octets.min(piece.len()));
                *open = !written.ends_with(b"\n");
                if end.is_empty() {
                    lines = rest;
                } else {
                    end = b"";
                }
            }
            Err(error) if waits(&error) => {}
            Err(_) => break,
        }
    }
    lines
}

/// Whether to try again, which is so after a pause where standard error does not block.
fn waits(error: &io::Error) -> bool {
    if error.kind() == ErrorKind::WouldBlock {
        thread::sleep(RETRY);
    }
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Each write does what the script says next, and blocks until it says something.
    struct Scripted {
        script: Receiver<io::Result<usize>>,
        seen: Sender<Vec<u8>>,
    }

    impl Write for Scripted {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let most = self.script.recv().map_err(|_| io::Error::from(ErrorKind::BrokenPipe))??;
            let taken = &octets[..most.min(octets.len())];
            self.seen.send(taken.to_vec()).map_err(io::Error::other)?;
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue of 20 octets, what its next writes do, and what they have written.
    fn queue() -> (Arc<Queue>, Sender<io::Result<usize>>, Receiver<Vec<u8>>) {
        let queue = Arc::new(Queue::new(20));
        let (told, script) = channel();
        let (seen, written) = channel();
        let writer = Arc::clone(&queue);
        thread::spawn(move || {
            let tell = |lost| writer.push(&format!("lost {lost}\n"));
            writer.write_to(Scripted { script, seen }, tell);
        });
        (queue, told, written)
    }

    fn next(written: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(written.recv_timeout(Duration::from_secs(60)).unwrap()).unwrap()
    }

    /// Waits until the thread that writes has taken all there is.
    fn wait_until_taken(queue: &Queue) {
        while !queue.state().pending.is_empty() {
            thread::yield_now();
        }
    }

    #[test]
    fn the_thread_ends_when_nothing_can_come_any_more() {
        let queue = Arc::new(Queue::new(20));
        let writer = Arc::clone(&queue);
        let (told, script) = channel();
        let (seen, written) = channel();
        let thread = thread::spawn(move || writer.write_to(Scripted { script, seen }, |_| {}));
        let source = Source::of(queue);
        source.push("last\n");
        drop(source);
        told.send(Ok(99)).unwrap();
        assert_eq!(next(&written), "last\n");
        thread.join().unwrap();
    }

    #[test]
    fn what_does_not_fit_is_counted_and_told() {
        let (queue, script, written) = queue();
        queue.push("first\n");
        wait_until_taken(&queue);
        // The write blocks: 20 octets fit, and then none.
        for _ in 0..10 {
            queue.push("12345678\n");
        }
        queue.flush(Duration::ZERO);
        script.send(Ok(99)).unwrap();
        script.send(Ok(99)).unwrap();
        assert_eq!(next(&written), "first\n");
        assert_eq!(next(&written), "12345678\n12345678\n");
        script.send(Ok(99)).unwrap();
        assert_eq!(next(&written), "lost 8\n");
        queue.flush(Duration::from_secs(60));
        assert_eq!(queue.lost(), 8);
    }

    #[test]
    fn what_the_system_does_not_take_is_told_when_it_takes_something_again() {
        let (queue, script, written) = queue();
        let full = || Err(io::Error::from(ErrorKind::StorageFull));
        script.send(full()).unwrap();
        queue.push("one\n");
        queue.flush(Duration::from_secs(60));
        // Half a line, and no more of it.
        script.send(Ok(2)).unwrap();
        script.send(full()).unwrap();
        queue.push("two\n");
        queue.flush(Duration::from_secs(60));
        assert_eq!(next(&written), "tw");
        // What only takes a while is no fault.
        script.send(Err(ErrorKind::WouldBlock.into())).unwrap();
        script.send(Err(ErrorKind::Interrupted.into())).unwrap();
        (0..3).for_each(|_| script.send(Ok(99)).unwrap());
        queue.push("three\n");
        assert_eq!([next(&written), next(&written), next(&written)], ["\n", "three\n", "lost 2\n"]);
        assert_eq!(queue.lost(), 2);
    }
}
