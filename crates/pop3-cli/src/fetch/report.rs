//! What a run did.

use std::io::{self, Write as _};

use serde_json::json;

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
    /// Whether nothing failed and nothing was skipped.
    pub(super) const fn is_complete(&self) -> bool {
        self.failed == 0 && self.too_large == 0 && self.not_deleted == 0
    }

    /// Whether there is anything to tell of.
    pub(super) const fn is_begun(&self) -> bool {
        self.fetched > 0 || self.known > 0 || !self.is_complete()
    }

    /// Prints the figures; on standard error if standard output is for messages.
    pub(super) fn print(&self, json: bool, to_stderr: bool) {
        let line = if json {
            json!({
                "fetched": self.fetched,
                "octets": self.octets,
                "known": self.known,
                "failed": self.failed,
                "too_large": self.too_large,
                "left": self.left,
                "deleted": self.deleted,
                "not_deleted": self.not_deleted,
            })
            .to_string()
        } else {
            self.text()
        };
        // Who closed the stream does not want to read it.
        let _ = if to_stderr { writeln!(io::stderr(), "{line}") } else { writeln!(io::stdout(), "{line}") };
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
        assert!(!report.is_complete());
        assert!(Report { known: 3, left: 1, deleted: 1, ..Report::default() }.is_complete());
    }
}
