//! The users of one reading of a users file.

#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use pop3_certificates::Fingerprint;

use super::form::{Form, parse_line};
use super::{NameRule, Profile, User, UserName, Users, passwd_file};

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
    names: NameRule,
    /// What is odd in some lines.
    remarks: Vec<TableError>,
}

/// The format of a users file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsersFormat {
    /// The format of this crate, see the [front page](crate#the-users-file).
    #[default]
    Pop3,
    /// A passwd-file of Dovecot: `user:password:uid:gid:gecos:home:shell:extra fields`. The password ends at the next
    /// colon. Without a scheme in braces, it is a hash of crypt(3).
    PasswdFile,
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
        Self::parse_with(octets, UsersFormat::Pop3, NameRule::new())
    }

    /// Parses the text of a users file in this format, with names according to this rule.
    ///
    /// # Errors
    /// Returns an error for the first line that cannot be parsed, and for one whose user is the same as another one's
    /// only because of the rule for names.
    pub fn parse_with(octets: &[u8], format: UsersFormat, names: NameRule) -> Result<Self, TableError> {
        let mut rows = Rows::default();
        for (index, line) in octets.split(|&octet| octet == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if is_ignored(line) {
                continue;
            }
            let added = match format {
                UsersFormat::Pop3 => rows.add(index + 1, line, &names),
                UsersFormat::PasswdFile => rows.add_passwd(index + 1, line, &names),
            };
            added.map_err(|what| TableError { line: index + 1, what })?;
        }
        if format == UsersFormat::Pop3 {
            rows.check()?;
        }
        let profile = Profile::of(rows.users.values().map(|row| &row.user)).into();
        let users = rows.users.into_iter().map(|(name, row)| (name, row.user.into())).collect();
        Ok(Self { users, profile, names, remarks: rows.remarks })
    }

    /// What is odd in some lines, though they can be used.
    pub(super) fn remarks(&self) -> &[TableError] {
        &self.remarks
    }

    /// The users, by name.
    pub(super) fn users(&self) -> impl Iterator<Item = (&UserName, &User)> {
        self.users.iter().map(|(name, user)| (name, &**user))
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

/// Whether a line is empty or a comment.
pub(super) fn is_ignored(line: &[u8]) -> bool {
    line.starts_with(b"#") || line.trim_ascii().is_empty()
}

/// The users as far as the file has been read.
#[derive(Default)]
struct Rows {
    users: BTreeMap<UserName, Row>,
    remarks: Vec<TableError>,
}

/// A user, and the name in the first line of that user before the rule for names.
#[derive(Default)]
struct Row {
    user: User,
    line: usize,
    written: Option<UserName>,
}

impl Rows {
    /// Adds a line of the format of this crate.
    fn add(&mut self, number: usize, line: &[u8], names: &NameRule) -> Result<(), &'static str> {
        const COLON: &str = "the password contains a colon, and other programs would read it only up to there; \
            if this is a passwd-file of Dovecot, read it with --users-format passwd-file";
        const PASSWD_FILE: &str = "the line cannot be read; if this is a passwd-file of Dovecot, read it with \
            --users-format passwd-file";

        let colons = line.iter().filter(|&&octet| octet == b':').count();
        // SCRAM keys contain two.
        let (name, form) =
            parse_line(line, names).map_err(|why| if colons > 3 { PASSWD_FILE } else { why })?;
        if colons > 1 && matches!(form, Form::Plain(_)) {
            self.remarks.push(TableError { line: number, what: COLON });
        }
        let written = line.split(|&octet| octet == b':').next().and_then(UserName::parse);
        let row = self.users.entry(name);
        let row = row.or_insert_with(|| Row { line: number, written: written.clone(), ..Row::default() });
        if row.written != written {
            return Err(SAME);
        }
        row.user.add(form)
    }

    /// Adds a line of a passwd-file.
    fn add_passwd(&mut self, number: usize, line: &[u8], names: &NameRule) -> Result<(), &'static str> {
        if line.starts_with(b":") {
            return Err("the name is missing");
        }
        const CAPITALS: &str = "Dovecot, unless told otherwise, makes names lower-case before it looks for them, so it \
            does not find this one; --fold-names does the same here";

        let line = passwd_file::parse_line(line, names)?;
        if line.name.as_str().chars().any(char::is_uppercase) {
            self.remarks.push(TableError { line: number, what: CAPITALS });
        }
        if self.users.contains_key(&line.name) {
            return Err("this user is in the file already, perhaps in other letters");
        }
        self.remarks.extend(line.remarks.into_iter().map(|what| TableError { line: number, what }));
        self.users.insert(line.name, Row { user: line.user, line: number, written: None });
        Ok(())
    }

    /// Whether each user has something to log in with.
    fn check(&self) -> Result<(), TableError> {
        let useless = self.users.values().filter(|row| !row.user.can_log_in());
        let what =
            "this user has settings, but nothing to log in with; add {TOKEN} to allow logins with tokens";
        useless.map(|row| row.line).min().map_or(Ok(()), |line| Err(TableError { line, what }))
    }
}

/// What is said of a second way to write a name.
const SAME: &str =
    "this name is the same as one above that is written in another way; write both in the same way";

impl Users for Table {
    fn name(&self, octets: &[u8]) -> Option<UserName> {
        self.names.apply(octets)
    }

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
