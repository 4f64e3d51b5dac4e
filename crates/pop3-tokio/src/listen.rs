//! Servers on a listener.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use pop3_driver::server::{Entrance, Peer, Service, Sessions, TakenOver, admit, is_of_one_connection};
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, store};
use socket2::SockRef;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::socket::Socket;

/// Serves connections until the switch is stopped. Then waits for busy sessions until the grace period of the switch
/// ends. A session that blocks its thread is left behind one second later.
///
/// `role` is the server side of TLS. `entrance` tells whether TLS starts with STLS or with the first octet. With
/// [`Role::None`] there is no TLS.
///
/// If the future is dropped, all connections end immediately. Calls in the blocking pool, such as a commit, still run
/// to completion. Dropping the runtime waits for them without a limit; see
/// [`Runtime::shutdown_timeout`](tokio::runtime::Runtime::shutdown_timeout).
///
/// A connection that is to be [taken over](pop3_driver::backend::Admission::TakeOver) is closed. Use
/// [`serve_or_hand_over`] to take it over.
pub async fn serve<S: Service>(
    listener: TcpListener,
    entrance: Entrance,
    role: Role,
    service: Arc<S>,
    stop: Stop,
) {
    serve_or_hand_over(listener, entrance, role, service, stop, async |taken| drop(taken)).await;
}

/// Like [`serve`], but `take_over` continues with a connection whose login was answered with
/// [`Admission::TakeOver`](pop3_driver::backend::Admission::TakeOver), for example to relay it to another server. Its
/// future counts as a session until the grace period ends.
pub async fn serve_or_hand_over<S, H, F>(
    listener: TcpListener,
    entrance: Entrance,
    role: Role,
    service: Arc<S>,
    stop: Stop,
    take_over: H,
) where
    S: Service,
    H: Fn(TakenOver<Socket, S::Backend>) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let clock = Clock::start();
    let (local, inherits) = (own_address(&listener), inherits_nodelay(&listener));
    let (open, take_over) = (Sessions::new(), Arc::new(take_over));
    let mut sessions = JoinSet::new();
    while let Some(accepted) = stop.race(listener.accept()).await {
        while sessions.try_join_next().is_some() {}
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                // Perhaps no file descriptors are left. Give running sessions time to end.
                service.accept_failed(&error);
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Ok(local) = local.map_or_else(|| stream.local_addr(), Ok) else { continue };
        let socket = if inherits {
            Ok(Socket::accepted(stream, role.clone(), clock))
        } else {
            Socket::new(stream, role.clone(), clock)
        };
        let Ok(socket) = socket else { continue }; // The client is gone already.
        // Admit here and not in the task, so that no connection is open without a place.
        let Some(admitted) = admit(socket, entrance, Peer::new(address, local), &*service).await else {
            continue;
        };
        let admitted = admitted.among(&open);
        let (service, stop, take_over) = (Arc::clone(&service), stop.clone(), Arc::clone(&take_over));
        sessions.spawn(admitted.into_task(service, stop, move |taken| take_over(taken)));
    }
    drop(listener);
    open.ended(&*service, &stop).await;
}

/// The address of all connections of the listener, unless each has its own.
fn own_address(listener: &TcpListener) -> Option<SocketAddr> {
    listener.local_addr().ok().filter(|address| !address.ip().is_unspecified())
}

/// Sets TCP_NODELAY for all connections of the listener, where they inherit it.
fn inherits_nodelay(listener: &TcpListener) -> bool {
    cfg!(target_os = "linux") && SockRef::from(listener).set_tcp_nodelay(true).is_ok()
}

/// How long to wait when a connection can't be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The pool of tokio's blocking threads, for [`Blocking`](store::Blocking) stores.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Pool;

impl Pool {
    /// Creates a pool that uses the current runtime at the time of each call.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl store::BlockingPool for Pool {
    async fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        tokio::task::spawn_blocking(call).await.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn what_is_set_on_the_listener_holds_for_its_connections() {
        for (bound, is_fixed) in [("127.0.0.1:0", true), ("0.0.0.0:0", false)] {
            let listener = TcpListener::bind(bound).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let (local, inherits) = (own_address(&listener), inherits_nodelay(&listener));
            let _client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            assert_eq!(local, is_fixed.then(|| stream.local_addr().unwrap()));
            assert_eq!((inherits, stream.nodelay().unwrap()), (cfg!(target_os = "linux"), inherits));
        }
    }
}
