//! What to write, and what to look at.

use std::collections::BTreeSet;

use pop3_observer::Severity;

/// What to read and what to write.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LintOptions {
    /// The minimum severity of violations to write. All violations are counted. Default: everything is written.
    pub least: Severity,
    /// The form of the output. Default: [`Form::Dialogue`].
    pub form: Form,
    /// The server ports in captures. Default: 110 and 1110.
    pub ports: BTreeSet<u16>,
}

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// All lines of a session, with the violations below them.
    Dialogue,
    /// Only the violations.
    Violations,
    /// A JSON object for each violation and one for the summary, each in one line.
    Json,
}

impl LintOptions {
    /// Creates the default options.
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

    /// Adds a port to [`ports`](Self::ports).
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
