//! Lines for people, on standard error.

use core::fmt::Display;
use std::io::{self, Write as _};

/// Prints a line. It must be escaped already. Where standard error is closed or full, nobody is told, and the
/// program goes on: `eprintln!` would panic.
pub(crate) fn tell(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
