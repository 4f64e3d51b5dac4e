//! A server on a listener.

use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use pop3_driver::server::{Entrance, Peer, Service, admit, is_of_one_connection};
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, store};

use crate::runtime::Runtime;
use crate::socket::Socket;

/// Serves connections until the switch is thrown, then waits for those that are busy.
///
/// `role` is the server's side of TLS: for STLS, or for implicit TLS, as `entrance` says; with
/// [`Role::None`] there is none. Dropping the future ends the listening; connections go on.
pub async fn serve<R: Runtime, S: Service>(
    listener: R::Listener,
    entrance: Entrance,
    role: Role,
    service: Arc<S>,
    stop: Stop,
) {
    let clock = Clock::start();
    let mut sessions: Vec<R::Task> = Vec::new();
    while let Some(accepted) = stop.race(R::accept(&listener)).await {
        forget_ended(&mut sessions).await;
        let (stream, address, local) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Out of descriptors, or the like: give running sessions time to end.
                service.accept_failed(&error);
                R::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let socket = Socket::<R>::new(stream, role.clone(), clock);
        // Here, and not in the task: no more than one is open that has no place.
        let Some(admitted) = admit(socket, entrance, Peer::new(address, local), &*service).await else {
            continue;
        };
        let (service, stop) = (Arc::clone(&service), stop.clone());
        sessions.push(R::spawn(async move { admitted.serve(&*service, &stop).await }));
    }
    drop(listener);
    for session in sessions {
        session.await;
    }
}

/// How long to wait when a connection can't be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Drops the handles of tasks that have ended.
async fn forget_ended<T: Future<Output = ()> + Unpin>(tasks: &mut Vec<T>) {
    poll_fn(|context| {
        tasks.retain_mut(|task| Pin::new(task).poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// The pool of the runtime's blocking threads, for [`Blocking`](store::Blocking) stores.
pub struct Pool<R>(PhantomData<fn() -> R>);

impl<R> Pool<R> {
    /// The pool.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for Pool<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Clone for Pool<R> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<R> fmt::Debug for Pool<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl<R: Runtime> store::Pool for Pool<R> {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        Ok(R::unblock(call).await)
    }
}
