//! One timer for all deadlines of a socket.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;

use pop3_driver::{Clock, timed_out};
use pop3_proto::Instant;
use tokio::time::{self, Sleep, sleep_until};

/// Ends an operation that is pending at its deadline.
///
/// Arming a tokio timer may wake the thread that waits for the next timer. Each read and write of a session has a
/// deadline. Most deadlines are later than the one before, and few are reached. This timer is therefore armed only if
/// an operation is pending, and again only for an earlier deadline. When it fires too early, it is armed for the
/// current deadline.
#[derive(Debug)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Awaits the result, but not beyond the deadline.
    pub(super) async fn within<T>(
        &mut self,
        clock: Clock,
        deadline: Instant,
        result: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let mut result = pin!(result);
        let mut until = None;
        poll_fn(|context| {
            if let Poll::Ready(result) = result.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            let until = *until.get_or_insert_with(|| on_tokios_clock(clock, deadline));
            self.poll_passed(until, context).map(|()| Err(timed_out()))
        })
        .await
    }

    /// Whether the deadline has passed. Where it has not, the task is woken by then at the latest.
    fn poll_passed(&mut self, deadline: time::Instant, context: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        ready!(sleep.as_mut().poll(context));
        if sleep.deadline() < deadline {
            sleep.as_mut().reset(deadline);
            ready!(sleep.as_mut().poll(context));
        }
        // It is not polled once more after its end.
        self.0 = None;
        Poll::Ready(())
    }
}

/// The deadline as tokio's timers take it.
fn on_tokios_clock(clock: Clock, deadline: Instant) -> time::Instant {
    let left = clock.until(deadline);
    time::Instant::now() + left.min(FAR)
}

/// Longer than any session, and short enough for every clock: thirty years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use core::future::{pending, ready};
    use core::task::Waker;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant as At;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    impl Timer {
        /// When it fires next.
        fn armed(&self) -> Option<At> {
            self.0.as_ref().map(|sleep| sleep.deadline())
        }

        async fn passed(&mut self, deadline: At) {
            poll_fn(|context| self.poll_passed(deadline, context)).await;
        }

        /// Begins to wait, and gives up.
        fn touch(&mut self, deadline: At) {
            let mut context = Context::from_waker(Waker::noop());
            assert!(self.poll_passed(deadline, &mut context).is_pending());
        }
    }

    /// Whether a deadline was kept, as well as tokio's timers do.
    fn is_kept(deadline: At) -> bool {
        At::now().checked_duration_since(deadline).is_some_and(|late| late < Duration::from_millis(10))
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_armed_anew_for_an_earlier_deadline_alone() {
        let (mut timer, begin) = (Timer::new(), At::now());
        for (deadline, armed) in [(60, 60), (61, 60), (600, 60), (60, 60), (5, 5), (60, 5), (5, 5)] {
            timer.touch(begin + SECOND * deadline);
            assert_eq!(timer.armed(), Some(begin + SECOND * armed), "{deadline}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_deadline_holds_whatever_came_before_it() {
        let (mut timer, begin) = (Timer::new(), At::now());
        // Later than what was given up, and beyond what it is armed for.
        timer.touch(begin + SECOND);
        timer.passed(begin + SECOND * 60).await;
        assert!(is_kept(begin + SECOND * 60));
        // Earlier than what was given up.
        timer.touch(begin + SECOND * 600);
        timer.passed(begin + SECOND * 61).await;
        assert!(is_kept(begin + SECOND * 61));
        // Given up, and fired while nobody waited.
        timer.touch(begin + SECOND * 62);
        time::advance(SECOND * 10).await;
        timer.passed(begin + SECOND * 80).await;
        assert!(is_kept(begin + SECOND * 80));
        // Passed already, with a timer that is armed and without.
        timer.touch(begin + SECOND * 90);
        for deadline in [80, 70, 0] {
            timer.passed(begin + SECOND * deadline).await;
            assert!(is_kept(begin + SECOND * 80), "{deadline}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_that_waits_now_is_woken() {
        let (mut timer, begin) = (Timer::new(), At::now());
        // Armed by another task, and for the same deadline.
        timer.touch(begin + SECOND);
        let waiter = tokio::spawn(async move { timer.passed(begin + SECOND).await });
        waiter.await.unwrap();
        assert!(is_kept(begin + SECOND));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_needs_no_timer_and_comes_even_late() {
        let (mut timer, clock) = (Timer::new(), Clock::start());
        let past = clock.now();
        assert_eq!(timer.within(clock, past, ready(Ok(1))).await.unwrap(), 1);
        assert_eq!(timer.armed(), None);
        let late = timer.within(clock, past, pending::<io::Result<()>>()).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_was_dropped_leaves_the_next_its_own_deadline() {
        let (mut timer, clock) = (Timer::new(), Clock::start());
        let (mut near, mut far) = tokio::io::duplex(1);
        let soon = clock.now().after(SECOND * 3_600);
        let mut buffer = [0; 1];
        {
            let mut dropped = pin!(timer.within(clock, soon, far.read(&mut buffer)));
            assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        // By then the timer of the dropped call has fired.
        let write = async {
            time::sleep(SECOND * 7_200).await;
            near.write_all(b"x").await
        };
        let later = clock.now().after(SECOND * 36_000);
        let (read, written) = tokio::join!(timer.within(clock, later, far.read(&mut buffer)), write);
        assert_eq!((read.unwrap(), buffer), (1, *b"x"));
        written.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn no_deadline_is_too_far() {
        let (mut timer, clock) = (Timer::new(), Clock::start());
        let never = clock.now().after(Duration::MAX);
        let done = async {
            time::sleep(SECOND).await;
            Ok(1)
        };
        assert_eq!(timer.within(clock, never, done).await.unwrap(), 1);
    }
}
