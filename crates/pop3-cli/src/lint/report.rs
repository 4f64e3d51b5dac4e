//! What is printed: the dialogues with their violations, and a summary.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use pop3_observer::{Level, Rule, Side, Violation};
use pop3_text::Escaped;
use serde_json::json;

use super::session::{Commands, Session, Told};
use crate::args::{Lint, LintLevel};
use crate::exit::Exit;

/// How much text of one session is kept until it is printed. Violations are counted all the same.
const MAX_TEXT: usize = 4 << 20;

/// Prints sessions, one after the other.
#[derive(Debug)]
pub(super) struct Report {
    least: Level,
    quiet: bool,
    json: bool,
    sessions: u64,
    incomplete: u64,
    commands: u64,
    rules: BTreeMap<Rule, u64>,
}

/// What is to be printed of a session.
#[derive(Debug)]
pub(super) struct Page {
    session: Session,
    remembered: Commands,
    text: String,
    commands: u64,
    rules: BTreeMap<Rule, u64>,
    style: Style,
    /// The session could not be followed to its end.
    incomplete: bool,
    cut: bool,
}

#[derive(Clone, Copy, Debug)]
struct Style {
    least: Level,
    quiet: bool,
    json: bool,
}

impl Report {
    pub(super) const fn new(options: &Lint) -> Self {
        let least = match options.level {
            LintLevel::Must => Level::Must,
            LintLevel::Should => Level::Should,
            LintLevel::Practice => Level::Practice,
        };
        Self {
            least,
            quiet: options.quiet,
            json: options.json,
            sessions: 0,
            incomplete: 0,
            commands: 0,
            rules: BTreeMap::new(),
        }
    }

    /// A session begins.
    pub(super) fn page(&self, name: &str) -> Page {
        Page {
            session: Session::new(name),
            remembered: Commands::default(),
            text: String::new(),
            commands: 0,
            rules: BTreeMap::new(),
            style: Style { least: self.least, quiet: self.quiet, json: self.json },
            incomplete: false,
            cut: false,
        }
    }

    /// A session has ended: prints it.
    pub(super) fn print(&mut self, page: Page) {
        self.sessions += 1;
        self.incomplete += u64::from(page.incomplete);
        self.commands += page.commands;
        for (rule, count) in &page.rules {
            *self.rules.entry(*rule).or_default() += count;
        }
        let name = Escaped::new(page.session.name().as_bytes()).to_string();
        let empty = name.is_empty() || (self.quiet && page.text.is_empty());
        let heading = !self.json && !empty;
        let text = if heading { format!("# {name}\n{}", page.text) } else { page.text };
        put(&text);
        if page.cut && !self.json {
            put("<the rest is not shown>\n");
        }
    }

    /// Prints the summary. `None` when there was no session.
    pub(super) fn finish(self) -> Option<Exit> {
        if self.sessions == 0 {
            return None;
        }
        let of = |level| -> u64 {
            self.rules.iter().filter(|(rule, _)| rule.level() == level).map(|(_, count)| count).sum()
        };
        let (must, should, practice) = (of(Level::Must), of(Level::Should), of(Level::Practice));
        if self.json {
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
            put(&format!("{summary}\n"));
        } else {
            put(&format!("{}\n", self.summary(must, should, practice)));
        }
        Some(if must > 0 { Exit::Partial } else { Exit::Done })
    }

    fn summary(&self, must: u64, should: u64, practice: u64) -> String {
        let mut text = format!("{}, {}", count(self.sessions, "session"), count(self.commands, "command"));
        if self.incomplete > 0 {
            text.push_str(&format!(" ({} not followed to the end)", self.incomplete));
        }
        text.push_str(&format!("; violations: {must} MUST, {should} SHOULD, {practice} practice"));
        for level in [Level::Must, Level::Should, Level::Practice] {
            for side in [Side::Client, Side::Server] {
                let rules =
                    self.rules.iter().filter(|(rule, _)| (rule.level(), rule.side()) == (level, side));
                for (rule, count) in rules.filter(|(rule, _)| rule.level() >= self.least) {
                    text.push_str(&format!("\n  {level} {side} {} x{count}: {}", rule.row(), rule.text()));
                }
            }
        }
        text
    }
}

impl Page {
    pub(super) fn sent(&mut self, side: Side, octets: &[u8]) {
        self.observe(|session, commands, tell| session.sent(side, octets, commands, tell));
    }

    /// The same, of something that was not recorded and is known all the same.
    pub(super) fn sent_before(&mut self, side: Side, octets: &[u8]) {
        self.session.silence(true);
        self.sent(side, octets);
        self.session.silence(false);
    }

    pub(super) fn ended(&mut self, side: Side) {
        self.observe(|session, commands, tell| session.ended(side, commands, tell));
    }

    pub(super) fn encrypted(&mut self) {
        self.observe(Session::encrypted);
    }

    /// A remark between the lines.
    pub(super) fn note(&mut self, text: &str) {
        if !self.style.quiet && !self.style.json {
            push(&mut self.text, &mut self.cut, &format!("<{}>", Escaped::whole(text.as_bytes())));
        }
    }

    /// The session can't be followed any further.
    pub(super) fn lose(&mut self, why: &str) {
        if !core::mem::replace(&mut self.incomplete, true) {
            self.note(&format!("{why}: not followed any further"));
        }
    }

    fn observe(&mut self, run: impl FnOnce(&mut Session, &mut Commands, &mut dyn FnMut(Told<'_>))) {
        if self.incomplete {
            return;
        }
        let Self { session, remembered, text, commands, rules, style, cut, .. } = self;
        let name = session.name().to_owned();
        run(session, remembered, &mut |told| match told {
            Told::Line(line) => {
                if !style.quiet && !style.json {
                    push(text, cut, &line);
                }
            }
            Told::Command(line) => {
                *commands += 1;
                if !style.quiet && !style.json {
                    push(text, cut, &line);
                }
            }
            Told::Violation { violation, command } => {
                *rules.entry(violation.rule).or_default() += 1;
                if violation.rule.level() >= style.least {
                    push(text, cut, &style.violation(violation, command, &name));
                }
            }
        });
    }
}

impl Style {
    fn violation(self, violation: &Violation, command: Option<&str>, name: &str) -> String {
        let rule = violation.rule;
        if self.json {
            return json!({
                "session": Escaped::new(name.as_bytes()).to_string(),
                "side": rule.side().to_string(),
                "level": rule.level().to_string(),
                "row": rule.row(),
                "rule": rule.name(),
                "text": rule.text(),
                "number": violation.command.map(|asked| asked.number),
                "command": command,
            })
            .to_string();
        }
        let text = format!("{} {} {}: {}", rule.level(), rule.side(), rule.row(), rule.text());
        match (self.quiet, command) {
            (false, _) => format!("   ^ {text}"),
            (true, Some(command)) => format!("{text} [{command}]"),
            (true, None) => text,
        }
    }
}

fn push(text: &mut String, cut: &mut bool, line: &str) {
    if text.len() + line.len() > MAX_TEXT {
        *cut = true;
    } else {
        text.push_str(line);
        text.push('\n');
    }
}

fn put(text: &str) {
    // Who closed the stream does not want to read it.
    let _ = io::stdout().write_all(text.as_bytes());
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
