//! Who may log in.

mod any;
pub(crate) mod check;
mod decoy;
mod edit;
mod encoding;
mod file;
mod form;
mod found;
mod hash;
mod home;
mod kind;
mod maildrop_path;
mod make;
mod name;
mod passwd_file;
mod profile;
mod rule;
mod table;
mod user;

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pop3_certificates::Fingerprint;

pub use any::AnyUser;
pub use decoy::DecoyKey;
pub use edit::UsersEdit;
pub use file::UsersFile;
pub use form::parse_days;
pub use form::scheme::password_schemes;
pub(crate) use found::Found;
pub(crate) use home::parse_home;
pub use maildrop_path::{BadMaildropPath, MaildropPath};
pub use make::{BadPassword, PasswordForm};
pub use name::UserName;
pub use profile::Profile;
pub(crate) use profile::soonest;
pub use rule::NameRule;
pub use table::{Table, TableError, UsersFormat};
pub use user::{BadForm, User};

use crate::boxed::BoxFuture;

/// A user who has logged in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The name, which is also the name of the maildrop.
    pub name: UserName,
    /// The user that was found when the credentials were checked. `None` if there is no record of the user, which is
    /// possible with ANONYMOUS and client certificates.
    pub user: Option<Arc<User>>,
    /// The home directory, if it is known: an absolute path without `..`.
    pub home: Option<PathBuf>,
}

impl LoggedIn {
    pub(crate) fn known((name, user): (UserName, Arc<User>)) -> Self {
        Self { name, home: user.home().map(Path::to_owned), user: Some(user) }
    }
}

/// A source of users: a [file](UsersFile), a [table in memory](Table), or a database.
///
/// An implementation only has to find users by name. It never sees a password: the [`Gatekeeper`](crate::Gatekeeper)
/// checks the credentials against the user that was found.
pub trait Users: fmt::Debug + Send + Sync + 'static {
    /// Returns the name of the user whom a client names with these octets, or `None` if they are no name. The default
    /// implementation is [`UserName::parse`]. See [`NameRule`] for others.
    fn name(&self, octets: &[u8]) -> Option<UserName> {
        UserName::parse(octets)
    }

    /// Returns the user with this name, or `None` if there is none. Names are case-sensitive.
    ///
    /// # Errors
    /// Returns an error if the user cannot be looked up now. The client is told to try again later, and no failed
    /// login is counted.
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>>;

    /// Returns the users who own this certificate, according to [`User::with_form`] and `{CERT}`. The default
    /// implementation returns no user. A certificate then belongs to the user whom it names.
    ///
    /// # Errors
    /// Returns the same errors as [`find`](Self::find).
    fn owners(&self, certificate: &Fingerprint) -> io::Result<Vec<UserName>> {
        let _ = certificate;
        Ok(Vec::new())
    }

    /// Returns the common properties of all users. It is called for each connection and must not block.
    fn profile(&self) -> Arc<Profile>;

    /// Returns whether [`find`](Self::find) and [`owners`](Self::owners) may block, for example on a disk or a
    /// network. If so, they run on the threads that compute hashes, not on those that serve connections. There is one
    /// such thread for each processor, so slow look-ups delay other logins. Default: yes.
    fn may_block(&self) -> bool {
        true
    }

    /// Returns the look-ups that are awaited, if there are some. They are then used instead of [`find`](Self::find) and
    /// [`owners`](Self::owners), and wait on no thread. Default: `None`.
    fn as_async(&self) -> Option<&dyn AsyncUsers> {
        None
    }
}

/// Look-ups of [`Users`] that are awaited, for example from a database.
///
/// A user is looked up once for each login. With SCRAM, that is before the client proves that it knows the password, so a
/// user who is removed or locked during the exchange can still complete it.
///
/// While a look-up takes its time, nothing is checked and no thread is busy. A look-up that fails, or that the client does
/// not wait for, counts as no failed login.
pub trait AsyncUsers: Send + Sync {
    /// Does the same as [`Users::find`]. A look-up of a name without user must take the same time.
    fn find<'a>(&'a self, name: &'a UserName) -> BoxFuture<'a, io::Result<Option<Arc<User>>>>;

    /// Does the same as [`Users::owners`]. The default implementation returns no user.
    fn owners<'a>(&'a self, certificate: &'a Fingerprint) -> BoxFuture<'a, io::Result<Vec<UserName>>> {
        let _ = certificate;
        Box::pin(core::future::ready(Ok(Vec::new())))
    }
}
