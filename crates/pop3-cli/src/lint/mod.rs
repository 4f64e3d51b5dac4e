//! `pop3 lint`: recorded sessions, line by line, and which rules are broken in them.

mod capture;
mod report;
mod session;
mod tcp;
mod transcript;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::args::Lint;
use crate::exit::{Exit, Failure};
use report::Report;

/// Reads the file and prints what is found.
pub(crate) fn run(options: &Lint) -> Result<Exit, Failure> {
    let mut input = open(&options.file)?;
    let unreadable = |reason: String| Failure::usage(format!("{}: {reason}", options.file.display()));
    let begin = beginning(&mut input).map_err(|error| unreadable(error.to_string()))?;
    let is_capture = capture::is_capture(&begin);
    let input = io::Cursor::new(begin).chain(input);
    let mut report = Report::new(options);
    let read = if is_capture {
        let ports = [110, 1110].into_iter().chain(options.port.iter().copied()).collect();
        capture::read(input, ports, &mut report)
    } else {
        transcript::read(io::BufReader::new(input), &mut report)
    };
    // What was found before is told in any case.
    let exit = report.finish();
    read.map_err(unreadable)?;
    match exit {
        Some(exit) => Ok(exit),
        None if is_capture => {
            Err(unreadable("there is no session in it; --port names other ports".to_owned()))
        }
        None => Err(unreadable("there is no session in it: no line begins with C: or S:".to_owned())),
    }
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

/// The first octets, as many as tell what a file is.
fn beginning(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    input.take(4096).read_to_end(&mut begin)?;
    Ok(begin)
}
