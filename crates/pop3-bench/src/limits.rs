//! When a run ends.

use core::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::plan::Plan;

/// When a run ends.
#[derive(Debug)]
pub(crate) struct Limits {
    sessions: AtomicU64,
    end: Option<Instant>,
}

impl Limits {
    pub(crate) fn new(plan: &Plan, began: Instant) -> Self {
        Self {
            sessions: AtomicU64::new(plan.sessions.unwrap_or(u64::MAX)),
            end: plan.duration.and_then(|duration| began.checked_add(duration)),
        }
    }

    /// Takes one of the sessions that are left, if it may still begin.
    pub(crate) fn take_session(&self) -> bool {
        !self.is_over()
            && self
                .sessions
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok()
    }

    /// Whether the time is up.
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }
}
