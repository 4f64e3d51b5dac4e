//! The users file.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use pop3_certificates::Fingerprint;
use pop3_proto::Secret;

use super::{Profile, Table, User, UserName, Users};
use crate::error::ServeError;

/// A users file that can be reloaded while it is in use. See the [front page](crate#the-users-file) for its format.
#[derive(Debug)]
pub struct UsersFile {
    path: PathBuf,
    table: RwLock<Arc<Table>>,
}

impl UsersFile {
    /// Reads the users file.
    ///
    /// # Errors
    /// Returns an error if the file or one of its lines cannot be read. The message names the file and the line.
    pub fn load(path: &Path) -> Result<Self, ServeError> {
        let table = RwLock::new(Arc::new(read(path)?));
        Ok(Self { path: path.to_owned(), table })
    }

    /// Reloads the file and returns the number of users. Open sessions continue.
    ///
    /// # Errors
    /// Returns the same errors as [`load`](Self::load). The old users then stay in use.
    pub fn reload(&self) -> Result<usize, ServeError> {
        let table = Arc::new(read(&self.path)?);
        let count = table.len();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(count)
    }

    /// Returns the number of users.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table().len()
    }

    /// Returns a warning about unwise contents of the file, as one line, if there is a reason.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        warning(&self.path)
    }

    /// The users as they are now.
    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Users for UsersFile {
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

/// What is unwise about the users file, as one line, if anything.
fn warning(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let whom = match (mode & 0o022 != 0, mode & 0o004 != 0) {
        (true, _) => "written by users other than its owner",
        (false, true) => "read by every user of this machine",
        (false, false) => return None,
    };
    Some(format!("{} can be {whom}; run chmod 600 on it", path.display()))
}

fn read(path: &Path) -> Result<Table, ServeError> {
    let octets = fs::read(path).map(Secret::new).map_err(|error| unreadable(path, &error))?;
    Table::parse(octets.expose())
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
            assert_eq!(warning(&path).is_some(), warned, "{mode:o}");
        }
    }
}
