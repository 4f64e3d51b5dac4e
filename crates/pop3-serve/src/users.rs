//! Who may log in: the users file.
//!
//! A line is `name:` and one form: `{PLAIN}secret`, where the password goes to the end of the line,
//! spaces included; a PHC string (argon2, scrypt or pbkdf2); SCRAM keys
//! (`SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, RFC 5803); `{CERT}` and the SHA-256 of a
//! client's certificate; `{TOKEN}`; or a setting, `{LOGIN-DELAY}seconds` or `{EXPIRE}days`.
//!
//! A name may stand on several lines, for forms of different kinds: one password in clear or as a PHC
//! string, one set of SCRAM keys for each hash, any number of certificates. Empty lines and lines that
//! begin with `#` are skipped.

mod form;
mod name;
mod salt;
mod table;
mod user;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use pop3_proto::Secret;

pub use form::parse_days;
pub use name::UserName;
pub use salt::SaltKey;
pub use table::{Table, TableError};

use crate::error::Error;

/// The users file, which can be read again while it is in use.
#[derive(Debug)]
pub struct Users {
    path: PathBuf,
    table: RwLock<Arc<Table>>,
}

impl Users {
    /// Reads the users file.
    ///
    /// # Errors
    /// When it can't be read, or a line can't be; the message names the file and the line.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let table = RwLock::new(Arc::new(read(path)?));
        Ok(Self { path: path.to_owned(), table })
    }

    /// Reads the file again and tells how many users it has. Sessions that are open stay open.
    ///
    /// # Errors
    /// As [`load`](Self::load); the old users are kept then.
    pub fn reload(&self) -> Result<usize, Error> {
        let table = Arc::new(read(&self.path)?);
        let count = table.len();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        Ok(count)
    }

    /// What is unwise about the file, as one line, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        warning(&self.path)
    }

    /// The users as they are now.
    pub fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What is unwise about the users file, as one line, if anything.
fn warning(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    let whom = match (mode & 0o022 != 0, mode & 0o004 != 0) {
        (true, _) => "written by others than its owner",
        (false, true) => "read by everybody on this machine",
        (false, false) => return None,
    };
    Some(format!("{} can be {whom}; chmod 600 it", path.display()))
}

fn read(path: &Path) -> Result<Table, Error> {
    let octets = fs::read(path).map(Secret::new).map_err(|error| unreadable(path, &error))?;
    Table::parse(octets.expose())
        .map_err(|error| Error::unusable(format!("{}:{}: {}", path.display(), error.line, error.what)))
}

fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::unusable(format!("the users file {} can't be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_keeps_the_old_users() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "alice:{PLAIN}one\n").unwrap();
        let users = Users::load(&path).unwrap();
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
