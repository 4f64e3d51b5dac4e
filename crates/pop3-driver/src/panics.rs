//! Panics that end one session, and nothing else.

use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::pin;
use core::task::Poll;
use std::panic::catch_unwind;

/// A future has panicked. What it held was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Awaits the future, whose panics end here. What it borrows may be half changed then: only look at it.
pub(crate) async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;

    #[test]
    fn a_panic_is_an_error_and_drops_what_the_future_held() {
        let held = std::sync::Arc::new(());
        let inside = std::sync::Arc::clone(&held);
        let panics = async move {
            let _held = inside;
            core::future::ready(()).await;
            panic!("within a future");
        };
        assert_eq!(wait(caught(panics)), Err::<(), _>(Panicked));
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
        assert_eq!(wait(caught(async { 1 })), Ok(1));
    }
}
