//! A reader of recordings.

use core::fmt;
use std::io::{self, Read};

use crate::error::LintError;
use crate::options::LintOptions;
use crate::report::Report;
use crate::summary::LintSummary;
use crate::{capture, transcript};

/// Reads recorded sessions and writes its findings as lines of text, which are safe to display in a terminal. It
/// writes the text of a session when the session has ended.
pub struct Linter<'o> {
    options: LintOptions,
    report: Report<'o>,
}

impl<'o> Linter<'o> {
    /// Creates a linter that passes its output to `out`.
    pub fn new(options: LintOptions, out: impl FnMut(&str) + 'o) -> Self {
        let report = Report::new(options.least, options.form, Box::new(out));
        Self { options, report }
    }

    /// Reads a transcript or a capture to its end. It recognises the format. You may call it again for another
    /// recording.
    ///
    /// # Errors
    /// Returns an error if the input cannot be read to its end, or if it contains no session.
    pub fn read(&mut self, mut input: impl Read + Send) -> Result<(), LintError> {
        let mut begin = Vec::new();
        // As many octets as tell what it is.
        input.by_ref().take(4096).read_to_end(&mut begin).map_err(LintError::Io)?;
        let is_capture = capture::is_capture(&begin);
        let input = io::Cursor::new(begin).chain(input);
        let before = self.report.sessions();
        if is_capture {
            capture::read(input, self.options.ports.clone(), &mut self.report)
                .map_err(LintError::Unreadable)?;
        } else {
            transcript::read(io::BufReader::new(input), &mut self.report)?;
        }
        match (self.report.sessions() > before, is_capture) {
            (true, _) => Ok(()),
            (false, true) => Err(LintError::NothingCaptured),
            (false, false) => Err(LintError::NothingSaid),
        }
    }

    /// Writes the summary, if there was any session, and returns it.
    pub fn finish(self) -> LintSummary {
        self.report.finish()
    }
}

impl fmt::Debug for Linter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linter").field("options", &self.options).finish_non_exhaustive()
    }
}
