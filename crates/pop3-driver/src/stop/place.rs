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

#[cfg(test)]
mod tests {
    use core::future::{Future as _, poll_fn};
    use core::sync::atomic::{AtomicUsize, Ordering};
    use core::time::Duration;
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_session_registers_once_and_is_polled_at_the_stop_and_at_the_cut() {
        let server = Stop::with_grace(Duration::from_secs(3_600));
        let mut sessions: Vec<_> = (0..1_000)
            .map(|_| {
                let (session, woken) = (Stop::new(), Arc::new(Woken::default()));
                let link = server.link(&session);
                let switch = session.clone();
                let watched = Box::pin(async move {
                    let looks =
                        poll_fn(|_| if switch.is_stopped() { Poll::Ready(()) } else { Poll::Pending });
                    switch.watched(looks).await;
                });
                (session, woken, link, watched)
            })
            .collect();
        let mut poll_all = |times, ready: bool| {
            let mut count = 0;
            for (session, woken, _, watched) in &mut sessions {
                let waker = Waker::from(Arc::clone(woken));
                for _ in 0..times {
                    assert_eq!(watched.as_mut().poll(&mut Context::from_waker(&waker)).is_ready(), ready);
                }
                assert_eq!(session.lock().list.wakers().len(), usize::from(!ready));
                count += woken.0.load(Ordering::Relaxed);
            }
            count
        };
        assert_eq!(poll_all(10, false), 0);
        server.stop();
        assert_eq!(poll_all(1, false), 1_000);
        server.cut();
        assert_eq!(poll_all(1, true), 2_000);
        drop(sessions);
        assert!(server.lock().list.is_empty());
    }
}
