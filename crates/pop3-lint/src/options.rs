//! What to write, and what to look at.

use std::collections::BTreeSet;

use pop3_observer::Severity;

/// What to write, and what to look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LintOptions {
    /// The least that is told of. All violations are counted. Default: everything.
    pub least: Severity,
    /// What is written. Default: [`Form::Dialogue`].
    pub form: Form,
    /// The server's ports in captures. Default: 110 and 1110.
    pub ports: BTreeSet<u16>,
}

/// What is written of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// All lines, and the violations below them.
    Dialogue,
    /// The violations.
    Violations,
    /// An object in JSON for each violation, and one for the summary, a line each.
    Json,
}

impl LintOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`least`](Self::least).
    #[must_use]
    pub fn with_least(self, least: Severity) -> Self {
        Self { least, ..self }
    }

    /// Sets [`form`](Self::form).
    #[must_use]
    pub fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Adds one of the [`ports`](Self::ports).
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.ports.insert(port);
        self
    }
}

impl Default for LintOptions {
    fn default() -> Self {
        Self { least: Severity::Practice, form: Form::Dialogue, ports: [110, 1110].into() }
    }
}
