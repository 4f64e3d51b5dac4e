//! A server on a listener.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use pop3_driver::server::{Entrance, Peer, Service, admit, is_of_one_connection};
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, store};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::socket::Socket;

/// Serves connections until the switch is thrown, then waits for those that are busy.
///
/// `role` is the server's side of TLS: for STLS, or for implicit TLS, as `entrance` says; with
/// [`Role::None`] there is none. Dropping the future ends all connections at once; calls that run in
/// the blocking pool, as a commit, still come to their end.
pub async fn serve<S: Service>(
    listener: TcpListener,
    entrance: Entrance,
    role: Role,
    service: Arc<S>,
    stop: Stop,
) {
    let clock = Clock::start();
    let mut sessions = JoinSet::new();
    while let Some(accepted) = stop.race(listener.accept()).await {
        while sessions.try_join_next().is_some() {}
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Out of descriptors, or the like: give running sessions time to end.
                service.accept_failed(&error);
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (Ok(local), Ok(socket)) = (stream.local_addr(), Socket::new(stream, role.clone(), clock)) else {
            continue; // The client is gone already.
        };
        // Here, and not in the task: no more than one is open that has no place.
        let Some(admitted) = admit(socket, entrance, Peer::new(address, local), &*service).await else {
            continue;
        };
        let (service, stop) = (Arc::clone(&service), stop.clone());
        sessions.spawn(async move { admitted.serve(&*service, &stop).await });
    }
    drop(listener);
    while sessions.join_next().await.is_some() {}
}

/// How long to wait when a connection can't be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The pool of tokio's blocking threads, for [`Blocking`](store::Blocking) stores.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Pool;

impl Pool {
    /// The pool of the runtime that is in force where it is used.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl store::Pool for Pool {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        tokio::task::spawn_blocking(call).await.map_err(io::Error::other)
    }
}
