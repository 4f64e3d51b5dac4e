//! What holds however those who log and the thread that writes take turns.

use core::panic::AssertUnwindSafe;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::Arc;

use pop3_concurrency::{explore, explore_with_time, mpsc};

use super::*;

/// What a write does.
#[derive(Clone, Copy, Debug)]
enum Does {
    All,
    /// Only so many octets.
    Some(usize),
    Fails,
    /// Nothing now.
    Waits,
}

/// Writes as the script says, again and again, and keeps what was written.
struct Out {
    script: &'static [Does],
    next: usize,
    written: Arc<std::sync::Mutex<Vec<u8>>>,
    /// The thread that writes ends when this is written.
    end: &'static [u8],
}

const END: &str = "end\n";

const LONG: Duration = Duration::from_secs(3_600);

impl Write for Out {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let does = self.script[self.next % self.script.len()];
        self.next += 1;
        thread::yield_now();
        let taken = match does {
            Does::All => octets,
            Does::Some(most) => &octets[..most.min(octets.len())],
            Does::Fails => return Err(ErrorKind::StorageFull.into()),
            Does::Waits => return Err(ErrorKind::WouldBlock.into()),
        };
        let mut written = self.written.lock().unwrap();
        written.extend_from_slice(taken);
        if written.ends_with(self.end) {
            drop(written);
            resume_unwind(Box::new("the end"));
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A queue of so many octets, and what was written. The thread that writes runs until it has written [`END`].
struct Log {
    queue: Arc<Queue>,
    written: Arc<std::sync::Mutex<Vec<u8>>>,
    /// How many lines are said to be lost.
    told: Arc<std::sync::Mutex<u64>>,
    writer: thread::JoinHandle<()>,
}

fn log(most: usize, script: &'static [Does]) -> Log {
    let queue = Arc::new(Queue::new(most));
    let written = Arc::default();
    let told: Arc<std::sync::Mutex<u64>> = Arc::default();
    let out = Out { script, next: 0, written: Arc::clone(&written), end: END.as_bytes() };
    let writer = thread::spawn({
        let (queue, told) = (Arc::clone(&queue), Arc::clone(&told));
        move || {
            let tell = |lost| *told.lock().unwrap() += lost;
            let ended = catch_unwind(AssertUnwindSafe(|| queue.write_to(out, tell)));
            assert!(ended.is_err());
        }
    });
    Log { queue, written, told, writer }
}

/// The lines of two threads that log at the same time.
const LINES: [[&str; 2]; 2] = [["a1\n", "a2\n"], ["b1\n", "b2\n"]];

impl Log {
    /// Logs the lines of all threads, until all of them are in the queue.
    fn fill(&self) {
        let push = |lines: [&'static str; 2]| {
            let queue = Arc::clone(&self.queue);
            thread::spawn(move || lines.into_iter().for_each(|line| queue.push(line)))
        };
        LINES.map(push).into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// Waits until all lines are written, without any time passing. Returns them, and how many are told to be lost.
    fn end(self) -> (Vec<String>, u64) {
        // The first of them brings the number of lost lines with it, and the second one ends the thread.
        for end in ["last\n", END] {
            self.queue.flush(LONG);
            self.queue.push(end);
        }
        self.writer.join().unwrap();
        let written = String::from_utf8(self.written.lock().unwrap().clone()).unwrap();
        (written.lines().map(str::to_owned).collect(), *self.told.lock().unwrap())
    }
}

/// Whether the lines of each thread are there in order, each at most once; and how many there are.
fn in_order(written: &[String]) -> usize {
    let places = |lines: [&str; 2]| {
        let place = |line: &str| {
            let all: Vec<_> = (0..written.len()).filter(|&at| written[at] == line.trim_end()).collect();
            assert!(all.len() < 2, "{written:?}");
            all.first().copied()
        };
        let [first, second] = lines.map(place);
        assert!(first.is_none() || second.is_none() || first < second, "{written:?}");
        [first, second].iter().flatten().count()
    };
    LINES.map(places).iter().sum()
}

#[test]
fn all_lines_are_written_once_and_in_order_without_waiting_for_the_time() {
    explore(|| {
        let log = log(1_000, &[Does::All]);
        log.fill();
        log.queue.flush(LONG);
        // All is written by now.
        let lines = String::from_utf8(log.written.lock().unwrap().clone()).unwrap();
        assert_eq!(in_order(&lines.lines().map(str::to_owned).collect::<Vec<_>>()), 4);
        assert_eq!(log.end().1, 0);
    });
}

#[test]
fn what_is_written_in_pieces_is_whole() {
    explore(|| {
        let log = log(1_000, &[Does::Some(2), Does::Some(1)]);
        log.fill();
        let (lines, told) = log.end();
        assert_eq!((in_order(&lines), told), (4, 0), "{lines:?}");
    });
}

#[test]
fn a_line_is_written_or_counted() {
    explore(|| {
        // Two lines fit, and two more while the thread that writes has some.
        let log = log(6, &[Does::All]);
        log.fill();
        let (lines, told) = log.end();
        assert_eq!(in_order(&lines) as u64 + told, 4, "{lines:?}");
    });
}

#[test]
fn a_disk_that_fails_or_takes_nothing_now_stops_nobody() {
    explore_with_time(|| {
        let log = log(1_000, &[Does::Fails, Does::Waits, Does::Some(1), Does::All]);
        log.fill();
        log.queue.flush(Duration::from_millis(1));
        let written = Arc::clone(&log.written);
        // The script fails again for every fourth write, and then the end is lost as well: it comes again.
        let ending = Arc::clone(&log.queue);
        let (done, is_done) = mpsc::channel::<()>();
        let repeat = thread::spawn(move || {
            while is_done.try_recv() == Err(mpsc::TryRecvError::Empty) {
                ending.push(END);
                thread::sleep(Duration::from_secs(1));
            }
        });
        log.writer.join().unwrap();
        drop(done);
        repeat.join().unwrap();
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(text.ends_with(END));
    });
}

/// A write that never returns: everybody else goes on, and [`Queue::flush`] gives up in time.
#[test]
fn a_disk_that_hangs_stops_nobody() {
    struct Hangs(mpsc::Receiver<()>);

    impl Write for Hangs {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            resume_unwind(Box::new("the end"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    explore_with_time(|| {
        let queue = Arc::new(Queue::new(6));
        let (go, gone) = mpsc::channel();
        let writer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || {
                let writes = AssertUnwindSafe(|| queue.write_to(Hangs(gone), |_| ()));
                assert!(catch_unwind(writes).is_err());
            }
        });
        let begun = now();
        let pushing = LINES.map(|lines| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || lines.into_iter().for_each(|line| queue.push(line)))
        });
        pushing.into_iter().for_each(|thread| thread.join().unwrap());
        queue.flush(Duration::from_secs(1));
        let state = queue.state();
        assert!(state.busy || !state.pending.is_empty());
        // Two lines fit, and two more if the first ones were taken.
        assert!(state.dropped <= 2);
        drop(state);
        assert!(now() - begun >= Duration::from_secs(1));
        drop(go);
        writer.join().unwrap();
    });
}
