//! Users of whom nothing is known.

use std::io;
use std::sync::Arc;

use super::{NameRule, Profile, User, UserName, Users};

/// Whoever has a name is a user, without password and settings: for servers whose credentials
/// [another program](crate::ExternalCheck) checks, which knows who the users are.
#[derive(Clone, Debug)]
pub struct AnyUser {
    names: NameRule,
    user: Arc<User>,
    profile: Arc<Profile>,
}

impl AnyUser {
    /// Creates this source, with names according to this rule.
    #[must_use]
    pub fn new(names: NameRule) -> Self {
        Self { names, user: User::new().into(), profile: Profile::of([]).into() }
    }
}

impl Users for AnyUser {
    fn name(&self, octets: &[u8]) -> Option<UserName> {
        self.names.apply(octets)
    }

    fn find(&self, _name: &UserName) -> io::Result<Option<Arc<User>>> {
        Ok(Some(Arc::clone(&self.user)))
    }

    fn profile(&self) -> Arc<Profile> {
        Arc::clone(&self.profile)
    }

    fn may_block(&self) -> bool {
        false
    }
}
