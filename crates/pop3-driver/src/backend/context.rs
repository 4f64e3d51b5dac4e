//! What a store can find out about the caller of a call.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::stop::Stop;

/// Tells a store whether the session still waits for its answer, and until when. Clones share their state.
///
/// The driver passes a context to each call of the store. A store that works for a long time should check
/// [`is_gone`](Self::is_gone) regularly and give up when it returns `true`: nobody receives the answer any more.
///
/// ```
/// use pop3_driver::backend::Context;
///
/// fn search(folders: &[&str], context: &Context) -> Option<usize> {
///     let mut found = 0;
///     for folder in folders {
///         if context.is_gone() {
///             return None;
///         }
///         found += folder.len();
///     }
///     Some(found)
/// }
/// assert_eq!(search(&["new", "cur"], &Context::unbounded()), Some(6));
/// ```
#[derive(Clone, Debug)]
pub struct Context {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gone: Stop,
    finished: AtomicBool,
    /// The deadline, if there is one.
    deadline: Mutex<Option<Instant>>,
}

impl Context {
    /// Creates a context with this deadline, for tests of a store and for callers without a session.
    #[must_use]
    pub fn new(deadline: Instant) -> Self {
        Self::with(Some(deadline))
    }

    /// Creates a context without a deadline.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::with(None)
    }

    fn with(deadline: Option<Instant>) -> Self {
        let (gone, finished) = (Stop::new(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { gone, finished, deadline: Mutex::new(deadline) }) }
    }

    /// Returns the time at which the session gives up this call, or `None` if it never does. The time is on the
    /// system's monotonic clock.
    ///
    /// The context of a message is valid as long as the message is read. Each [`chunk`](super::StoredMessage::chunk)
    /// sets its deadline anew.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        *self.shared.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time left until the [deadline](Self::deadline), zero if it has passed, or `None` if there is no
    /// deadline.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        Some(self.deadline()?.saturating_duration_since(Instant::now()))
    }

    /// Returns whether the session no longer waits for the answer: the connection is lost, the deadline has passed,
    /// the session has ended, or a [`Stop`](crate::Stop) has cut it.
    ///
    /// If so, stop looking for an answer. But never leave a commit half done: once it has started to remove messages,
    /// it must remove them all or keep them all.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.shared.gone.is_stopped() || self.left().is_some_and(|left| left.is_zero())
    }

    /// Returns whether the client has closed its side of the connection, before the call or during it. Most such
    /// clients have left, but not all: a client may send its last commands, close its side, and still read all
    /// replies.
    ///
    /// Not every transport can detect this. A server does not notice it while a call blocks the thread that would
    /// read.
    #[must_use]
    pub fn has_finished(&self) -> bool {
        self.shared.finished.load(Ordering::Relaxed)
    }

    /// Waits until the session no longer waits for the answer. This does not end at the deadline, because the driver
    /// then drops the future that awaits this.
    pub async fn gone(&self) {
        self.shared.gone.stopped().await;
    }

    /// Marks the context as gone.
    pub(crate) fn go(&self) {
        self.shared.gone.stop();
    }

    pub(crate) fn finish(&self) {
        self.shared.finished.store(true, Ordering::Relaxed);
    }

    pub(crate) fn extend(&self, deadline: Instant) {
        *self.shared.deadline.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;

    #[test]
    fn who_waits_is_gone_at_the_deadline_or_when_told() {
        let context = Context::unbounded();
        assert!(!context.is_gone() && context.left().is_none());
        context.extend(Instant::now() + Duration::from_secs(600));
        assert!(!context.is_gone());
        context.extend(Instant::now());
        assert!(context.is_gone() && context.left() == Some(Duration::ZERO));
        let context = Context::unbounded();
        let told = context.clone();
        let waiter = std::thread::spawn(move || wait(told.gone()));
        context.finish();
        assert!(context.has_finished() && !context.is_gone());
        context.go();
        waiter.join().unwrap();
        assert!(context.is_gone());
    }
}
