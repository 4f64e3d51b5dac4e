//! Lines for people, on standard error, and what was asked for, on standard output.

use core::fmt::Display;
use std::io::{self, Write as _};

use crate::exit::Failure;

/// Prints a line. It must be escaped already. Where standard error is closed or full, nobody is told, and the
/// program goes on: `eprintln!` would panic.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints on standard output. Who closed that does not want to read it.
pub(crate) fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Prints on standard output what somebody waits for.
///
/// # Errors
/// When it can't be written as a whole.
pub(crate) fn hand_out(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::usage(format!("standard output can't be written: {error}")))
}
