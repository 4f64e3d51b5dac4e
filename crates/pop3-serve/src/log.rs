//! Log lines that hold up nobody, and that no value can break.
//!
//! A log decides nothing: who logs hands a line over and goes on. A thread of its own writes; what it can't
//! write, or not in time, is dropped and counted, and how much that was is a line of the log as soon as there
//! can be one.
//!
//! [`start`] gives a layer for [`tracing_subscriber`], which the program puts into its subscriber, and a [`Log`] to wait
//! for what is still to be written when the program ends:
//!
//! ```
//! use tracing_subscriber::layer::SubscriberExt as _;
//!
//! let (lines, log) = pop3_serve::log::start(std::io::sink(), pop3_serve::log::Format::Text, false)?;
//! let subscriber = tracing_subscriber::registry().with(lines);
//! tracing::subscriber::with_default(subscriber, || tracing::info!(user = "a\nb", "login"));
//! log.flush();
//! # Ok::<(), std::io::Error>(())
//! ```

mod line;
mod queue;

use core::fmt;
use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::io::{self, Write};
use std::panic;
use std::sync::Arc;
use std::thread;

use tracing::{Event, Subscriber, warn};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::{Context, Layer};

use queue::Queue;

/// The most octets of lines that wait to be written: some thousand lines.
const MOST: usize = 1024 * 1024;

/// How long [`Log::flush`] waits for lines to be written.
const FLUSH: Duration = Duration::from_millis(500);

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Time, level, message, and `name=value` for each value; what is more than a plain word stands in quotes.
    Text,
    /// A JSON object with `timestamp`, `level`, `message`, and the values.
    Json,
}

/// Makes lines of events, and hands them over.
pub struct Lines {
    queue: Arc<Queue>,
    format: Format,
    colours: bool,
}

/// The lines that wait to be written. All clones are the same.
#[derive(Clone)]
pub struct Log(Arc<Queue>);

/// Starts a thread that writes lines, for as long as the process lives. At most a mebibyte of them waits for it.
///
/// `colours` marks levels in text as a terminal shows them.
///
/// # Errors
/// Returns an error if the system gives no thread.
pub fn start(out: impl Write + Send + 'static, format: Format, colours: bool) -> io::Result<(Lines, Log)> {
    let queue = Arc::new(Queue::new(MOST));
    let written = Arc::clone(&queue);
    let write = move || {
        written.write_to(out, |lines| warn!(lines, "some log lines could not be written and are missing"))
    };
    thread::Builder::new().name("log".into()).spawn(write)?;
    Ok((Lines { queue: Arc::clone(&queue), format, colours }, Log(queue)))
}

impl Log {
    /// Waits until all lines are written, but half a second at most. Call it before the process ends.
    pub fn flush(&self) {
        self.0.flush(FLUSH);
    }
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

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("format", &self.format).finish_non_exhaustive()
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Log").finish_non_exhaustive()
    }
}
