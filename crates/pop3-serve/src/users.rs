//! Who may log in.

pub(crate) mod check;
mod decoy;
mod file;
mod form;
mod make;
mod name;
mod profile;
mod table;
mod user;

use core::fmt;
use std::io;
use std::sync::Arc;

use pop3_certificates::Fingerprint;

pub use decoy::DecoyKey;
pub use file::UsersFile;
pub use form::parse_days;
pub use make::{BadPassword, PasswordForm};
pub use name::UserName;
pub use profile::Profile;
pub(crate) use profile::soonest;
pub use table::{Table, TableError};
pub use user::{BadForm, User};

/// Who has logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The name, which is that of the maildrop.
    pub name: UserName,
    /// What was found for the name when the credentials were checked; `None` where nothing is known of whom others vouch
    /// for: ANONYMOUS, or the owner of a certificate.
    pub user: Option<Arc<User>>,
}

impl LoggedIn {
    pub(crate) fn known((name, user): (UserName, Arc<User>)) -> Self {
        Self { name, user: Some(user) }
    }
}

/// Where users come from: a [file](UsersFile), a [text in memory](Table), or a database that is asked each time.
///
/// The [`Gatekeeper`](crate::Gatekeeper) checks credentials against what it finds here, so that an implementation never
/// sees a password. All it has to do is to find users by their names.
pub trait Users: fmt::Debug + Send + Sync + 'static {
    /// Returns the user of this name, `None` where there is none. Names that differ in case are different names.
    ///
    /// # Errors
    /// Returns an error if that can't be told now. The client is told to try again later, and nothing counts as a
    /// failed login.
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>>;

    /// Returns the users who own this certificate, by [`User::with_form`] and `{CERT}`. Default: nobody, and a
    /// certificate is that of the user whose name stands in it.
    ///
    /// # Errors
    /// Returns the same errors as [`find`](Self::find).
    fn owners(&self, certificate: &Fingerprint) -> io::Result<Vec<UserName>> {
        let _ = certificate;
        Ok(Vec::new())
    }

    /// What all users have in common. It is asked for with each connection, and must not block.
    fn profile(&self) -> Arc<Profile>;

    /// Returns whether [`find`](Self::find) and [`owners`](Self::owners) may block, as on a disk or a network: then
    /// the threads that compute hashes call them, one for each processor, and not those that serve connections. An
    /// answer that takes a second is a second in which such a thread does nothing else. Default: yes.
    fn may_block(&self) -> bool {
        true
    }
}
