//! The place of one who waits for a switch.

use core::task::{Context, Poll, Waker};

use super::list::Entry;
use super::{Stage, Stop};

/// Counts one waiter, from its first poll until it is dropped.
pub(super) struct Place<'s> {
    stop: &'s Stop,
    stage: Stage,
    /// Where the waiter is in the list, and its waker. Only a poll with another waker takes the lock again.
    registered: Option<(usize, Waker)>,
}

impl<'s> Place<'s> {
    pub(super) const fn new(stop: &'s Stop, stage: Stage) -> Self {
        Self { stop, stage, registered: None }
    }

    /// Returns whether the stage is reached. If not, the task is woken when it is.
    pub(super) fn poll_reached(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.stop.stage() >= self.stage {
            return Poll::Ready(());
        }
        let waker = context.waker();
        if self.registered.as_ref().is_some_and(|(_, registered)| registered.will_wake(waker)) {
            return Poll::Pending;
        }
        let mut state = self.stop.lock();
        if self.stop.stage() >= self.stage {
            return Poll::Ready(());
        }
        let entry = Entry::Wake(self.stage, waker.clone());
        let (at, before) = match &self.registered {
            Some((at, _)) => (*at, state.list.replace(*at, entry)),
            None => (state.list.insert(entry), None),
        };
        drop(state);
        drop(before);
        self.registered = Some((at, waker.clone()));
        Poll::Pending
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some((at, _)) = self.registered.take() {
            let entry = self.stop.lock().list.remove(at);
            drop(entry);
        }
    }
}
