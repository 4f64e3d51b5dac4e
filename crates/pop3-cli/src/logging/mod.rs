//! The log on standard error.
//!
//! A log decides nothing: who logs hands a line over and goes on. A thread of its own writes; what it can't
//! write, or not in time, is dropped and counted, and how much that was is a line of the log as soon as there
//! can be one.

mod line;
mod queue;

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd as _;
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, OnceLock};
use std::thread;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber, error, warn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Log, LogFormat, LogLevel};
use crate::exit::Failure;
use queue::Queue;

/// The most octets of lines that wait to be written: some thousand lines.
const MOST: usize = 1024 * 1024;

/// How long the end of the program waits for lines to be written.
const FLUSH: Duration = Duration::from_millis(500);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Keeps the log; when this is dropped, what waits is written, as far as that goes quickly.
#[derive(Debug)]
#[must_use]
pub(crate) struct Logging(());

/// Begins to log as the options say. Call it once.
///
/// # Errors
/// When the system gives no thread or no descriptor for it.
pub(crate) fn init(options: &Log) -> Result<Logging, Failure> {
    let level = match options.level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let cant = |error: io::Error| Failure::usage(format!("can't log to standard error: {error}"));
    let queue = Arc::clone(QUEUE.get_or_init(|| Arc::new(Queue::new(MOST))));
    // A descriptor of its own: the lock of std's handle would be held while the system takes nothing, and
    // whoever prints would wait for it.
    let stderr = File::from(io::stderr().as_fd().try_clone_to_owned().map_err(cant)?);
    let written = Arc::clone(&queue);
    let write = move || {
        written
            .write_to(stderr, |lines| warn!(lines, "lines of the log could not be written and are missing"))
    };
    thread::Builder::new().name("log".into()).spawn(write).map_err(cant)?;
    let lines = Lines { queue, format: options.format, colours: io::stderr().is_terminal() };
    // The first one stays.
    let _ = tracing_subscriber::registry().with(level).with(lines).try_init();
    panic::set_hook(Box::new(log_panic));
    Ok(Logging(()))
}

/// Waits a moment for lines that are still to be written.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH);
    }
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
    error!(place, why, "a fault of this program: a thread has panicked");
}

/// Makes lines of events, and hands them over.
struct Lines {
    queue: Arc<Queue>,
    format: LogFormat,
    colours: bool,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // Values write themselves, which may fail.
        let made = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut time = String::new();
            // It writes to a string.
            let _ = SystemTime.format_time(&mut Writer::new(&mut time));
            line::line(event, &time, self.format, self.colours)
        }));
        match made {
            Ok(line) => self.queue.push(&line),
            Err(_) => self.queue.drop_one(),
        }
    }
}
