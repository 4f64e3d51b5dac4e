//! The users file.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use pop3_certificates::Fingerprint;
use pop3_proto::Secret;

use super::maildrop_path::MaildropPath;
use super::{NameRule, Profile, Table, TableError, User, UserName, Users, UsersFormat};
use crate::error::ServeError;

/// A users file that can be reloaded while it is in use. See the [front page](crate#the-users-file) for its format.
#[derive(Debug)]
pub struct UsersFile {
    path: PathBuf,
    format: UsersFormat,
    names: NameRule,
    table: RwLock<Arc<Table>>,
}

impl UsersFile {
    /// Reads the users file.
    ///
    /// # Errors
    /// Returns an error if the file or one of its lines cannot be read. The message names the file and the line.
    pub fn load(path: &Path) -> Result<Self, ServeError> {
        Self::load_with(path, UsersFormat::Pop3, NameRule::new())
    }

    /// Reads a users file in this format, with names according to this rule.
    ///
    /// # Errors
    /// Returns an error if the file or one of its lines cannot be read. The message names the file and the line.
    pub fn load_with(path: &Path, format: UsersFormat, names: NameRule) -> Result<Self, ServeError> {
        let table = RwLock::new(Arc::new(read(path, format, &names)?));
        Ok(Self { path: path.to_owned(), format, names, table })
    }

    /// Reloads the file and returns the number of users. Open sessions continue.
    ///
    /// # Errors
    /// Returns the same errors as [`load`](Self::load). The old users then stay in use.
    pub fn reload(&self) -> Result<usize, ServeError> {
        let table = Arc::new(read(&self.path, self.format, &self.names)?);
        let count = table.len();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(count)
    }

    /// Returns warnings about unwise contents of the file: who can read it, lines that other programs read differently,
    /// and that there are no users. Each is one line.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let (table, path) = (self.table(), self.path.display());
        let mut warnings: Vec<_> = permissions(&self.path).into_iter().collect();
        if table.is_empty() {
            warnings.push(format!("there are no users in {path}"));
        }
        let remarks = table.remarks();
        warnings.extend(
            remarks.iter().take(MOST).map(|TableError { line, what }| format!("{path}:{line}: {what}")),
        );
        warnings.extend(more(remarks.len()));
        warnings
    }

    /// Returns warnings about users who have no maildrop where this says it is, and about those who share one. Each is
    /// one line. This looks at the directory of each user.
    #[must_use]
    pub fn maildrop_warnings(&self, maildrops: &Path, path: &MaildropPath) -> Vec<String> {
        let (table, mut owners, mut found) = (self.table(), HashMap::new(), Vec::new());
        for (name, user) in table.users() {
            match path.of(maildrops, name, user.home()) {
                Err(why) => found.push(format!("{name} has no maildrop: {why}")),
                Ok(maildrop) => {
                    if !maildrop.is_dir() {
                        found.push(format!(
                            "{name} has no maildrop: {} is not a directory",
                            maildrop.display()
                        ));
                    }
                    if let Some(other) = owners.insert(maildrop, name) {
                        found.push(format!("{other} and {name} share a maildrop"));
                    }
                }
            }
        }
        let count = found.len();
        found.truncate(MOST);
        found.extend(more(count));
        found
    }

    /// The users as they are now.
    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How many warnings of a kind are given.
const MOST: usize = 20;

/// Says that there are more.
fn more(count: usize) -> Option<String> {
    (count > MOST).then(|| format!("{} more users or lines are like this", count - MOST))
}

impl Users for UsersFile {
    fn name(&self, octets: &[u8]) -> Option<UserName> {
        self.names.apply(octets)
    }

    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        self.table().find(name)
    }

    fn owners(&self, certificate: &Fingerprint) -> io::Result<Vec<UserName>> {
        self.table().owners(certificate)
    }

    fn profile(&self) -> Arc<Profile> {
        self.table().profile()
    }

    fn may_block(&self) -> bool {
        false
    }
}

/// What is unwise about the permissions of the users file, as one line, if anything.
fn permissions(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let whom = match (mode & 0o022 != 0, mode & 0o004 != 0) {
        (true, _) => "written by users other than its owner",
        (false, true) => "read by every user of this machine",
        (false, false) => return None,
    };
    Some(format!("{} can be {whom}; run chmod 600 on it", path.display()))
}

fn read(path: &Path, format: UsersFormat, names: &NameRule) -> Result<Table, ServeError> {
    let octets = fs::read(path).map(Secret::new).map_err(|error| unreadable(path, &error))?;
    Table::parse_with(octets.expose(), format, names.clone())
        .map_err(|error| ServeError::unusable(format!("{}:{}: {}", path.display(), error.line, error.what)))
}

fn unreadable(path: &Path, error: &io::Error) -> ServeError {
    ServeError::unusable(format!("the users file {} can't be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_keeps_the_old_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "alice:{PLAIN}one\n").unwrap();
        let users = UsersFile::load(&path).unwrap();
        assert!(users.table().verify(b"alice", b"one").is_some());
        fs::write(&path, "alice:{PLAIN}two\nbob\n").unwrap();
        let error = users.reload().unwrap_err().to_string();
        assert!(error.contains("users:2: "), "{error}");
        assert!(users.table().verify(b"alice", b"one").is_some());
        fs::write(&path, "alice:{PLAIN}two\nbob:{PLAIN}x\n").unwrap();
        assert_eq!(users.reload(), Ok(2));
        assert!(users.table().verify(b"alice", b"one").is_none());
        assert!(users.table().verify(b"alice", b"two").is_some());
        fs::remove_file(&path).unwrap();
        assert!(users.reload().is_err());
        assert!(users.table().verify(b"alice", b"two").is_some());
    }

    #[test]
    fn a_file_that_everybody_reads_is_worth_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "").unwrap();
        for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true), (0o660, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(permissions(&path).is_some(), warned, "{mode:o}");
        }
    }
}
