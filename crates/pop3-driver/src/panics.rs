//! Panics that end one session, and nothing else.

use core::future::{Future, poll_fn};
use core::panic::AssertUnwindSafe;
use core::pin::Pin;
use core::task::Poll;
use std::panic::catch_unwind;

/// A future has panicked. It must be dropped, as what it held may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Awaits the future, whose panics end here. What it borrows may be half changed then: only look at it.
///
/// Pin the future first, and pass the reference: an `async fn` would reserve space for the future itself twice.
pub(crate) fn caught<F: Future + Unpin>(
    mut future: F,
) -> impl Future<Output = Result<F::Output, Panicked>> + Unpin {
    poll_fn(move |context| match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut future).poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
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
        assert_eq!(wait(caught(Box::pin(panics))), Err::<(), _>(Panicked));
        assert_eq!(std::sync::Arc::strong_count(&held), 1);
        assert_eq!(wait(caught(Box::pin(async { 1 }))), Ok(1));
    }
}
