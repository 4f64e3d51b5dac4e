//! What the sessions of a node share.

use core::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex, PoisonError};

use pop3_serve::Profile;

use crate::held::Held;
use crate::releases::Releases;
use crate::store::SqlStore;

/// What the sessions of a node share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: SqlStore,
    pub(crate) incarnation: i64,
    pub(crate) held: Held,
    pub(crate) releases: Releases,
    pub(crate) ready: AtomicBool,
    /// Whether the connection of the node was interrupted, so that the database may have crashed.
    pub(crate) interrupted: AtomicBool,
    pub(crate) profile: Mutex<Arc<Profile>>,
    /// The last failed login of others that was seen.
    pub(crate) failures_seen: AtomicI64,
}

impl Shared {
    pub(crate) fn profile(&self) -> Arc<Profile> {
        Arc::clone(&self.profile.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
