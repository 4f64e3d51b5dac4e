//! Writes log lines without blocking the server. No logged value can break the format of a line.
//!
//! The thread that logs only puts a line into a queue. Another thread writes the lines. If a line cannot be written
//! in time, it is dropped and counted. As soon as possible, a log line reports how many were dropped.
//!
//! [`start`] returns a layer for [`tracing_subscriber`] and a [`Log`]. When the program ends, use the [`Log`] to wait
//! for the remaining lines:
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

use queue::{Queue, Source};

/// The most octets of lines that wait to be written: some thousand lines.
const MOST: usize = 1024 * 1024;

/// How long [`Log::flush`] waits for lines to be written.
const FLUSH: Duration = Duration::from_millis(500);

/// The format of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Time, level, message, and `name=value` for each value. Values that are not plain words are quoted.
    Text,
    /// A JSON object with `timestamp`, `level`, `message`, and the values.
    Json,
    /// The same as text, for the journal of systemd: without time and level, after a priority as `<4>` (sd-daemon(3)).
    Journald,
}

/// A [`tracing_subscriber`] layer that formats events as lines and puts them into the queue.
pub struct Lines {
    queue: Arc<Source>,
    format: Format,
    colours: bool,
}

/// The queue of lines that wait to be written. Clones share the same queue.
#[derive(Clone)]
pub struct Log(Arc<Source>);

/// Starts a thread that writes the lines. It ends when the layer and all clones of the [`Log`] are dropped, and what
/// waits is written. The queue holds at most one mebibyte.
///
/// `colours` colours the levels of text lines for a terminal.
///
/// # Errors
/// Returns an error if the system cannot start a thread.
pub fn start(out: impl Write + Send + 'static, format: Format, colours: bool) -> io::Result<(Lines, Log)> {
    let queue = Arc::new(Queue::new(MOST));
    let written = Arc::clone(&queue);
    let write = move || {
        written.write_to(out, |lines| warn!(lines, "some log lines could not be written and are missing"))
    };
    thread::Builder::new().name("log".into()).spawn(write)?;
    let source = Arc::new(Source::of(queue));
    Ok((Lines { queue: Arc::clone(&source), format, colours }, Log(source)))
}

impl Log {
    /// Waits until all lines are written, but at most half a second. Call it before the process ends.
    pub fn flush(&self) {
        self.0.flush(FLUSH);
    }

    /// Returns how many lines could not be written so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lost()
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
