//! A description of what was awaited when an error occurred.

use core::fmt;

use crate::command::Keyword;

/// Shows `the reply to RETR`, or `the greeting` if there is no command.
pub(super) struct Awaited(pub(super) Option<Keyword>);

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("the greeting"),
            Some(Keyword::Extension) => f.write_str("the reply to an extension's command"),
            Some(keyword) => write!(f, "the reply to {}", keyword.as_str()),
        }
    }
}
