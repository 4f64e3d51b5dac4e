//! What a call of the store can learn of who waits for it.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::stop::Stop;

/// Who waits for a call of the store, and for how long. Clones are the same.
///
/// The driver gives one to each call. A store that works for long looks at it from time to time, and gives up when
/// [nobody waits any more](Self::is_gone): its answer goes nowhere.
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
    /// `None`: there is none.
    deadline: Mutex<Option<Instant>>,
}

impl Context {
    /// Somebody who waits until then: for tests of a store, and for callers without a session.
    #[must_use]
    pub fn new(deadline: Instant) -> Self {
        Self::with(Some(deadline))
    }

    /// Somebody who waits for ever.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::with(None)
    }

    fn with(deadline: Option<Instant>) -> Self {
        let (gone, finished) = (Stop::new(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { gone, finished, deadline: Mutex::new(deadline) }) }
    }

    /// When the session gives the call up, by the clock of the system; `None`: never. The context of
    /// a message lives as long as the message is read, and its deadline moves with each
    /// [`chunk`](super::StoredMessage::chunk).
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        *self.shared.deadline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time left until the [deadline](Self::deadline); none when it has passed.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        Some(self.deadline()?.saturating_duration_since(Instant::now()))
    }

    /// Whether nobody waits for the answer any more: the connection is lost, the deadline has passed, the session
    /// has ended, or a server that stops has ended it.
    ///
    /// Stop looking for an answer then, but never leave a commit half done for it: what was begun to be removed is
    /// to be removed, or all of it kept.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.shared.gone.is_stopped() || self.left().is_some_and(|left| left.is_zero())
    }

    /// Whether the client has ended its side of the connection, before the call or while the store works. Most clients that do so are
    /// gone, but not all: one may send its last commands, end its side, and still read all replies.
    ///
    /// It is noticed only where the transport can tell: not while a call blocks the thread that would read.
    #[must_use]
    pub fn has_finished(&self) -> bool {
        self.shared.finished.load(Ordering::Relaxed)
    }

    /// Waits until nobody waits for the answer any more. The deadline does not wake it: the driver drops whatever
    /// awaits this then.
    pub async fn gone(&self) {
        self.shared.gone.stopped().await;
    }

    /// Throws this when whoever waits has gone.
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
