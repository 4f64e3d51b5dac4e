//! `pop3 conformance`: the requirements of POP3, tried on a server or on a client.

mod client;
mod server;

use std::io::{self, Write as _};

use pop3_conformance::{Group, Outcome, Report, Row, Selection};

use crate::args::Conformance;
use crate::exit::{Exit, Failure};
use crate::tell::tell;

/// Tries the rows, or lists them.
pub(crate) fn run(options: &Conformance) -> Result<Exit, Failure> {
    let groups =
        if options.client { pop3_conformance::client::GROUPS } else { pop3_conformance::server::GROUPS };
    let selection = Selection::new(groups, &options.only).map_err(|name| {
        Failure::usage(format!("there is neither a row nor a group {name} (--list tells them)"))
    })?;
    if options.list {
        print(&list(groups, &selection));
        return Ok(Exit::Done);
    }
    let report =
        if options.client { client::run(options, &selection)? } else { server::run(options, &selection)? };
    let text = if options.json { json(&report) } else { report.table(options.verbose) };
    print(&text);
    Ok(if report.totals().failed == 0 { Exit::Done } else { Exit::Partial })
}

/// Says how a row ended, as it ends.
fn progress(row: &Row, outcome: &Outcome) {
    tell(format_args!("{:<12} {outcome}", row.id));
}

fn list(groups: &[Group], selection: &Selection) -> String {
    let mut text = String::new();
    for group in groups {
        let rows: Vec<&Row> = group.rows.iter().filter(|row| selection.has(group.name, row.id)).collect();
        if !rows.is_empty() {
            text.push_str(&format!("{} - {}\n", group.name, group.title));
        }
        for row in rows {
            text.push_str(&format!("  {:<12} {:<9} {}\n", row.id, row.level.to_string(), row.requirement));
        }
    }
    text
}

fn json(report: &Report) -> String {
    let rows: Vec<serde_json::Value> = report
        .entries
        .iter()
        .map(|entry| {
            serde_json::json!({
                "group": entry.group,
                "row": entry.row.id,
                "level": entry.row.level.to_string(),
                "requirement": entry.row.requirement,
                "outcome": entry.outcome.to_string(),
                "text": entry.outcome.text(),
                "transcript": entry.transcript,
            })
        })
        .collect();
    let totals = report.totals();
    let json = serde_json::json!({
        "passed": totals.passed,
        "failed": totals.failed,
        "not_applicable": totals.not_applicable,
        "rows": rows,
    });
    format!("{json:#}\n")
}

fn print(text: &str) {
    // Who closed the stream does not want to read it.
    let _ = io::stdout().write_all(text.as_bytes());
}
