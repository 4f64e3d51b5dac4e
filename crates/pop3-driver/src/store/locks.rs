//! One session for each maildrop.

use core::fmt;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_proto::Rejection;

/// Locks by name, so that each maildrop is open in one session at a time (RFC 1939 section 4).
///
/// Keep one value in the store, and the [`MaildropLock`] in each open maildrop. These locks are in memory and know only the
/// sessions of this process. If other processes change the maildrop, lock it on the disk or in the database as well.
///
/// ```
/// use pop3_driver::store::Locks;
///
/// let locks = Locks::new();
/// let open = locks.lock("mrose")?;
/// // The client of the second session is told that the maildrop is in use.
/// assert!(locks.lock("mrose").is_err());
/// drop(open);
/// assert!(locks.lock("mrose").is_ok());
/// # Ok::<(), pop3_proto::Rejection>(())
/// ```
#[derive(Debug, Default)]
pub struct Locks {
    held: Arc<Mutex<HashSet<Vec<u8>>>>,
}

/// The lock on a maildrop. Dropping it releases the lock.
#[must_use = "dropping the lock releases it"]
pub struct MaildropLock {
    name: Vec<u8>,
    held: Arc<Mutex<HashSet<Vec<u8>>>>,
}

impl Locks {
    /// Creates a value in which nothing is locked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Locks the maildrop with this name. Call it only when the client has proved who it is, because its error
    /// reveals that the maildrop exists.
    ///
    /// # Errors
    /// Returns [`Rejection::in_use`] if it is locked.
    pub fn lock(&self, name: impl Into<Vec<u8>>) -> Result<MaildropLock, Rejection> {
        let name = name.into();
        if !held(&self.held).insert(name.clone()) {
            return Err(Rejection::in_use());
        }
        Ok(MaildropLock { name, held: Arc::clone(&self.held) })
    }
}

impl Drop for MaildropLock {
    fn drop(&mut self) {
        held(&self.held).remove(&self.name);
    }
}

impl fmt::Debug for MaildropLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MaildropLock({})", self.name.escape_ascii())
    }
}

fn held(names: &Mutex<HashSet<Vec<u8>>>) -> MutexGuard<'_, HashSet<Vec<u8>>> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_locked_once_until_its_lock_is_dropped() {
        let locks = Locks::new();
        let first = locks.lock("mrose").unwrap();
        let other = locks.lock(b"other".to_vec()).unwrap();
        assert_eq!(locks.lock("mrose").unwrap_err(), Rejection::in_use());
        drop(other);
        assert_eq!(locks.lock("mrose").unwrap_err(), Rejection::in_use());
        drop(first);
        let again = locks.lock("mrose").unwrap();
        // A lock may outlive the store.
        drop(locks);
        assert_eq!(format!("{again:?}"), "MaildropLock(mrose)");
    }
}
