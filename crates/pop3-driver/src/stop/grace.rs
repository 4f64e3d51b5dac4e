//! The time between the stages of a stop.

use core::time::Duration;
use std::sync::PoisonError;

use super::{Stage, Stop};
use crate::sync::{now, thread};

/// How long sessions may take to report their end after the cut. After that, they are left behind.
const FAREWELL: Duration = Duration::from_secs(1);

impl Stop {
    /// Records that a later stage is awaited.
    pub(super) fn want_time(&self) {
        self.lock().wanted = true;
        self.keep_time();
    }

    /// Starts a thread that counts the time, once there is a need for it: a runtime's timers would end with the
    /// runtime, and blocking sessions have none.
    pub(super) fn keep_time(&self) {
        {
            let mut state = self.lock();
            if self.stage() < Stage::Stopped || !state.wanted || core::mem::replace(&mut state.timed, true) {
                return;
            }
        }
        let stop = self.clone();
        let count = move || {
            stop.sleep_until_cut();
            // Whatever panics has been reported, and must not end this thread.
            let _ = stop.advance(Stage::Cut);
            thread::sleep(FAREWELL);
            let _ = stop.advance(Stage::LeftBehind);
        };
        if thread::Builder::new().name("pop3 grace".into()).spawn(count).is_err() {
            // If the thread cannot start, skip the grace period.
            let _ = self.advance(Stage::Cut);
            let _ = self.advance(Stage::LeftBehind);
        }
    }

    /// Sleeps for the grace period, or until it is ended.
    fn sleep_until_cut(&self) {
        let begun = now();
        let mut state = self.lock();
        while self.stage() < Stage::Cut {
            let left = self.shared.grace.saturating_sub(now().saturating_duration_since(begun));
            if left.is_zero() {
                return;
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
