//! How many connections there may be at one time: in all, from one address, of one user.

use core::fmt;
use core::net::IpAddr;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::source::Source;
use crate::users::UserName;

/// The counts of connections.
#[derive(Debug)]
pub(crate) struct Limits {
    most: Most,
    now: Mutex<Counts>,
}

/// The limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) total: u32,
    pub(crate) per_address: u32,
    pub(crate) per_user: u32,
}

#[derive(Debug, Default)]
struct Counts {
    total: u32,
    addresses: HashMap<Source, u32>,
    users: HashMap<UserName, u32>,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Total,
    Address,
    User,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    limits: Arc<Limits>,
    source: Source,
}

/// A session of a user that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct UserGuard {
    limits: Arc<Limits>,
    user: UserName,
}

impl Limits {
    pub(crate) fn new(most: Most) -> Arc<Self> {
        Arc::new(Self { most, now: Mutex::default() })
    }

    /// Counts a connection, if there may be one more.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Guard, Refusal> {
        let source = Source::from(address);
        let mut now = self.counts();
        if now.total >= self.most.total {
            return Err(Refusal::Total);
        }
        if !add(&mut now.addresses, source, self.most.per_address) {
            return Err(Refusal::Address);
        }
        now.total += 1;
        Ok(Guard { limits: Arc::clone(self), source })
    }

    /// Counts a session of the user, if there may be one more.
    pub(crate) fn log_in(self: &Arc<Self>, user: &UserName) -> Result<UserGuard, Refusal> {
        if !add(&mut self.counts().users, user.clone(), self.most.per_user) {
            return Err(Refusal::User);
        }
        Ok(UserGuard { limits: Arc::clone(self), user: user.clone() })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut now = self.limits.counts();
        now.total = now.total.saturating_sub(1);
        remove(&mut now.addresses, self.source);
    }
}

impl Drop for UserGuard {
    fn drop(&mut self) {
        remove(&mut self.limits.counts().users, self.user.clone());
    }
}

impl fmt::Display for Refusal {
    /// What the client is told.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "too many connections, try again later",
            Self::Address => "too many connections from your address, try again later",
            Self::User => "too many sessions of this user, try again later",
        })
    }
}

fn add<K: Eq + core::hash::Hash>(counts: &mut HashMap<K, u32>, key: K, most: u32) -> bool {
    let count = counts.entry(key).or_default();
    if *count >= most {
        return false;
    }
    *count += 1;
    true
}

/// Takes one away; a count of zero is not kept, so that the map does not grow.
fn remove<K: Eq + core::hash::Hash>(counts: &mut HashMap<K, u32>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() -= 1;
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEC-03
    #[test]
    fn each_limit_holds_and_is_given_back() {
        let limits = Limits::new(Most { total: 3, per_address: 2, per_user: 1 });
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let alice = UserName::parse(b"alice").unwrap();
        let one = limits.admit(here).unwrap();
        let two = limits.admit(here).unwrap();
        assert_eq!(limits.admit(here).unwrap_err(), Refusal::Address);
        let three = limits.admit(there).unwrap();
        assert_eq!(limits.admit(there).unwrap_err(), Refusal::Total);
        let session = limits.log_in(&alice).unwrap();
        assert_eq!(limits.log_in(&alice).unwrap_err(), Refusal::User);
        drop(session);
        let session = limits.log_in(&alice).unwrap();
        drop((one, two, three, session));
        let counts = limits.counts();
        assert!(counts.total == 0 && counts.addresses.is_empty() && counts.users.is_empty(), "{counts:?}");
    }
}
