//! SIGINT, SIGTERM and SIGHUP end a fetch: at once while nothing is at stake, else in order.
//!
//! The signals are those of the process, and so is what is known of them.

use core::time::Duration;
use std::fs;
use std::process;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread;

use pop3_driver::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::exit::{Exit, Failure};

/// How long what is [shielded](shield) may go on behind the signal. What is cut off then is put in order by the
/// next run, as after a kill.
const PATIENCE: Duration = Duration::from_secs(10);

static INTERRUPT: OnceLock<Interrupt> = OnceLock::new();

#[derive(Default)]
struct Interrupt {
    stop: Stop,
    state: Mutex<State>,
    unshielded: Condvar,
}

#[derive(Default)]
struct State {
    caught: Option<Exit>,
    shields: usize,
    /// The farewell was said.
    said: bool,
}

/// As long as this lives, the first signal does not end the process, but throws the [switch](stop).
#[derive(Debug)]
#[must_use]
pub(crate) struct Shield(());

/// Watches for the signals from now on. `notice` is what is said at the first signal while something is
/// [shielded](shield), so that the end takes a while; `farewell` is what is said when the process ends and
/// nobody has [said] it.
///
/// SIGHUP is left alone where it is ignored, as under nohup(1).
///
/// # Errors
/// When the system refuses that.
pub(crate) fn watch(
    notice: impl FnOnce(Exit) + Send + 'static,
    farewell: impl FnOnce(Exit) + Send + 'static,
) -> Result<(), Failure> {
    let interrupt = INTERRUPT.get_or_init(Interrupt::default);
    let hangup = (!is_ignored(SIGHUP)).then_some(SIGHUP);
    let mut words = Some((notice, farewell));
    on_signals([SIGINT, SIGTERM].into_iter().chain(hangup), move |signal| {
        let exit = meaning(signal);
        let Some((notice, farewell)) = words.take() else {
            // The second signal: whoever sends it does not want to wait.
            process::exit(exit.code());
        };
        let end = move || interrupt.end(exit, notice, farewell);
        if thread::Builder::new().name("end".into()).spawn(end).is_err() {
            process::exit(exit.code());
        }
    })
}

/// Has this called, in a thread of its own, each time that one of these signals comes.
///
/// # Errors
/// When the system refuses that.
pub(crate) fn on_signals(
    which: impl IntoIterator<Item = i32>,
    mut each: impl FnMut(i32) + Send + 'static,
) -> Result<(), Failure> {
    let cant = |error| Failure::usage(format!("can't watch for signals: {error}"));
    let mut signals = Signals::new(which).map_err(cant)?;
    let work = move || signals.forever().for_each(&mut each);
    thread::Builder::new().name("signals".into()).spawn(work).map(drop).map_err(cant)
}

/// The switch that the first signal throws, if somebody [watches](watch).
pub(crate) fn stop() -> Option<Stop> {
    INTERRUPT.get().map(|interrupt| interrupt.stop.clone())
}

/// How the program has to end, once a signal has come.
pub(crate) fn caught() -> Option<Exit> {
    INTERRUPT.get().and_then(|interrupt| interrupt.lock().caught)
}

/// The farewell was said, and is not to be said again.
pub(crate) fn said() {
    if let Some(interrupt) = INTERRUPT.get() {
        interrupt.lock().said = true;
    }
}

/// Waits for the end of the process, which is near once a signal was [caught].
pub(crate) fn await_end() -> ! {
    loop {
        thread::park();
    }
}

/// Keeps the first signal from ending the process: for work whose traces others would stumble over, and that
/// heeds the [switch](stop) itself or is short.
pub(crate) fn shield() -> Shield {
    INTERRUPT.get_or_init(Interrupt::default).lock().shields += 1;
    Shield(())
}

impl Drop for Shield {
    fn drop(&mut self) {
        if let Some(interrupt) = INTERRUPT.get() {
            interrupt.lock().shields -= 1;
            interrupt.unshielded.notify_all();
        }
    }
}

impl Interrupt {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the process as soon as nothing is shielded.
    fn end(&self, exit: Exit, notice: impl FnOnce(Exit) + Send + 'static, farewell: impl FnOnce(Exit)) {
        let mut state = self.lock();
        state.caught = Some(exit);
        let takes_a_while = state.shields > 0;
        drop(state);
        self.stop.stop();
        if takes_a_while {
            // In a thread of its own: who reads it may be slow. Without one nothing is said.
            let _ = thread::Builder::new().spawn(move || notice(exit));
        }
        let waited = self.unshielded.wait_timeout_while(self.lock(), PATIENCE, |state| state.shields > 0);
        // Held to the end: nobody begins anything now.
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !state.said {
            farewell(exit);
        }
        process::exit(exit.code());
    }
}

fn meaning(signal: i32) -> Exit {
    match signal {
        SIGINT => Exit::Interrupted,
        SIGHUP => Exit::HungUp,
        _ => Exit::Terminated,
    }
}

/// Whether the signal was ignored when the program began, where the system tells that.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    u32::try_from(signal - 1).ok().and_then(|bit| mask.checked_shr(bit)).unwrap_or_default() & 1 == 1
}
