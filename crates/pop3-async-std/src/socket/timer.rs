//! One timer for all deadlines of a socket.

use core::fmt;
use core::future::{Future, poll_fn};
use core::marker::PhantomData;
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use std::io;

use pop3_driver::{Clock, timed_out};
use pop3_proto::Instant;

use crate::runtime::Runtime;

/// Ends an operation that is pending at its deadline.
///
/// A timer of the runtime is inserted into a list that all tasks share, and may wake the thread that waits for the
/// next timer. Each read and write of a session has a deadline. Most deadlines are later than the one before, and few
/// are reached. A timer is therefore made only if an operation is pending, and again only for an earlier deadline. When
/// it fires too early, the next one is made for the current deadline.
pub(super) struct Timer<R> {
    armed: Option<(Instant, Sleep)>,
    runtime: PhantomData<fn() -> R>,
}

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

impl<R: Runtime> Timer<R> {
    pub(super) const fn new() -> Self {
        Self { armed: None, runtime: PhantomData }
    }

    /// Awaits the result, but not beyond the deadline.
    pub(super) async fn within<T>(
        &mut self,
        clock: Clock,
        deadline: Instant,
        result: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let mut result = pin!(result);
        poll_fn(|context| {
            if let Poll::Ready(result) = result.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            self.poll_passed(clock, deadline, context).map(|()| Err(timed_out()))
        })
        .await
    }

    /// Returns whether the deadline has passed. If not, the task is woken by then at the latest.
    fn poll_passed(&mut self, clock: Clock, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let (at, sleep) = match &mut self.armed {
                Some((at, sleep)) if *at <= deadline => (*at, sleep),
                armed => {
                    let sleep: Sleep = Box::pin(R::sleep(clock.until(deadline)));
                    (deadline, &mut armed.insert((deadline, sleep)).1)
                }
            };
            ready!(sleep.as_mut().poll(context));
            // It is not polled once more after its end.
            self.armed = None;
            if at >= deadline || clock.now() >= deadline {
                return Poll::Ready(());
            }
        }
    }
}

impl<R> fmt::Debug for Timer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("at", &self.armed.as_ref().map(|(at, _)| at)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;
    use core::sync::atomic::{AtomicUsize, Ordering};
    use core::task::Waker;
    use core::time::Duration;

    use super::*;

    /// A runtime whose timers fire only if their time is over when they are made. It counts them.
    struct Counting;

    static TIMERS: AtomicUsize = AtomicUsize::new(0);

    impl Runtime for Counting {
        type Stream = futures_util::io::AllowStdIo<io::Cursor<Vec<u8>>>;
        type Listener = ();
        type Task = core::future::Ready<()>;

        async fn connect(_: &str, _: u16) -> io::Result<Self::Stream> {
            Err(timed_out())
        }

        async fn accept((): &()) -> io::Result<(Self::Stream, SocketAddr, SocketAddr)> {
            Err(timed_out())
        }

        async fn sleep(span: Duration) {
            TIMERS.fetch_add(1, Ordering::Relaxed);
            if !span.is_zero() {
                core::future::pending::<()>().await;
            }
        }

        fn spawn(_: impl Future<Output = ()> + Send + 'static) -> Self::Task {
            core::future::ready(())
        }

        async fn unblock<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
            call()
        }
    }

    #[test]
    fn a_timer_is_made_for_an_earlier_deadline_alone() {
        let (mut timer, clock) = (Timer::<Counting>::new(), Clock::start());
        let mut context = Context::from_waker(Waker::noop());
        let begin = clock.now();
        let after = |seconds| begin.after(Duration::from_secs(seconds));
        for (deadline, timers) in [(60, 1), (61, 1), (600, 1), (60, 1), (30, 2), (600, 2)] {
            assert!(timer.poll_passed(clock, after(deadline), &mut context).is_pending());
            assert_eq!(TIMERS.load(Ordering::Relaxed), timers, "{deadline}");
        }
        assert!(timer.poll_passed(clock, begin, &mut context).is_ready());
        assert_eq!(timer.armed.as_ref().map(|(at, _)| *at), None);
        // What is ready needs no timer.
        let ready = pin!(timer.within(clock, begin, core::future::ready(Ok(1))));
        assert!(matches!(ready.poll(&mut context), Poll::Ready(Ok(1))));
        assert_eq!(TIMERS.load(Ordering::Relaxed), 3);
    }
}
