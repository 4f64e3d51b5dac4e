//! The users of one reading of a users file.

#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use pop3_certificates::Fingerprint;

use super::form::parse_line;
use super::{Profile, User, UserName, Users};

/// Users in memory, in the format of a users file.
///
/// ```
/// let users = pop3_serve::Table::parse(b"alice:{PLAIN}secret\nbob:{PLAIN}other\nbob:{LOGIN-DELAY}60\n")?;
/// assert_eq!(users.len(), 2);
/// # Ok::<(), pop3_serve::TableError>(())
/// ```
pub struct Table {
    /// In the order of names, so that the same file has the same decoy.
    users: BTreeMap<UserName, Arc<User>>,
    profile: Arc<Profile>,
}

/// Why a users file cannot be parsed. The error contains no part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with the line.
    pub what: &'static str,
}

impl Table {
    /// Parses the text of a users file. See the [front page](crate#the-users-file) for its format.
    ///
    /// # Errors
    /// Returns an error for the first line that cannot be parsed.
    pub fn parse(octets: &[u8]) -> Result<Self, TableError> {
        let mut users = BTreeMap::<UserName, User>::new();
        let mut first_lines = Vec::new();
        for (index, line) in octets.split(|&octet| octet == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.starts_with(b"#") || line.trim_ascii().is_empty() {
                continue;
            }
            let wrong = |what| TableError { line: index + 1, what };
            let (name, form) = parse_line(line).map_err(wrong)?;
            if !users.contains_key(&name) {
                first_lines.push((index + 1, name.clone()));
            }
            users.entry(name).or_default().add(form).map_err(wrong)?;
        }
        for (line, name) in first_lines {
            if !users.get(&name).is_some_and(User::can_log_in) {
                let what = "this user has settings, but nothing to log in with; add {TOKEN} to allow logins \
                     with tokens";
                return Err(TableError { line, what });
            }
        }
        let profile = Profile::of(users.values()).into();
        let users = users.into_iter().map(|(name, user)| (name, user.into())).collect();
        Ok(Self { users, profile })
    }

    /// Returns the number of users.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Returns whether there are no users.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

impl Users for Table {
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        Ok(self.users.get(name).cloned())
    }

    fn owners(&self, certificate: &Fingerprint) -> io::Result<Vec<UserName>> {
        let owners = self.users.iter().filter(|(_, user)| user.certificates.contains(certificate));
        Ok(owners.map(|(name, _)| name.clone()).collect())
    }

    fn profile(&self) -> Arc<Profile> {
        Arc::clone(&self.profile)
    }

    fn may_block(&self) -> bool {
        false
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("users", &self.users.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl core::error::Error for TableError {}
