//! The log on standard error.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd as _;
use std::panic::{self, PanicHookInfo};
use std::sync::OnceLock;

use pop3_serve::log;
use tracing::error;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

use crate::args::Log;
use crate::exit::Failure;

static LOG: OnceLock<log::Log> = OnceLock::new();
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Keeps the log; when this is dropped, what waits is written, as far as that goes quickly.
#[derive(Debug)]
#[must_use]
pub(crate) struct Logging(());

/// Begins to log as the options say. Call it once.
///
/// # Errors
/// When the system gives no thread or no descriptor for it.
pub(crate) fn init(options: &Log) -> Result<Logging, Failure> {
    let cant = |error: io::Error| Failure::usage(format!("can't log to standard error: {error}"));
    // A descriptor of its own: the lock of std's handle would be held while the system takes nothing, and
    // whoever prints would wait for it.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned().map_err(cant)?);
    let (lines, log) = log::start(stderr, options.format, io::stderr().is_terminal()).map_err(cant)?;
    // The first one stays.
    let _ = LOG.set(log);
    let (level, handle) = reload::Layer::new(options.level);
    let _ = LEVEL.set(handle);
    let _ = tracing_subscriber::registry().with(level).with(lines).try_init();
    panic::set_hook(Box::new(log_panic));
    Ok(Logging(()))
}

/// Changes how much is logged from now on.
pub(crate) fn set_level(level: LevelFilter) {
    if let Some(handle) = LEVEL.get() {
        // It fails only if nothing is logged at all.
        let _ = handle.reload(level);
    }
}

/// Waits a moment for lines that are still to be written.
pub(crate) fn flush() {
    if let Some(log) = LOG.get() {
        log.flush();
    }
}

/// How many lines could not be written so far.
pub(crate) fn dropped() -> u64 {
    LOG.get().map_or(0, log::Log::dropped)
}

impl Drop for Logging {
    fn drop(&mut self) {
        flush();
    }
}

/// Tells where a thread has panicked. What the panic says may hold what a client has sent, so that only words
/// of the program itself are told.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let why = info.payload().downcast_ref::<&'static str>().copied().unwrap_or("-");
    error!(place, why, "a bug in this program: a thread has panicked");
}
