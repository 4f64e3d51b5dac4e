//! Which maildrops this process has, or is opening.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use pop3_serve::UserName;

/// The users whose maildrops are open here. It settles what happens within the node, so that a lock of this node
/// without a session can be told from one with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<HashSet<UserName>>>);

/// The right to lock and release the maildrop of a user in this process, for one at a time.
#[derive(Debug)]
pub(crate) struct Hold {
    held: Held,
    name: UserName,
}

impl Held {
    /// `None` if somebody has it.
    pub(crate) fn take(&self, name: &UserName) -> Option<Hold> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.clone()).then(|| Hold { held: self.clone(), name: name.clone() })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Hold {
    pub(crate) const fn name(&self) -> &UserName {
        &self.name
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut names = self.held.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&self.name);
    }
}
