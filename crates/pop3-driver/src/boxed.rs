//! Futures in boxes.

use core::future::Future;
use core::pin::Pin;

/// Creates a future in a box.
///
/// A future is first made on the stack, and then moved to its box. Here that happens in a frame of its own, which is gone
/// when the future is polled. In the frame of the caller, the room for it would stay. On a blocking transport, that frame
/// exists as long as the session waits for its client, and what is called goes as much deeper.
#[inline(never)]
pub(crate) fn boxed<F: Future>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    Box::pin(make())
}
