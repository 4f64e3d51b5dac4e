//! What all users have in common.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;

use pop3_sasl::scram::{Hash, MIN_ITERATIONS, SALT_OCTETS};

use super::User;
use super::user::Verifier;

/// The common properties of all users: how long it takes to check a password, which mechanisms they can use, and what
/// to announce before a login. With this, a login with an unknown name takes as long as one with a known name.
///
/// The server reads it for each connection. Create it only when the users change, because [`Profile::of`] examines
/// all of them.
pub struct Profile {
    /// What to compute where there is nothing to check, so that the answer takes as long: of the commonest cost,
    /// `None` where all passwords are kept in clear.
    decoy: Option<Verifier>,
    /// How each hash of SCRAM is offered.
    scram: Vec<Scram>,
    /// How many users have a password.
    with_password: usize,
    login_delay: Option<Duration>,
    expire: Option<Option<u32>>,
}

/// How one hash of SCRAM is offered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scram {
    /// The commonest number of iterations, and of octets of a salt.
    pub(super) cost: (u32, usize),
    /// How many users with a password can use it.
    able: usize,
    /// Whether keys are made of passwords in clear.
    pub(super) made: bool,
}

impl Profile {
    /// Creates the profile of these users. Pass them in the same order each time, for example sorted by name: if
    /// several kinds of hash are equally common, the first one counts.
    pub fn of<'u>(users: impl IntoIterator<Item = &'u User>) -> Self {
        let users: Vec<&User> = users.into_iter().collect();
        let users = || users.iter().copied();
        let verifiers = users().filter_map(|user| user.plain.is_none().then(|| user.verifier()).flatten());
        let decoy = commonest(verifiers.map(|verifier| (verifier.cost(), verifier)));
        let scram = Hash::ALL.iter().map(|&hash| {
            let stored = users().filter_map(|user| user.stored_keys(hash));
            let costs = stored.map(|keys| (keys.iterations(), keys.salt().len()));
            let cost = commonest(costs.map(|cost| (cost, cost))).unwrap_or((MIN_ITERATIONS, SALT_OCTETS));
            let made = users().filter(|user| user.key_password(hash).is_some()).count();
            let able = users().filter(|user| user.stored_keys(hash).is_some()).count() + made;
            Scram { cost, able, made: made > 0 }
        });
        let scram = scram.collect();
        Self {
            decoy,
            scram,
            with_password: users().filter(|user| user.has_password()).count(),
            login_delay: users().filter_map(|user| user.login_delay).max(),
            expire: soonest(users().filter_map(|user| user.expire)),
        }
    }

    /// Returns whether checking a password is slow, for any name.
    #[must_use]
    pub const fn computes_hashes(&self) -> bool {
        self.decoy.is_some()
    }

    /// Returns whether looking up keys for this hash function requires computing keys.
    #[must_use]
    pub fn makes_keys(&self, hash: Hash) -> bool {
        self.scram(hash).made
    }

    /// Returns how many users have a password, and how many of them can log in with SCRAM and this hash function.
    #[must_use]
    pub fn scram_users(&self, hash: Hash) -> (usize, usize) {
        (self.with_password, self.scram(hash).able)
    }

    /// The longest delay between logins that a user has of his own.
    pub(crate) const fn login_delay(&self) -> Option<Duration> {
        self.login_delay
    }

    /// The fewest days that messages of a user are kept for who has a number of his own; inner `None` for ever.
    pub(crate) const fn expire(&self) -> Option<Option<u32>> {
        self.expire
    }

    pub(super) const fn decoy(&self) -> Option<&Verifier> {
        self.decoy.as_ref()
    }

    pub(super) fn scram(&self, hash: Hash) -> Scram {
        let index = Hash::ALL.iter().position(|&other| other == hash);
        self.scram[index.unwrap_or_default()]
    }

    #[cfg(test)]
    pub(super) fn decoy_cost(&self) -> Option<String> {
        self.decoy.as_ref().map(Verifier::cost)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile").field("with_password", &self.with_password).finish_non_exhaustive()
    }
}

/// The fewest of these days; never, which is `None`, is later than any.
pub(crate) fn soonest(days: impl Iterator<Item = Option<u32>>) -> Option<Option<u32>> {
    days.min_by_key(|days| days.map_or(u64::MAX, u64::from))
}

/// The value whose key comes most often; of equals the one that was first.
fn commonest<K: Eq + core::hash::Hash, V>(items: impl Iterator<Item = (K, V)>) -> Option<V> {
    let mut counts = HashMap::new();
    for (index, (key, value)) in items.enumerate() {
        counts.entry(key).or_insert((0_usize, index, value)).0 += 1;
    }
    counts.into_values().max_by_key(|(count, index, _)| (*count, usize::MAX - index)).map(|(.., value)| value)
}
