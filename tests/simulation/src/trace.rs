//! What happened in a run, in order.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::SimClock;

/// How many of the last lines are kept.
const KEPT: usize = 20_000;

/// The lines of a run. Only the last ones are kept, but all of them count for the [digest](Self::digest). Clones share
/// them.
#[derive(Clone, Debug)]
pub struct Trace {
    lines: Arc<Mutex<Lines>>,
    clock: SimClock,
}

#[derive(Debug)]
struct Lines {
    last: VecDeque<String>,
    count: u64,
    digest: u64,
}

impl Trace {
    /// An empty trace. Each line will have the time of this clock.
    #[must_use]
    pub fn new(clock: SimClock) -> Self {
        // The offset basis of FNV-1a.
        let lines = Lines { last: VecDeque::new(), count: 0, digest: 0xcbf2_9ce4_8422_2325 };
        Self { lines: Arc::new(Mutex::new(lines)), clock }
    }

    /// Adds a line.
    pub fn say(&self, line: fmt::Arguments<'_>) {
        let at = Seconds(self.clock.elapsed());
        let line = format!("{at} {line}");
        let mut lines = self.lock();
        for octet in line.bytes() {
            lines.digest = (lines.digest ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        }
        lines.count += 1;
        if lines.last.len() == KEPT {
            lines.last.pop_front();
        }
        lines.last.push_back(line);
    }

    /// A number that differs if any line of the run differs.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.lock().digest
    }

    /// The last lines of the run.
    #[must_use]
    pub fn last(&self) -> Vec<String> {
        let lines = self.lock();
        let left_out = lines.count - lines.last.len() as u64;
        let begin = (left_out > 0).then(|| format!("({left_out} earlier lines)"));
        begin.into_iter().chain(lines.last.iter().cloned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9}.{:06}", self.0.as_secs(), self.0.subsec_micros())
    }
}
