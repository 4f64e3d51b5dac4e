//! A switch that ends sessions.

mod due;
mod grace;
mod list;
#[cfg(all(test, any(pop3_loom, pop3_shuttle)))]
mod models;
mod place;

use core::future::{Future, poll_fn};
use core::sync::atomic::Ordering;
use core::task::Poll;
use core::time::Duration;
use std::fmt;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::{Arc, PoisonError};

use list::{Entry, List};
use place::Place;

use crate::sync::{AtomicU8, Condvar, Mutex, MutexGuard};

/// A switch that ends the sessions of a server, or a client.
///
/// Once [`stop`](Self::stop) is called, no session waits for its client any longer. Busy sessions get a grace period
/// to finish sending a message or answering a commit. After the grace period the switch *cuts*: each session ends
/// without another word, whatever it is waiting for, such as a store that hangs or a client that does not read. A
/// shutdown therefore never takes longer than the grace period. A call that blocks its thread cannot be interrupted
/// and is left behind; see [`Sessions`](crate::server::Sessions).
///
/// All clones share one switch. It cannot be reset.
///
/// ```
/// use core::time::Duration;
/// use pop3_driver::{Stop, wait};
///
/// let stop = Stop::with_grace(Duration::from_secs(30));
/// let clone = stop.clone();
/// let server = std::thread::spawn(move || {
///     // A real server would serve connections here.
///     wait(clone.stopped());
///     "stopped"
/// });
/// stop.stop();
/// assert_eq!(server.join().unwrap(), "stopped");
/// assert!(stop.is_stopped() && !stop.is_cut());
/// ```
#[derive(Clone)]
pub struct Stop {
    shared: Arc<Shared>,
}

struct Shared {
    grace: Duration,
    /// The [`Stage`], which is changed only while the state is locked. Sessions look at it many times for each
    /// command, so looking takes no lock.
    stage: AtomicU8,
    state: Mutex<State>,
    /// Wakes the thread that counts the grace period, and those who wait for the end of an action.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whether anyone waits for a stage after the first.
    wanted: bool,
    /// Whether the time that leads to the next stages is counted.
    timed: bool,
    list: List,
}

/// The stage of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Stage {
    Running,
    /// Stopped: no session waits for its client.
    Stopped,
    /// The grace period is over: no session waits for anything.
    Cut,
    /// Sessions have had time to report their end.
    LeftBehind,
}

/// Keeps an action registered with [`Stop::on_stop`] or [`Stop::on_cut`]. Dropping it unregisters the action: from then
/// on it does not run. If it is running on another thread, the drop waits for it.
#[derive(Debug)]
#[must_use]
pub struct OnStop {
    stop: Stop,
    /// Where the action is in the list, unless it was run immediately.
    at: Option<usize>,
}

impl Stop {
    /// The default grace period: 5 seconds.
    pub const GRACE: Duration = Duration::from_secs(5);

    /// Creates a switch with the default grace period.
    #[must_use]
    pub fn new() -> Self {
        Self::with_grace(Self::GRACE)
    }

    /// Creates a switch with this grace period. With a grace period of zero, busy sessions are cut immediately.
    #[must_use]
    pub fn with_grace(grace: Duration) -> Self {
        let (stage, state) = (AtomicU8::new(Stage::Running as u8), Mutex::default());
        Self { shared: Arc::new(Shared { grace, stage, state, changed: Condvar::new() }) }
    }

    /// Tells the sessions to end, and starts the grace period.
    ///
    /// # Panics
    /// Panics if an action panics, after all others have run and all sessions have been told.
    pub fn stop(&self) {
        if let Err(panic) = self.advance(Stage::Stopped) {
            resume_unwind(panic);
        }
    }

    /// Ends the grace period immediately, if it is still running.
    ///
    /// # Panics
    /// As [`stop`](Self::stop).
    pub fn cut(&self) {
        let stopped = self.advance(Stage::Stopped);
        if let Err(panic) = stopped.and(self.advance(Stage::Cut)) {
            resume_unwind(panic);
        }
    }

