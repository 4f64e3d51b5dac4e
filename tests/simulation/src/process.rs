//! Whether a process is alive.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Whether a process is alive. Clones tell of the same process.
#[derive(Clone, Debug)]
pub struct Alive(Arc<AtomicBool>);

impl Default for Alive {
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Alive {
    /// Whether it is alive.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn end(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
