//! The users of a store, for a server.

use std::io;
use std::sync::Arc;

use pop3_certificates::Fingerprint;
use pop3_serve::{AsyncUsers, BoxFuture, NameRule, Profile, User, UserName, Users};

use crate::node::SqlNode;
use crate::shared::Shared;

/// The users of a store, for a server. Get them with [`SqlNode::users`].
#[derive(Debug)]
pub struct SqlUsers {
    shared: Arc<Shared>,
    names: NameRule,
}

impl SqlNode {
    /// Returns the users for a server, with names according to this rule. What is announced before a login follows
    /// changes of the users within a minute; logins follow them at once.
    #[must_use]
    pub fn users(&self, names: NameRule) -> Arc<SqlUsers> {
        Arc::new(SqlUsers { shared: Arc::clone(&self.shared), names })
    }
}

impl Users for SqlUsers {
    fn name(&self, octets: &[u8]) -> Option<UserName> {
        self.names.apply(octets)
    }

    /// Blocks until the database has answered. Must not be called on a thread of a runtime.
    fn find(&self, name: &UserName) -> io::Result<Option<Arc<User>>> {
        let store = &self.shared.store;
        store.handle().block_on(store.find_user(name)).map_err(io::Error::other)
    }

    /// Blocks until the database has answered. Must not be called on a thread of a runtime.
    fn owners(&self, certificate: &Fingerprint) -> io::Result<Vec<UserName>> {
        let store = &self.shared.store;
        store.handle().block_on(store.owners(*certificate)).map_err(io::Error::other)
    }

    fn profile(&self) -> Arc<Profile> {
        self.shared.profile()
    }

    fn as_async(&self) -> Option<&dyn AsyncUsers> {
        Some(self)
    }
}

impl AsyncUsers for SqlUsers {
    fn find<'a>(&'a self, name: &'a UserName) -> BoxFuture<'a, io::Result<Option<Arc<User>>>> {
        Box::pin(async move { self.shared.store.find_user(name).await.map_err(io::Error::other) })
    }

    fn owners<'a>(&'a self, certificate: &'a Fingerprint) -> BoxFuture<'a, io::Result<Vec<UserName>>> {
        Box::pin(async move { self.shared.store.owners(*certificate).await.map_err(io::Error::other) })
    }
}
