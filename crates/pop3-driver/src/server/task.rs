//! A connection that is served by a task of its own.

use core::fmt;
use core::future::Future;
use std::sync::Arc;

use super::admitted::Admitted;
use super::{Service, TakenOver};
use crate::stop::Stop;
use crate::transport::Transport;

/// A connection whose task has not run yet. If it is dropped, the service is told.
struct Unpolled<T: Transport, S: Service> {
    admitted: Option<Admitted<T>>,
    service: Arc<S>,
}

impl<T: Transport> Admitted<T> {
    /// Returns the future that serves the connection, for a task of its own. It does the same as
    /// [`serve_or_hand_over`](Self::serve_or_hand_over).
    ///
    /// The service is told how the connection ended even if the future is dropped before it is polled, for example by a
    /// runtime that shuts down. Pass the future itself to the runtime: an `async` block around this call would be
    /// dropped without having made it.
    pub fn into_task<S: Service, F: Future<Output = ()>>(
        self,
        service: Arc<S>,
        stop: Stop,
        take_over: impl FnOnce(TakenOver<T, S::Backend>) -> F,
    ) -> impl Future<Output = ()> {
        let mut unpolled = Unpolled { admitted: Some(self), service };
        async move {
            let service = Arc::clone(&unpolled.service);
            if let Some(admitted) = unpolled.admitted.take() {
                admitted.serve_or_hand_over(&*service, &stop, take_over).await;
            }
        }
    }
}

impl<T: Transport, S: Service> Drop for Unpolled<T, S> {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted.take() {
            admitted.dropped(&*self.service);
        }
    }
}

impl<T: Transport, S: Service> fmt::Debug for Unpolled<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpolled").field("admitted", &self.admitted).finish_non_exhaustive()
    }
}
