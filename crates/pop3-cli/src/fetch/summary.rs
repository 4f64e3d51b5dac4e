//! What is said of a run when it has ended.

use std::io::{self, Write as _};

use pop3_fetch::FetchReport;
use serde_json::json;

use crate::exit::{Exit, Failure};

/// Prints the figures; on standard error if standard output is for messages.
pub(super) fn print(report: &FetchReport, to_stderr: bool) {
    print_line(&report.to_string(), to_stderr);
}

/// Prints the figures and how the run ended as one line of JSON, whatever became of the run.
pub(super) fn print_json(report: &FetchReport, result: &Result<Exit, Failure>, to_stderr: bool) {
    print_line(&json(report, result).to_string(), to_stderr);
}

fn json(report: &FetchReport, result: &Result<Exit, Failure>) -> serde_json::Value {
    let (exit, error) = match result {
        Ok(exit) => (*exit, None),
        Err(failure) => (failure.exit(), Some(failure.message())),
    };
    json!({
        "fetched": report.fetched,
        "octets": report.octets,
        "known": report.known,
        "failed": report.failed,
        "too_large": report.too_large,
        "left": report.left,
        "deleted": report.deleted,
        "not_deleted": report.not_deleted,
        "exit": exit as u8,
        "error": error,
    })
}

/// Who closed the stream does not want to read it.
fn print_line(line: &str, to_stderr: bool) {
    let _ = if to_stderr { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_tells_how_the_run_ended() {
        let mut report = FetchReport::default();
        report.fetched = 1;
        let json_of = |result| json(&report, &result);
        let json = json_of(Ok(Exit::Partial));
        assert_eq!((&json["fetched"], &json["exit"], &json["error"]), (&1.into(), &1.into(), &().into()));
        let json = json_of(Err(Failure::new(Exit::TryLater, "h: no\nmore")));
        assert_eq!((&json["exit"], &json["error"]), (&6.into(), &"h: no\\nmore".into()));
    }
}
