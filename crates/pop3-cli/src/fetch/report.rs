//! What a run did.

use std::io::{self, Write as _};

use serde_json::json;

use crate::exit::{Exit, Failure};

/// The figures of a run.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) fetched: u64,
    pub(super) octets: u64,
    /// Fetched by an earlier run.
    pub(super) known: u64,
    /// Not given by the server, or not as they should be.
    pub(super) failed: u64,
    pub(super) too_large: u64,
    /// Left to the next run by `--limit`.
    pub(super) left: u64,
    pub(super) deleted: u64,
    /// Marked, but the server did not say that they are gone.
    pub(super) not_deleted: u64,
}

impl Report {
    /// Whether all was done that was wanted. What was skipped on purpose was not wanted.
    pub(super) const fn is_well(&self) -> bool {
        self.failed == 0 && self.not_deleted == 0
    }

    /// Whether each message of the maildrop was recognised: none failed and none was skipped.
    pub(super) const fn is_whole(&self) -> bool {
        self.is_well() && self.too_large == 0 && self.left == 0
    }

    /// Whether there is anything to tell of.
    pub(super) const fn is_begun(&self) -> bool {
        self.fetched > 0 || self.known > 0 || self.too_large > 0 || !self.is_well()
    }

    /// Prints the figures; on standard error if standard output is for messages.
    pub(super) fn print(&self, to_stderr: bool) {
        print(&self.text(), to_stderr);
    }

    /// Prints the figures and how the run ended as one line of JSON, whatever became of the run.
    pub(super) fn print_json(&self, result: &Result<Exit, Failure>, to_stderr: bool) {
        print(&self.json(result).to_string(), to_stderr);
    }

    fn json(&self, result: &Result<Exit, Failure>) -> serde_json::Value {
        let (exit, error) = match result {
            Ok(exit) => (*exit, None),
            Err(failure) => (failure.exit(), Some(failure.message())),
        };
        json!({
            "fetched": self.fetched,
            "octets": self.octets,
            "known": self.known,
            "failed": self.failed,
            "too_large": self.too_large,
            "left": self.left,
            "deleted": self.deleted,
            "not_deleted": self.not_deleted,
            "exit": exit as u8,
            "error": error,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{} fetched ({} octets)", messages(self.fetched), self.octets);
        for (count, what) in [
            (self.known, "fetched earlier"),
            (self.failed, "failed"),
            (self.too_large, "skipped as too large"),
            (self.left, "left for the next run"),
            (self.deleted, "deleted from the server"),
            (self.not_deleted, "not deleted from the server"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }
}

/// Who closed the stream does not want to read it.
fn print(line: &str, to_stderr: bool) {
    let _ = if to_stderr { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") };
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_told() {
        let report = Report { fetched: 1, octets: 5, failed: 2, ..Report::default() };
        assert_eq!(report.text(), "1 message fetched (5 octets), 2 failed");
        assert!(!report.is_well() && !report.is_whole());
        let report = Report { known: 3, left: 1, deleted: 1, too_large: 2, ..Report::default() };
        assert!(report.is_well() && !report.is_whole());
    }

    #[test]
    fn json_tells_how_the_run_ended() {
        let report = Report { fetched: 1, ..Report::default() };
        let json = report.json(&Ok(Exit::Partial));
        assert_eq!((&json["fetched"], &json["exit"], &json["error"]), (&1.into(), &1.into(), &().into()));
        let json = report.json(&Err(Failure::new(Exit::TryLater, "h: no\nmore")));
        assert_eq!((&json["exit"], &json["error"]), (&6.into(), &"h: no\\nmore".into()));
    }
}
