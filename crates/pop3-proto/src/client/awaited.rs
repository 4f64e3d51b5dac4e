//! What was awaited when something went wrong, in words.

use core::fmt;

use crate::command::Keyword;

/// `the reply to RETR`; with no command, `the greeting`.
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
