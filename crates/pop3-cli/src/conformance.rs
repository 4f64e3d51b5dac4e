//! `pop3 conformance`: the requirements of POP3, tried on a server or on a client.

mod client;
mod server;

use pop3_conformance::{Outcome, Row, Selection};

use crate::args::Conformance;
use crate::exit::{Exit, Failure};
use crate::tell::{print, tell};

/// Tries the rows, or lists them.
pub(crate) fn run(options: &Conformance) -> Result<Exit, Failure> {
    let groups =
        if options.client { pop3_conformance::client::GROUPS } else { pop3_conformance::server::GROUPS };
    let selection = Selection::new(groups, &options.only).map_err(|name| {
        Failure::usage(format!("there is no requirement or group {name} (--list shows them)"))
    })?;
    if options.list {
        print(&selection.list(groups));
        return Ok(Exit::Done);
    }
    let report =
        if options.client { client::run(options, &selection)? } else { server::run(options, &selection)? };
    let text = if options.json { report.json() } else { report.table(options.verbose) };
    print(&text);
    Ok(if report.totals().failed == 0 { Exit::Done } else { Exit::Partial })
}

/// Says how a row ended, as it ends.
fn progress(row: &Row, outcome: &Outcome) {
    tell(format_args!("{:<12} {outcome}", row.id));
}
