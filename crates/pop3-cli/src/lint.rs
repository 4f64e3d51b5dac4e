//! `pop3 lint`: recorded sessions, line by line, and which rules are broken in them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use pop3_lint::{Form, LintError, LintOptions, Linter, Severity};
use pop3_text::reasons;

use crate::args::Lint;
use crate::exit::{Exit, Failure};
use crate::tell::print;

/// Reads the file and prints what is found.
pub(crate) fn run(options: &Lint) -> Result<Exit, Failure> {
    let input = open(&options.file)?;
    let mut linter = Linter::new(settings(options), print);
    let read = linter.read(input);
    // What was found before is told in any case.
    let summary = linter.finish();
    match read {
        Ok(()) if summary.violations(Severity::Must) > 0 => Ok(Exit::Partial),
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            let text = match &error {
                LintError::NothingCaptured => format!("{error}; give other ports with --port"),
                LintError::Io(error) => reasons(error),
                LintError::Unreadable(_) | LintError::NothingSaid | _ => reasons(&error),
            };
            Err(Failure::usage(format!("{}: {text}", options.file.display())))
        }
    }
}

fn settings(options: &Lint) -> LintOptions {
    let form = match (options.json, options.quiet) {
        (true, _) => Form::Json,
        (false, true) => Form::Violations,
        (false, false) => Form::Dialogue,
    };
    let settings = LintOptions::new().with_least(options.level).with_form(form);
    options.port.iter().fold(settings, |settings, &port| settings.with_port(port))
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
    }
}
