//! Users that were looked up already.

use std::io;
use std::sync::Arc;

use pop3_certificates::Fingerprint;

use super::{Profile, User, UserName, Users};

/// What look-ups that were awaited have found, for one login: everything that its check asks about, without blocking.
#[derive(Debug)]
pub(crate) struct Found {
    /// For everything but look-ups.
    users: Arc<dyn Users>,
    found: Vec<(UserName, Option<Arc<User>>)>,
    owners: Vec<UserName>,
}

impl Found {
    /// Nothing was found yet.
    pub(crate) fn new(users: &Arc<dyn Users>) -> Self {
        Self { users: Arc::clone(users), found: Vec::new(), owners: Vec::new() }
    }

    /// Sets the owners of the certificate that the login is about.
    pub(crate) fn with_owners(self, owners: Vec<UserName>) -> Self {
        Self { owners, ..self }
    }

    /// Adds what was found under a name.
    pub(crate) fn add(&mut self, user: Option<Arc<User>>, name: UserName) {
        self.found.push((name, user));
    }
}

impl Users for Found {
    fn name(&self, octets: &[u8]) -> Option<UserName> {
        self.users.name(octets)
    }

    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        let found = self.found.iter().find(|(found, _)| found == name);
        let found = found.ok_or_else(|| io::Error::other("a user was not looked up in advance"))?;
        Ok(found.1.clone())
    }

    fn owners(&self, _certificate: &Fingerprint) -> io::Result<Vec<UserName>> {
        Ok(self.owners.clone())
    }

    fn profile(&self) -> Arc<Profile> {
        self.users.profile()
    }

    fn may_block(&self) -> bool {
        false
    }
}
