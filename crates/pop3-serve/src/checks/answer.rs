//! What a program says of a password or a token.

use std::path::PathBuf;

use super::{Fault, MAX_ANSWER};
use crate::users::parse_home;

/// What the program says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good(Answer),
    Bad,
}

/// Whose the password or token is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The name of the user, if it is said.
    pub(crate) name: Option<Vec<u8>>,
    /// The home directory, if it is said.
    pub(crate) home: Option<PathBuf>,
}

impl Answer {
    /// Reads lines of the form `user=NAME` and `home=PATH`. With `bare`, the first line may be the name alone. Other
    /// lines are for later versions, and ignored.
    ///
    /// # Errors
    /// When a line that matters was cut, or cannot be used.
    pub(super) fn parse(text: &[u8], bare: bool) -> Result<Self, Fault> {
        let mut answer = Self::default();
        let mut lines = text.split(|&octet| octet == b'\n').enumerate().peekable();
        while let Some((index, line)) = lines.next() {
            let is_cut = text.len() >= MAX_ANSWER && lines.peek().is_none();
            let line = line.trim_ascii();
            let (name, home) = (line.strip_prefix(b"user="), line.strip_prefix(b"home="));
            let name = name.or((bare && index == 0 && home.is_none() && !line.is_empty()).then_some(line));
            if is_cut && (name.is_some() || home.is_some()) {
                return Err(Fault::Answer("the answer of the check is too long"));
            }
            if let Some(name) = name.filter(|name| !name.is_empty()) {
                answer.name.get_or_insert_with(|| name.to_vec());
            }
            if let Some(home) = home {
                let home = parse_home(home);
                let home = home
                    .map_err(|_| Fault::Answer("the home directory of the answer is not an absolute path"))?;
                answer.home.get_or_insert(home);
            }
        }
        Ok(answer)
    }
}
