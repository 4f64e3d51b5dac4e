//! The log of the server, which may fail or block.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use pop3_serve::log::{Format, Lines, Log};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::job::Accident;
use crate::{Chance, Sim};

/// How the log of the server fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogState {
    /// Lines are written.
    Works,
    /// Some lines are written in pieces, and some are refused.
    Fails,
    /// Nothing can be written until the run is over.
    Blocks,
    /// Whoever logs panics at random, until all is calm. No log of this project does that, but others may.
    Panics,
}

impl LogState {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Works, Self::Fails, Self::Blocks, Self::Panics];
}

/// The log of a run, with the thread that writes it.
pub(super) struct SimLog {
    pub(super) dispatch: Dispatch,
    written: Arc<Mutex<Vec<u8>>>,
    log: Log,
    /// Dropped, it lets the writer go on.
    blocked: Sender<()>,
}

impl SimLog {
    /// Starts the log. When it is calm, nothing panics any more.
    pub(super) fn start(sim: &Sim, state: LogState, chance: Chance, is_calm: &Arc<AtomicBool>) -> Self {
        let (blocked, until) = channel();
        let written = Arc::<Mutex<Vec<u8>>>::default();
        let file = LogFile { state, chance: chance.fork(), until, written: Arc::clone(&written) };
        let started = pop3_serve::log::start(file, Format::Text, false);
        #[expect(clippy::expect_used, reason = "without threads there is no simulation")]
        let (lines, log): (Lines, Log) = started.expect("the system gives no thread");
        let accidents = || Accidents { sim: sim.clone(), chance, is_calm: Arc::clone(is_calm) };
        let accidents = (state == LogState::Panics).then(accidents);
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(accidents).with(lines));
        Self { dispatch, written, log, blocked }
    }

    /// What is in the log at the end of the run.
    pub(super) fn end(self) -> Vec<u8> {
        drop(self.blocked);
        self.log.flush();
        core::mem::take(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where lines are written.
struct LogFile {
    state: LogState,
    chance: Chance,
    until: Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for LogFile {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let most = match self.state {
            LogState::Works | LogState::Panics => octets.len(),
            LogState::Fails if self.chance.per_mille(400) => return Err(io::ErrorKind::StorageFull.into()),
            LogState::Fails => self.chance.below(octets.len() + 1),
            LogState::Blocks => {
                let _ = self.until.recv();
                octets.len()
            }
        };
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.extend_from_slice(&octets[..most]);
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Panics at some events.
struct Accidents {
    sim: Sim,
    chance: Chance,
    is_calm: Arc<AtomicBool>,
}

impl<S: Subscriber> Layer<S> for Accidents {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if !self.is_calm.load(Ordering::Relaxed) && self.chance.per_mille(300) {
            self.sim.say(format_args!("server: the log panics in {}", event.metadata().target()));
            // Without the message that a panic prints.
            resume_unwind(Box::new(Accident));
        }
    }
}

impl fmt::Debug for SimLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimLog").finish_non_exhaustive()
    }
}
