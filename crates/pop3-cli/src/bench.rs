//! `pop3 bench`: how much load a server can handle.

use std::io;

use pop3_connect::ClientRuntime;

use crate::account;
use crate::args::Bench;
use crate::exit::{Exit, Failure};
use crate::tell::print;

/// Measures.
pub(crate) fn run(options: &Bench) -> Result<Exit, Failure> {
    if options.account.runtime.connect != ClientRuntime::Tokio {
        return Err(Failure::usage("bench creates its load with tokio; leave --runtime out"));
    }
    let bench = pop3_bench::Bench::new(&account::settings(&options.account, false), &options.accounts()?)?;
    let report = bench.run(&options.plan()).map_err(|error| failure(&error))?;
    let text = if options.json { report.json() + "\n" } else { report.to_string() };
    print(&text);
    Ok(if report.errors.is_empty() { Exit::Done } else { Exit::Partial })
}

fn failure(error: &io::Error) -> Failure {
    let kind = error.kind();
    if kind == io::ErrorKind::PermissionDenied {
        Failure::usage(format!("{error} (see --remote)"))
    } else if kind == io::ErrorKind::NotFound {
        Failure::usage(error.to_string())
    } else {
        Failure::new(Exit::Connect, error.to_string())
    }
}
