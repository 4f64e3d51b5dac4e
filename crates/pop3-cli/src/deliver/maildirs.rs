//! Delivery into Maildirs.

use std::fs;
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use pop3_maildir::{Delivery, DeliveryError};
use pop3_serve::{MaildropPath, UserName, Users as _, UsersFile};

use super::Undelivered;
use crate::args::store_at::{MaildirsAt, Names};
use crate::exit::Failure;

/// Where the Maildirs are, and who has one.
#[derive(Debug)]
pub(crate) struct Maildirs {
    folder: PathBuf,
    path: MaildropPath,
    /// Without a users file, whoever has a Maildir is a user.
    users: Option<UsersFile>,
}

impl Maildirs {
    /// The Maildirs in this directory.
    pub(crate) fn new(folder: &Path, at: &MaildirsAt, names: &Names) -> Result<Self, Failure> {
        Ok(Self { folder: folder.to_owned(), path: at.maildrop_path.clone(), users: at.users(names)? })
    }

    /// Opens the Maildir of the user.
    pub(crate) fn open(&self, user: &UserName) -> Result<Delivery, Undelivered> {
        let path = self.path_of(user)?;
        Delivery::open(&path, false).map_err(|error| self.not_opened(user, &path, &error))
    }

    /// Stores the message, perhaps with each CRLF as LF. When this returns, it survives a power failure.
    pub(crate) fn store(&self, user: &UserName, lf: bool, message: &mut dyn Read) -> Result<(), Undelivered> {
        let failed = |error: DeliveryError| Undelivered::of_disk(error.kind(), pop3_text::reasons(&error));
        let mut delivering = self.open(user)?.with_lf(lf).begin().map_err(failed)?;
        super::copy(message, &mut |octets| {
            delivering
                .write_all(octets)
                .map_err(|error| Undelivered::of_disk(error.kind(), pop3_text::reasons(&error)))
        })?;
        delivering.finish().map_err(failed)?;
        Ok(())
    }

    /// Where the Maildir of the user is.
    pub(crate) fn path_of(&self, user: &UserName) -> Result<PathBuf, Undelivered> {
        let mut home = None;
        if let Some(users) = &self.users {
            let found = users
                .find(user)
                .map_err(|error| Undelivered::later(format!("{user} can't be looked up: {error}")))?;
            let user = found.ok_or_else(|| Undelivered::no_user(user))?;
            home = user.home().map(Path::to_path_buf);
        }
        self.path.of(&self.folder, user, home.as_deref()).map_err(|why| {
            if self.users.is_none() {
                return Undelivered::no_user(user);
            }
            Undelivered::settings(format!("{user} has no maildrop: {why}"))
        })
    }

    /// Tells a user without a Maildir, where there are others, from a disk that is not mounted.
    fn not_opened(&self, user: &UserName, path: &Path, error: &DeliveryError) -> Undelivered {
        if error.kind() != ErrorKind::NotFound {
            return Undelivered::of_disk(error.kind(), pop3_text::reasons(error));
        }
        let has_others = fs::read_dir(&self.folder).is_ok_and(|mut entries| entries.next().is_some());
        let is_missing = fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        let (folder, path) = (self.folder.display(), path.display());
        if self.users.is_some() {
            return Undelivered::settings(format!(
                "{user} is a user, but there is no Maildir {path}; create it, or mount its disk"
            ));
        }
        if !has_others || !is_missing {
            return Undelivered::later(format!(
                "there is no Maildir {path}; is a disk not mounted in {folder}?"
            ));
        }
        Undelivered::no_user(user)
    }
}
