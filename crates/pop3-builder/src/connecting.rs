//! The future of a client that is connecting.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pop3_driver::client::ClientError;

/// A client that is connecting. Dropping the future closes the connection.
#[must_use = "a future does nothing until it is awaited"]
pub struct Connecting<C> {
    future: Pin<Box<dyn Future<Output = Result<C, ClientError>> + Send>>,
}

impl<C> Connecting<C> {
    /// Creates the future, for adapters.
    pub fn new(future: impl Future<Output = Result<C, ClientError>> + Send + 'static) -> Self {
        Self { future: Box::pin(future) }
    }
}

impl<C> Future for Connecting<C> {
    type Output = Result<C, ClientError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(context)
    }
}

impl<C> fmt::Debug for Connecting<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connecting").finish_non_exhaustive()
    }
}