    /// Returns whether [`stop`](Self::stop) has been called.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stage() >= Stage::Stopped
    }

    /// Returns whether the grace period is over.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.stage() >= Stage::Cut
    }

    /// Waits for the future, such as a signal, and then calls [`stop`](Self::stop). Its output does not matter: a
    /// signal that cannot be waited for stops, too.
    ///
    /// ```
    /// # async fn ctrl_c() {}
    /// # fn spawn(_: impl Future<Output = ()>) {}
    /// use pop3_driver::Stop;
    ///
    /// let stop = Stop::new();
    /// // With tokio: `tokio::spawn` and `tokio::signal::ctrl_c`.
    /// spawn(stop.clone().stop_after(ctrl_c()));
    /// ```
    pub async fn stop_after(self, signal: impl Future) {
        let _ = signal.await;
        self.stop();
    }

    /// Waits until [`stop`](Self::stop) is called.
    pub async fn stopped(&self) {
        let _ = self.race(core::future::pending::<()>()).await;
    }

    /// Waits for the future, or until [`stop`](Self::stop) is called. Returns `None` if the stop came first.
    pub async fn race<F: Future>(&self, future: F) -> Option<F::Output> {
        self.until(Stage::Stopped, future).await
    }

    /// Like [`race`](Self::race), but no longer polls the future after the stop.
    pub async fn before<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let unless_stopped =
            poll_fn(|context| if self.is_stopped() { Poll::Pending } else { future.as_mut().poll(context) });
        self.race(unless_stopped).await
    }

    /// Waits for the future, at most until one second after the cut, when sessions are left behind.
    pub(crate) async fn before_left_behind<F: Future>(&self, future: F) -> Option<F::Output> {
        self.want_time();
        self.until(Stage::LeftBehind, future).await
    }

    /// Runs the action when [`stop`](Self::stop) is called, or immediately if it was called before. Use it to
    /// unblock a blocking socket. The action must be short, because others wait for it.
    pub fn on_stop(&self, action: impl FnOnce() + Send + 'static) -> OnStop {
        self.at(Stage::Stopped, action)
    }

    /// Runs the action when the grace period ends, or immediately if it has ended. Every action for the
    /// [stop](Self::on_stop) has begun before.
    pub fn on_cut(&self, action: impl FnOnce() + Send + 'static) -> OnStop {
        let on_cut = self.at(Stage::Cut, action);
        self.want_time();
        on_cut
    }

    /// Links a session to this switch, until the link is dropped. When this switch is stopped, whoever
    /// [watches](Self::watched) the switch of the session is polled again. When the grace period ends, the switch of
    /// the session is stopped.
    pub(crate) fn link(&self, session: &Self) -> OnStop {
        let (at, late) = self.add(Stage::Cut, Entry::Link(session.clone()));
        if late.is_some() {
            session.stop();
        }
        self.want_time();
        OnStop { stop: self.clone(), at }
    }

    /// Awaits the future, and polls it again when this switch is stopped or the one that it is [linked](Self::link)
    /// to. The future can therefore look at both switches without waiting for them. The task is registered once,
    /// however often it is polled.
    pub(crate) async fn watched<F: Future + Unpin>(&self, mut future: F) -> F::Output {
        let mut place = Place::new(self, Stage::Stopped);
        poll_fn(|context| {
            // Register first: whatever changes after this wakes the task, and the future sees what changed before.
            let _ = place.poll_reached(context);
            core::pin::Pin::new(&mut future).poll(context)
        })
        .await
    }

    fn at(&self, stage: Stage, action: impl FnOnce() + Send + 'static) -> OnStop {
        let (at, late) = self.add(stage, Entry::Act(stage, Box::new(action)));
        if let Some(Entry::Act(_, action)) = late {
            action();
        }
        OnStop { stop: self.clone(), at }
    }

    /// Adds an entry to the list, or gives it back if this stage is reached.
    fn add(&self, stage: Stage, entry: Entry) -> (Option<usize>, Option<Entry>) {
        let mut state = self.lock();
        if self.stage() >= stage { (None, Some(entry)) } else { (Some(state.list.insert(entry)), None) }
    }

    async fn until<F: Future>(&self, stage: Stage, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut place = Place::new(self, stage);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            place.poll_reached(context).map(|()| None)
        })
        .await
    }

    /// Wakes those who wait, although nothing has changed here.
    fn rouse(&self) {
        let wakers = self.lock().list.wakers();
        for waker in wakers {
            waker.wake();
        }
    }

    fn stage(&self) -> Stage {
        match self.shared.stage.load(Ordering::Acquire) {
            0 => Stage::Running,
            1 => Stage::Stopped,
            2 => Stage::Cut,
            _ => Stage::LeftBehind,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No foreign code runs while the lock is held, so the state is consistent even after a panic.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("stopped", &self.is_stopped()).finish_non_exhaustive()
    }
}

