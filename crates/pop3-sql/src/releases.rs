//! Locks that are to be released, and the database does not know it yet.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use pop3_serve::UserName;

/// What is still to be released. Bounded by the sessions that end while the database is away.
#[derive(Debug, Default)]
pub(crate) struct Releases(Mutex<Vec<Release>>);

/// One lock that is to be released.
#[derive(Clone, Debug)]
pub(crate) enum Release {
    /// Of a session that has ended.
    Session { maildrop: i64, token: i64 },
    /// Of a user for whom this node may have a lock under a token that nobody knows, because the answer was lost. A
    /// statement that is still under way may lock it later, so this is repeated a few times.
    User { name: UserName, tries: u32, at: Instant },
}

/// How long to wait before each repetition.
const REPEAT: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];

impl Releases {
    pub(crate) fn push(&self, release: Release) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(release);
    }

    /// Adds a user whose lock is uncertain.
    pub(crate) fn suspect(&self, name: &UserName) {
        self.push(Release::User { name: name.clone(), tries: 0, at: Instant::now() });
    }

    /// Takes those that are due.
    pub(crate) fn due(&self) -> Vec<Release> {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (due, later) = all.drain(..).partition(|release| match release {
            Release::Session { .. } => true,
            Release::User { at, .. } => *at <= now,
        });
        *all = later;
        due
    }
}

impl Release {
    /// The next repetition of what was done, if there is one.
    pub(crate) fn again(self) -> Option<Self> {
        match self {
            Self::Session { .. } => None,
            Self::User { name, tries, .. } => {
                let wait = *REPEAT.get(tries as usize)?;
                Some(Self::User { name, tries: tries + 1, at: Instant::now() + wait })
            }
        }
    }
}
