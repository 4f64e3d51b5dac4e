//! A reader of recordings.

use core::fmt;
use std::collections::BTreeSet;
use std::io::{self, Read};

use pop3_observer::Level;

use crate::report::Report;
use crate::summary::Summary;
use crate::{capture, transcript};

/// What to write, and what to look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The least that is told of. All violations are counted. Default: everything.
    pub least: Level,
    /// What is written. Default: [`Form::Dialogue`].
    pub form: Form,
    /// The server's ports in captures. Default: 110 and 1110.
    pub ports: BTreeSet<u16>,
}

/// What is written of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// All lines, and the violations below them.
    Dialogue,
    /// The violations.
    Violations,
    /// An object in JSON for each violation, and one for the summary, a line each.
    Json,
}

/// Reads recordings of sessions, and writes what is found in them as text: whole lines, without anything that could
/// harm a terminal. The text of a session comes when the session has ended.
pub struct Linter<'o> {
    options: Options,
    report: Report<'o>,
}

/// Why a recording was not read to its end. What was read before is reported all the same.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Reading has failed.
    Io(io::Error),
    /// It is no transcript and no capture, or is cut off; the text says where and how.
    Unreadable(String),
    /// There is no session in the capture: no connection to one of the [ports](Options::ports) that a server has
    /// answered.
    NothingCaptured,
    /// There is no session in the transcript: no line begins with `C:` or `S:`.
    NothingSaid,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`least`](Self::least).
    #[must_use]
    pub fn with_least(self, least: Level) -> Self {
        Self { least, ..self }
    }

    /// Sets [`form`](Self::form).
    #[must_use]
    pub fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Adds one of the [`ports`](Self::ports).
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.ports.insert(port);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { least: Level::Practice, form: Form::Dialogue, ports: [110, 1110].into() }
    }
}

impl<'o> Linter<'o> {
    /// A linter that writes to `out`.
    pub fn new(options: Options, out: impl FnMut(&str) + 'o) -> Self {
        let report = Report::new(options.least, options.form, Box::new(out));
        Self { options, report }
    }

    /// Reads a transcript or a capture, whichever it is, to its end. It may be called again, for another recording.
    ///
    /// # Errors
    /// When it can't be read to its end, or there is no session in it.
    pub fn read(&mut self, mut input: impl Read + Send) -> Result<(), Error> {
        let mut begin = Vec::new();
        // As many octets as tell what it is.
        input.by_ref().take(4096).read_to_end(&mut begin).map_err(Error::Io)?;
        let is_capture = capture::is_capture(&begin);
        let input = io::Cursor::new(begin).chain(input);
        let before = self.report.sessions();
        if is_capture {
            capture::read(input, self.options.ports.clone(), &mut self.report).map_err(Error::Unreadable)?;
        } else {
            transcript::read(io::BufReader::new(input), &mut self.report)?;
        }
        match (self.report.sessions() > before, is_capture) {
            (true, _) => Ok(()),
            (false, true) => Err(Error::NothingCaptured),
            (false, false) => Err(Error::NothingSaid),
        }
    }

    /// Writes the summary, if there was a session, and returns it.
    pub fn finish(self) -> Summary {
        self.report.finish()
    }
}

impl fmt::Debug for Linter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linter").field("options", &self.options).finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("reading has failed"),
            Self::Unreadable(why) => f.write_str(why),
            Self::NothingCaptured => f.write_str("there is no session in it"),
            Self::NothingSaid => f.write_str("there is no session in it: no line begins with C: or S:"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Unreadable(_) | Self::NothingCaptured | Self::NothingSaid => None,
        }
    }
}
