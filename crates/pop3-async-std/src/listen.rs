//! Servers on a listener.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use pop3_driver::server::{Entrance, Peer, Service, Sessions, TakenOver, admit, is_of_one_connection};
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, store};

use crate::runtime::Runtime;
use crate::socket::Socket;

/// Serves connections until the switch is stopped. Then waits for busy sessions until the grace period of the switch
/// ends. A session that blocks its thread is left behind one second later.
///
/// `role` is the server side of TLS. `entrance` tells whether TLS starts with STLS or with the first octet. With
/// [`Role::None`] there is no TLS.
///
/// If the future is dropped, the server accepts no more connections. Open connections continue.
///
/// A connection that is to be [taken over](pop3_driver::backend::Admission::TakeOver) is closed. Use
/// [`serve_or_hand_over`] to take it over.
pub async fn serve<R: Runtime, S: Service>(
    listener: R::Listener,
    entrance: Entrance,
    role: Role,
    service: Arc<S>,
    stop: Stop,
) {
    serve_or_hand_over::<R, _, _, _>(listener, entrance, role, service, stop, async |taken| drop(taken))
        .await;
}

/// Like [`serve`], but `take_over` continues with a connection whose login was answered with
/// [`Admission::TakeOver`](pop3_driver::backend::Admission::TakeOver), for example to relay it to another server. Its
/// future counts as a session until the grace period ends.
pub async fn serve_or_hand_over<R, S, H, F>(
    listener: R::Listener,
    entrance: Entrance,
    role: Role,
    service: Arc<S>,
    stop: Stop,
    take_over: H,
) where
    R: Runtime,
    S: Service,
    H: Fn(TakenOver<Socket<R>, S::Backend>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let clock = Clock::start();
    let (open, take_over) = (Sessions::new(), Arc::new(take_over));
    while let Some(accepted) = stop.race(R::accept(&listener)).await {
        let (stream, address, local) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Perhaps no file descriptors are left. Give running sessions time to end.
                service.accept_failed(&error);
                R::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let socket = Socket::<R>::new(stream, role.clone(), clock);
        // Admit here and not in the task, so that no connection is open without a place.
        let Some(admitted) = admit(socket, entrance, Peer::new(address, local), &*service).await else {
            continue;
        };
        let admitted = admitted.among(&open);
        let (service, stop, take_over) = (Arc::clone(&service), stop.clone(), Arc::clone(&take_over));
        // The task continues when its handle is dropped.
        drop(R::spawn(admitted.into_task(service, stop, move |taken| take_over(taken))));
    }
    drop(listener);
    open.ended(&*service, &stop).await;
}

/// How long to wait when a connection can't be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The pool of the runtime's blocking threads, for [`Blocking`](store::Blocking) stores.
pub struct Pool<R>(PhantomData<fn() -> R>);

impl<R> Pool<R> {
    /// Creates a pool.
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

impl<R: Runtime> store::BlockingPool for Pool<R> {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        Ok(R::unblock(call).await)
    }
}
