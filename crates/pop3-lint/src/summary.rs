//! What was found in all.

use std::collections::BTreeMap;

use pop3_observer::{Rule, Severity, Side};
use serde_json::json;

/// The totals of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LintSummary {
    /// The number of sessions.
    pub sessions: u64,
    /// The number of sessions that could not be followed to their end.
    pub incomplete: u64,
    /// The number of commands.
    pub commands: u64,
    /// The number of violations of each rule that was violated.
    pub rules: BTreeMap<Rule, u64>,
}

impl LintSummary {
    /// Returns the number of violations with this severity.
    #[must_use]
    pub fn violations(&self, level: Severity) -> u64 {
        self.rules.iter().filter(|(rule, _)| rule.level() == level).map(|(_, count)| count).sum()
    }

    fn levels(&self) -> [u64; 3] {
        [Severity::Must, Severity::Should, Severity::Practice].map(|level| self.violations(level))
    }

    /// The line in JSON.
    pub(crate) fn json(&self) -> String {
        let [must, should, practice] = self.levels();
        let rules: Vec<_> = self
            .rules
            .iter()
            .map(|(rule, count)| {
                json!({ "side": rule.side().to_string(), "level": rule.level().to_string(), "row": rule.row(),
                        "rule": rule.name(), "text": rule.text(), "count": count })
            })
            .collect();
        let summary = json!({ "summary": { "sessions": self.sessions, "incomplete": self.incomplete,
            "commands": self.commands, "must": must, "should": should, "practice": practice, "rules": rules } });
        summary.to_string()
    }

    /// The lines for people, with the rules that are at least of this level.
    pub(crate) fn text(&self, least: Severity) -> String {
        let [must, should, practice] = self.levels();
        let mut text = format!("{}, {}", count(self.sessions, "session"), count(self.commands, "command"));
        if self.incomplete > 0 {
            text.push_str(&format!(" ({} not checked to the end)", self.incomplete));
        }
        text.push_str(&format!("; violations: {must} MUST, {should} SHOULD, {practice} practice"));
        for level in [Severity::Must, Severity::Should, Severity::Practice] {
            for side in [Side::Client, Side::Server] {
                let rules =
                    self.rules.iter().filter(|(rule, _)| (rule.level(), rule.side()) == (level, side));
                for (rule, count) in rules.filter(|(rule, _)| rule.level() >= least) {
                    text.push_str(&format!("\n  {level} {side} {} x{count}: {}", rule.row(), rule.text()));
                }
            }
        }
        text
    }
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
