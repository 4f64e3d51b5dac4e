//! What happens when a stage is reached.

use core::panic::AssertUnwindSafe;
use core::sync::atomic::Ordering;
use std::panic::catch_unwind;
use std::sync::PoisonError;

use super::list::{Action, Entry, Removal};
use super::{OnStop, Stage, Stop};
use crate::sync::thread;

impl Stop {
    /// Advances to this stage, runs the actions that are due, and wakes those who wait for it.
    ///
    /// # Errors
    /// Returns the first panic. Whatever panics, everything else happens.
    pub(super) fn advance(&self, stage: Stage) -> thread::Result<()> {
        let (timed, wanted, is_empty) = {
            let state = self.lock();
            if self.stage() >= stage {
                return Ok(());
            }
            self.shared.stage.store(stage as u8, Ordering::Release);
            (state.timed, state.wanted, state.list.is_empty())
        };
        if timed {
            // Waking nobody is a system call, too.
            self.shared.changed.notify_all();
        } else if wanted {
            // Before the actions: the time passes even if one of them hangs.
            self.keep_time();
        }
        if is_empty { Ok(()) } else { self.run_due(stage) }
    }

    /// Each action is taken just before it runs: until then its owner can still drop it. Several threads may do this at
    /// the same time, for the same stage or for different ones.
    fn run_due(&self, stage: Stage) -> thread::Result<()> {
        let mut outcome = Ok(());
        // The actions first, because they unblock those who are woken; those of earlier stages before those of later ones.
        for due in [Stage::Stopped, Stage::Cut].into_iter().filter(|due| *due <= stage) {
            let mut from = 0;
            while let Some((at, action)) = self.begin(due, from) {
                outcome = outcome.and(caught(action));
                self.ended(at);
                from = at + 1;
            }
        }
        let rest = self.lock().list.take(stage);
        for entry in rest {
            let told = caught(|| match entry {
                Entry::Wake(_, waker) => waker.wake(),
                Entry::Link(session) if stage >= Stage::Cut => session.stop(),
                Entry::Link(session) => session.rouse(),
                Entry::Act(..) | Entry::Running { .. } => {}
            });
            outcome = outcome.and(told);
        }
        outcome
    }

    fn begin(&self, due: Stage, from: usize) -> Option<(usize, Action)> {
        self.lock().list.begin(due, from, || thread::current().id())
    }

    fn ended(&self, at: usize) {
        let is_awaited = self.lock().list.ended(at);
        if is_awaited {
            self.shared.changed.notify_all();
        }
    }
}

fn caught(work: impl FnOnce()) -> thread::Result<()> {
    catch_unwind(AssertUnwindSafe(work))
}

impl Drop for OnStop {
    fn drop(&mut self) {
        let Some(at) = self.at else { return };
        let mut state = self.stop.lock();
        loop {
            match state.list.abandon(at, || thread::current().id()) {
                Removal::Removed(entry) => {
                    drop(state);
                    drop(entry);
                    return;
                }
                Removal::Runs => {
                    state = self.stop.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::panic::resume_unwind;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::wait;

    #[test]
    fn an_action_that_panics_keeps_nobody_from_being_told() {
        let stop = Stop::with_grace(Duration::ZERO);
        let (done, seen) = channel();
        let panics = || resume_unwind(Box::new("in an action"));
        let tells = |what| {
            let done = done.clone();
            move || done.send(what).unwrap()
        };
        let _kept = (
            stop.on_stop(panics),
            stop.on_stop(tells("stop")),
            stop.on_cut(panics),
            stop.on_cut(tells("cut")),
        );
        let waiter = thread::spawn({
            let stop = stop.clone();
            move || wait(stop.before_left_behind(core::future::pending::<()>()))
        });
        // Either this thread or the one that counts the time panics.
        let _ = catch_unwind(AssertUnwindSafe(|| stop.stop()));
        assert_eq!(waiter.join().unwrap(), None);
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["stop", "cut"]);
    }

    #[test]
    fn a_panic_of_an_action_goes_to_whoever_stops() {
        let stop = Stop::new();
        let _kept = stop.on_stop(|| resume_unwind(Box::new("in an action")));
        let panic = catch_unwind(AssertUnwindSafe(|| stop.cut())).unwrap_err();
        assert_eq!(*panic.downcast::<&str>().unwrap(), "in an action");
        assert!(stop.is_cut());
    }

    #[test]
    fn an_action_may_drop_what_keeps_it() {
        let stop = Stop::new();
        let (give, take) = channel::<OnStop>();
        let kept = stop.on_stop(move || drop(take.recv()));
        give.send(kept).unwrap();
        stop.stop();
        assert!(stop.lock().list.is_empty());
    }
}
