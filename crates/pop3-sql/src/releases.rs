//! Locks that are to be released, and the database does not know it yet.

use core::time::Duration;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use pop3_serve::UserName;

/// What is still to be released. Bounded by the sessions that end while the database is away, and by the users.
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
    /// Adds one. A user is there once, and begins again if that is what was added last.
    pub(crate) fn push(&self, release: Release) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Release::User { name, tries, at } = &release {
            let known = all.iter_mut().find_map(|one| {
                let Release::User { name: other, tries, at } = one else { return None };
                (other == name).then_some((tries, at))
            });
            if let Some((known_tries, known_at)) = known {
                if *tries <= *known_tries {
                    (*known_tries, *known_at) = (*tries, *at);
                }
                return;
            }
        }
        all.push(release);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_there_once_and_begins_again_with_a_new_doubt() {
        let releases = Releases::default();
        let alice = UserName::parse(b"alice").unwrap();
        releases.suspect(&alice);
        let repeated = releases.due().pop().unwrap().again().unwrap();
        releases.push(repeated);
        assert!(releases.due().is_empty());
        for _ in 0..1_000 {
            releases.suspect(&alice);
        }
        // An older repetition does not put it off.
        releases.push(Release::User { name: alice.clone(), tries: 3, at: Instant::now() + REPEAT[3] });
        releases.suspect(&UserName::parse(b"bob").unwrap());
        releases.push(Release::Session { maildrop: 1, token: 1 });
        let due = releases.due();
        assert_eq!(due.len(), 3);
        assert!(due.iter().all(|release| !matches!(release, Release::User { tries: 1.., .. })));
        assert!(releases.due().is_empty());
    }
}
