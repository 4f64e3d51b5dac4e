//! Futures without a runtime.

use core::future::Future;
use core::task::{Context, Poll};
use std::pin::pin;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};

/// Runs a future to its end on this thread, which sleeps while the future is pending.
///
/// Over a blocking transport nothing is pending but what the backend makes so.
pub fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
