//! What is said of a run when it has ended.

use std::io::{self, Write as _};

use pop3_fetch::Report;
use serde_json::json;

use crate::exit::{Exit, Failure};

/// Whether there is anything to tell of.
pub(super) const fn is_begun(report: &Report) -> bool {
    report.fetched > 0 || report.known > 0 || report.too_large > 0 || !report.is_well()
}

/// Prints the figures; on standard error if standard output is for messages.
pub(super) fn print(report: &Report, to_stderr: bool) {
    print_line(&text(report), to_stderr);
}

/// Prints the figures and how the run ended as one line of JSON, whatever became of the run.
pub(super) fn print_json(report: &Report, result: &Result<Exit, Failure>, to_stderr: bool) {
    print_line(&json(report, result).to_string(), to_stderr);
}

fn json(report: &Report, result: &Result<Exit, Failure>) -> serde_json::Value {
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

fn text(report: &Report) -> String {
    let mut text = format!("{} fetched ({} octets)", messages(report.fetched), report.octets);
    for (count, what) in [
        (report.known, "fetched earlier"),
        (report.failed, "failed"),
        (report.too_large, "skipped as too large"),
        (report.left, "left for the next run"),
        (report.deleted, "deleted from the server"),
        (report.not_deleted, "not deleted from the server"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    text
}

/// Who closed the stream does not want to read it.
fn print_line(line: &str, to_stderr: bool) {
    let _ = if to_stderr { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") };
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(fetched: u64, octets: u64, failed: u64) -> Report {
        let mut report = Report::default();
        (report.fetched, report.octets, report.failed) = (fetched, octets, failed);
        report
    }

    #[test]
    fn only_what_happened_is_told() {
        assert_eq!(text(&report(1, 5, 2)), "1 message fetched (5 octets), 2 failed");
        assert!(is_begun(&report(0, 0, 1)) && !is_begun(&report(0, 0, 0)));
    }

    #[test]
    fn json_tells_how_the_run_ended() {
        let json_of = |result| json(&report(1, 0, 0), &result);
        let json = json_of(Ok(Exit::Partial));
        assert_eq!((&json["fetched"], &json["exit"], &json["error"]), (&1.into(), &1.into(), &().into()));
        let json = json_of(Err(Failure::new(Exit::TryLater, "h: no\nmore")));
        assert_eq!((&json["exit"], &json["error"]), (&6.into(), &"h: no\\nmore".into()));
    }
}
