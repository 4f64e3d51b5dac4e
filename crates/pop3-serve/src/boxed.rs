//! Futures in boxes.

use core::future::Future;
use core::pin::Pin;

/// A future in a box, as traits return it whose implementation is chosen when the program runs.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
