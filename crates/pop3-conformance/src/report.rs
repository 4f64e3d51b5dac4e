//! The results of the rows, as a table.

use core::fmt::Write as _;

use serde_json::json;

use crate::row::{RequirementLevel, Row};
use crate::verdict::Outcome;

/// The result of one row.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReportEntry {
    /// The group of the row.
    pub group: &'static str,
    /// The row.
    pub row: Row,
    /// The outcome.
    pub outcome: Outcome,
    /// What was sent and received, one entry per line: the number of the connection, `C:` or `S:`, and the octets,
    /// escaped and without secrets.
    pub transcript: Vec<String>,
}

/// The results of a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ConformanceReport {
    /// The entries, in the order of the groups and their rows.
    pub entries: Vec<ReportEntry>,
}

/// The number of rows for each outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportTotals {
    /// Rows that passed.
    pub passed: usize,
    /// Rows that failed.
    pub failed: usize,
    /// Rows that did not apply.
    pub not_applicable: usize,
}

impl ConformanceReport {
    /// Returns the number of rows for each outcome.
    #[must_use]
    pub fn totals(&self) -> ReportTotals {
        let mut totals = ReportTotals::default();
        for entry in &self.entries {
            match entry.outcome {
                Outcome::Passed { .. } => totals.passed += 1,
                Outcome::Failed { .. } => totals.failed += 1,
                Outcome::NotApplicable { .. } => totals.not_applicable += 1,
            }
        }
        totals
    }

    /// Returns the rows that failed.
    pub fn failures(&self) -> impl Iterator<Item = &ReportEntry> {
        self.entries.iter().filter(|entry| matches!(entry.outcome, Outcome::Failed { .. }))
    }

    /// Returns the table: a line for each row, then what was sent and received by the rows that failed or, if
    /// `verbose`, by all rows, and then the totals.
    #[must_use]
    pub fn table(&self, verbose: bool) -> String {
        let mut text = String::new();
        let mut group = "";
        for entry in &self.entries {
            if group != entry.group {
                group = entry.group;
                let _ = writeln!(text, "{group}");
            }
            let level = entry.row.level.to_string();
            let line =
                format!("  {:<12} {level:<9} {:<15} {}", entry.row.id, entry.outcome, entry.outcome.text());
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for entry in &self.entries {
            let failed = matches!(entry.outcome, Outcome::Failed { .. });
            if failed || verbose && !entry.transcript.is_empty() {
                let _ = writeln!(text, "\n{} {} {}", entry.row.id, entry.outcome, entry.outcome.text());
                let _ = writeln!(text, "  asked: {}", entry.row.requirement);
                for line in &entry.transcript {
                    let _ = writeln!(text, "  {line}");
                }
            }
        }
        text.push('\n');
        text.push_str(&self.summary());
        text
    }

    /// Returns the report as a JSON object of several lines. `passed`, `failed` and `not_applicable` are numbers.
    /// `rows` is a list of objects with `group`, `row`, `level`, `requirement`, `outcome`, `text` and `transcript`.
    #[must_use]
    pub fn json(&self) -> String {
        let row = |entry: &ReportEntry| {
            json!({
                "group": entry.group,
                "row": entry.row.id,
                "level": entry.row.level.to_string(),
                "requirement": entry.row.requirement,
                "outcome": entry.outcome.to_string(),
                "text": entry.outcome.text(),
                "transcript": entry.transcript,
            })
        };
        let ReportTotals { passed, failed, not_applicable } = self.totals();
        let json = json!({
            "passed": passed,
            "failed": failed,
            "not_applicable": not_applicable,
            "rows": self.entries.iter().map(row).collect::<Vec<_>>(),
        });
        format!("{json:#}\n")
    }

    /// Returns the last line, `N passed, N failed, N not applicable`. If rows failed, a line before it gives their
    /// levels.
    #[must_use]
    pub fn summary(&self) -> String {
        let ReportTotals { passed, failed, not_applicable } = self.totals();
        let mut text = String::new();
        let count = |level| self.failures().filter(|entry| entry.row.level == level).count();
        let counts: Vec<String> = [
            RequirementLevel::Must,
            RequirementLevel::Should,
            RequirementLevel::May,
            RequirementLevel::Practice,
        ]
        .into_iter()
        .filter(|level| count(*level) > 0)
        .map(|level| format!("{} {level}", count(level)))
        .collect();
        if !counts.is_empty() {
            let _ = writeln!(text, "failed rows: {}", counts.join(", "));
        }
        let _ = writeln!(text, "{passed} passed, {failed} failed, {not_applicable} not applicable");
        text
    }
}
