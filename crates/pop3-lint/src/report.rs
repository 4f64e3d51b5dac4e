//! What is written: the dialogues with their violations, and a summary.

use core::fmt;
use std::collections::BTreeMap;

use pop3_observer::{Rule, Severity, Side, Violation};
use pop3_text::Printable;
use serde_json::json;

use crate::options::Form;
use crate::session::{Commands, Session, Told};
use crate::summary::LintSummary;

/// How much text of one session is kept until it is written. Violations are counted all the same.
const MAX_TEXT: usize = 4 << 20;

/// Writes sessions, one after the other.
pub(super) struct Report<'o> {
    style: Style,
    summary: LintSummary,
    out: Box<dyn FnMut(&str) + 'o>,
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
    least: Severity,
    form: Form,
}

impl<'o> Report<'o> {
    pub(super) fn new(least: Severity, form: Form, out: Box<dyn FnMut(&str) + 'o>) -> Self {
        Self { style: Style { least, form }, summary: LintSummary::default(), out }
    }

    /// How many sessions were written.
    pub(super) const fn sessions(&self) -> u64 {
        self.summary.sessions
    }

    /// A session begins.
    pub(super) fn page(&self, name: &str) -> Page {
        Page {
            session: Session::new(name),
            remembered: Commands::default(),
            text: String::new(),
            commands: 0,
            rules: BTreeMap::new(),
            style: self.style,
            incomplete: false,
            cut: false,
        }
    }

    /// A session has ended: writes it.
    pub(super) fn print(&mut self, page: Page) {
        let summary = &mut self.summary;
        summary.sessions += 1;
        summary.incomplete += u64::from(page.incomplete);
        summary.commands += page.commands;
        for (rule, count) in &page.rules {
            *summary.rules.entry(*rule).or_default() += count;
        }
        let name = Printable::new(page.session.name().as_bytes()).to_string();
        let empty = name.is_empty() || (self.style.form == Form::Violations && page.text.is_empty());
        let is_json = self.style.form == Form::Json;
        let text = if is_json || empty { page.text } else { format!("# {name}\n{}", page.text) };
        (self.out)(&text);
        if page.cut && !is_json {
            (self.out)("<the rest is not shown>\n");
        }
    }

    /// Writes the summary, if there was a session.
    pub(super) fn finish(mut self) -> LintSummary {
        if self.summary.sessions > 0 {
            let text = match self.style.form {
                Form::Json => self.summary.json(),
                Form::Dialogue | Form::Violations => self.summary.text(self.style.least),
            };
            (self.out)(&format!("{text}\n"));
        }
        self.summary
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("summary", &self.summary).finish_non_exhaustive()
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
        if self.style.form == Form::Dialogue {
            push(&mut self.text, &mut self.cut, &format!("<{}>", Printable::whole(text.as_bytes())));
        }
    }

    /// The session can't be followed any further.
    pub(super) fn lose(&mut self, why: &str) {
        if !core::mem::replace(&mut self.incomplete, true) {
            self.note(&format!("{why}: the rest is not checked"));
        }
    }

    fn observe(&mut self, run: impl FnOnce(&mut Session, &mut Commands, &mut dyn FnMut(Told<'_>))) {
        if self.incomplete {
            return;
        }
        let Self { session, remembered, text, commands, rules, style, cut, .. } = self;
        let name = session.name().to_owned();
        let mut lost = None;
        run(session, remembered, &mut |told| match told {
            Told::Lost(why) => lost = Some(why),
            Told::Line(line) => {
                if style.form == Form::Dialogue {
                    push(text, cut, &line);
                }
            }
            Told::Command(line) => {
                *commands += 1;
                if style.form == Form::Dialogue {
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
        if let Some(why) = lost {
            self.lose(why);
        }
    }
}

impl Style {
    fn violation(self, violation: &Violation, command: Option<&str>, name: &str) -> String {
        let rule = violation.rule;
        if self.form == Form::Json {
            return json!({
                "session": Printable::new(name.as_bytes()).to_string(),
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
        match (self.form == Form::Violations, command) {
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
