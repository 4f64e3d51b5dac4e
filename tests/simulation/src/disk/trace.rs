//! What was done on a disk, for a run that fails.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;

use rustix::io::Errno;

use super::faults::Call;

/// The most calls that are remembered.
const MOST: usize = 3000;

/// The last calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    calls: VecDeque<Traced>,
    forgotten: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Traced {
    pub(super) time: Duration,
    pub(super) process: u64,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Call { call: Call, subject: Box<[u8]>, octets: usize, outcome: Outcome },
    Note(String),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Done,
    Failed(Errno),
    /// The process or the machine ended.
    Ended,
}

impl Trace {
    pub(super) fn push(&mut self, call: Traced) {
        if self.calls.len() == MOST {
            self.calls.pop_front();
            self.forgotten += 1;
        }
        self.calls.push_back(call);
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.forgotten > 0 {
            writeln!(f, "({} calls before)", self.forgotten)?;
        }
        self.calls.iter().try_for_each(|call| writeln!(f, "{call}"))
    }
}

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>14.6} ", self.time.as_secs_f64())?;
        match &self.what {
            What::Note(text) => write!(f, "--- {text}"),
            What::Call { call, subject, octets, outcome } => {
                write!(f, "p{} {call:?} {}", self.process, subject.escape_ascii())?;
                if *octets > 0 {
                    write!(f, " [{octets}]")?;
                }
                match outcome {
                    Outcome::Done => Ok(()),
                    Outcome::Failed(errno) => write!(f, ": {errno:?}"),
                    Outcome::Ended => f.write_str(": ended here"),
                }
            }
        }
    }
}