/// Waits for the future, or until the switch, if there is one, is stopped. Returns `None` if the stop came first.
pub(crate) async fn unless<R>(stop: Option<&Stop>, future: impl Future<Output = R>) -> Option<R> {
    match stop {
        Some(stop) => stop.race(future).await,
        None => Some(future.await),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;

    #[test]
    fn a_race_ends_with_the_future_or_with_the_switch() {
        let stop = Stop::new();
        assert_eq!(wait(stop.race(async { 1 })), Some(1));
        let waiter = std::thread::spawn({
            let stop = stop.clone();
            move || wait(stop.stopped())
        });
        stop.stop();
        waiter.join().unwrap();
        assert_eq!(wait(stop.race(core::future::pending::<u8>())), None);
        assert_eq!(wait(stop.race(async { 2 })), Some(2));
        assert_eq!(wait(stop.before(async { 3 })), None);
        assert_eq!(wait(Stop::new().before(async { 4 })), Some(4));
        assert!(stop.lock().list.is_empty());
    }

    #[test]
    fn actions_are_done_once_or_forgotten() {
        let stop = Stop::new();
        let (done, seen) = std::sync::mpsc::channel();
        let forgotten = stop.on_stop({
            let done = done.clone();
            move || done.send(1).unwrap()
        });
        let _kept = stop.on_stop({
            let done = done.clone();
            move || done.send(2).unwrap()
        });
        drop(forgotten);
        stop.stop();
        stop.stop();
        let _late = stop.on_stop(move || done.send(3).unwrap());
        assert_eq!(seen.try_iter().collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn the_grace_period_ends_by_itself() {
        let stop = Stop::with_grace(Duration::from_millis(20));
        let (done, seen) = std::sync::mpsc::channel();
        let told = done.clone();
        let _cut = stop.on_cut(move || told.send(1).unwrap());
        assert!(!stop.is_cut());
        stop.stop();
        assert_eq!(seen.recv_timeout(Duration::from_secs(60)), Ok(1));
        assert!(stop.is_cut());
        // Whoever comes later waits no less than the others, and no longer.
        assert_eq!(wait(stop.before_left_behind(core::future::pending::<u8>())), None);
        let _late = stop.on_cut(move || done.send(2).unwrap());
        assert_eq!(seen.try_recv(), Ok(2));
    }

    #[test]
    fn a_switch_that_was_thrown_before_anybody_waits_for_its_cut_is_cut_as_well() {
        let stop = Stop::with_grace(Duration::from_millis(20));
        stop.stop();
        let (done, seen) = std::sync::mpsc::channel();
        let _cut = stop.on_cut(move || done.send(()).unwrap());
        assert_eq!(seen.recv_timeout(Duration::from_secs(60)), Ok(()));
    }

    #[test]
    fn a_cut_does_not_wait_for_the_grace_period() {
        let stop = Stop::with_grace(Duration::from_secs(3600));
        let (done, seen) = std::sync::mpsc::channel();
        let _cut = stop.on_cut(move || done.send(()).unwrap());
        stop.cut();
        assert!(stop.is_stopped() && stop.is_cut() && seen.try_recv().is_ok());
        assert_eq!(wait(stop.before_left_behind(core::future::pending::<u8>())), None);
    }
}
