//! The listeners, and the runtimes that serve them.

#[cfg(feature = "tokio")]
mod shares;

use core::net::SocketAddr;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
#[cfg(feature = "threads")]
use std::thread;

use pop3_driver::Stop;
use pop3_driver::server::Entrance;
use pop3_driver::tls::Role;
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use crate::error::{ServeError, ServeErrorKind};
use crate::policy::{Current, On};

/// The runtime that serves the connections. Each variant needs the feature of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerRuntime {
    /// tokio, with one worker for each processor.
    #[cfg(feature = "tokio")]
    Tokio,
    /// async-std.
    #[cfg(feature = "async-std")]
    AsyncStd,
    /// smol.
    #[cfg(feature = "smol")]
    Smol,
    /// Blocking sockets, with one thread for each connection.
    #[cfg(feature = "threads")]
    Threads,
}

/// The sockets that listen.
#[derive(Debug)]
pub(super) struct Listeners(Vec<(Entrance, TcpListener, SocketAddr)>);

impl Listeners {
    /// Binds these addresses.
    pub(super) fn bind(wanted: &[(Entrance, SocketAddr)]) -> Result<Self, ServeError> {
        let bound = wanted.iter().map(|&(entrance, address)| {
            let listener = bind(address, |_| Ok(())).and_then(|listener| {
                let address = listener.local_addr()?;
                Ok((entrance, listener, address))
            });
            listener.map_err(|error| cant_listen(address, &error))
        });
        bound.collect::<Result<_, _>>().map(Self)
    }

    /// Says where clients may be expected that no listener takes.
    pub(super) fn warn(&self) {
        for address in ipv6_only(self.addresses().map(|(_, address)| address)) {
            warn!(
                "{address} accepts IPv6 only; add a listener on 0.0.0.0:{} if clients need IPv4",
                address.port()
            );
        }
    }

    /// When TLS begins on each, and its address.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (Entrance, SocketAddr)> + Clone {
        self.0.iter().map(|&(entrance, _, address)| (entrance, address))
    }

    /// Serves until the switch is thrown and busy sessions have ended.
    pub(super) fn serve(
        self,
        runtime: ServerRuntime,
        policy: Arc<Current>,
        role: &Role,
        stop: &Stop,
    ) -> Result<(), ServeError> {
        let served: io::Result<()> = match runtime {
            #[cfg(feature = "tokio")]
            ServerRuntime::Tokio => self.run_tokio(policy, role, stop),
            #[cfg(feature = "async-std")]
            ServerRuntime::AsyncStd => {
                let pool = pop3_async_std::Pool::<pop3_async_std::AsyncStd>::new();
                async_std::task::block_on(self.serve_futures(policy, pool, role, stop, |listener| {
                    listener.set_nonblocking(true)?;
                    Ok(listener.into())
                }))
            }
            #[cfg(feature = "smol")]
            ServerRuntime::Smol => {
                let pool = pop3_async_std::Pool::<pop3_async_std::Smol>::new();
                smol::block_on(self.serve_futures(policy, pool, role, stop, |listener| {
                    smol::Async::new(listener).map(Into::into)
                }))
            }
            #[cfg(feature = "threads")]
            ServerRuntime::Threads => self.serve_std(policy, role, stop),
        };
        served.map_err(|error| failed(&error))
    }

    /// On the runtime of tokio that this is awaited on.
    #[cfg(feature = "tokio")]
    pub(super) async fn serve_tokio(self, policy: Arc<Current>, role: &Role, stop: &Stop) -> io::Result<()> {
        let service = Arc::new(On { policy, pool: pop3_tokio::Pool::new() });
        let listeners = converted(self.0.into_iter().map(|(entrance, listener, _)| (entrance, listener)))?;
        serve_all(listeners, &service, role, stop).await
    }

    #[cfg(any(feature = "async-std", feature = "smol"))]
    async fn serve_futures<R: pop3_async_std::Runtime>(
        self,
        policy: Arc<Current>,
        pool: pop3_async_std::Pool<R>,
        role: &Role,
        stop: &Stop,
        convert: impl Fn(TcpListener) -> io::Result<R::Listener>,
    ) -> io::Result<()> {
        let service = Arc::new(On { policy, pool });
        let mut tasks = Vec::new();
        for (entrance, listener) in self.convert(convert)? {
            let (role, service, stop) = (role.clone(), Arc::clone(&service), stop.clone());
            tasks.push(R::spawn(pop3_async_std::serve::<R, _>(listener, entrance, role, service, stop)));
        }
        for task in tasks {
            task.await;
        }
        Ok(())
    }

    /// The listeners as a runtime has them: all of them, before one is served. A task that serves is not ended by an
    /// error of another listener.
    #[cfg(any(feature = "async-std", feature = "smol"))]
    fn convert<L>(self, convert: impl Fn(TcpListener) -> io::Result<L>) -> io::Result<Vec<(Entrance, L)>> {
        self.0.into_iter().map(|(entrance, listener, _)| Ok((entrance, convert(listener)?))).collect()
    }

    #[cfg(feature = "threads")]
    fn serve_std(self, policy: Arc<Current>, role: &Role, stop: &Stop) -> io::Result<()> {
        let service = Arc::new(On { policy, pool: pop3_std::Pool::default() });
        thread::scope(|scope| {
            let listeners = self.0.into_iter().map(|(entrance, listener, _)| {
                let service = &service;
                scope.spawn(move || pop3_std::serve(listener, entrance, role, service, stop))
            });
            let threads: Vec<_> = listeners.collect();
            threads.into_iter().try_for_each(|thread| {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a listener's thread panicked")))
            })
        })
    }
}

/// The listeners as tokio has them: all of them, before one is served.
#[cfg(feature = "tokio")]
fn converted(
    listeners: impl IntoIterator<Item = (Entrance, TcpListener)>,
) -> io::Result<Vec<(Entrance, tokio::net::TcpListener)>> {
    let convert = |(entrance, listener): (Entrance, TcpListener)| {
        listener.set_nonblocking(true)?;
        Ok((entrance, tokio::net::TcpListener::from_std(listener)?))
    };
    listeners.into_iter().map(convert).collect()
}

/// Serves these listeners on the current runtime of tokio. None is ended by an error of another.
#[cfg(feature = "tokio")]
async fn serve_all(
    listeners: Vec<(Entrance, tokio::net::TcpListener)>,
    service: &Arc<On<pop3_tokio::Pool>>,
    role: &Role,
    stop: &Stop,
) -> io::Result<()> {
    let mut tasks = Vec::new();
    for (entrance, listener) in listeners {
        let serve = pop3_tokio::serve(listener, entrance, role.clone(), Arc::clone(service), stop.clone());
        tasks.push(tokio::spawn(serve));
    }
    let mut served = Ok(());
    for task in tasks {
        served = served.and(task.await.map_err(io::Error::other));
    }
    served
}

/// Serving has failed.
pub(super) fn failed(error: &io::Error) -> ServeError {
    ServeError::new(ServeErrorKind::Network, format!("serving failed: {error}"))
}

/// Binds a socket and listens. A socket of IPv6 is for IPv6 only, so that IPv4 can have its own at the same port,
/// whatever the system does by itself. An IPv4 address in the form of IPv6 is the IPv4 address.
fn bind(address: SocketAddr, set: impl FnOnce(&Socket) -> io::Result<()>) -> io::Result<TcpListener> {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Remaining old connections must not delay a restart.
    socket.set_reuse_address(true)?;
    set(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn cant_listen(address: SocketAddr, error: &io::Error) -> ServeError {
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let kind = if is_denied { ServeErrorKind::Privilege } else { ServeErrorKind::Network };
    ServeError::new(kind, format!("can't listen on {address}: {error}"))
}

/// The most connections that the system keeps until they are accepted; it may have a lower limit of its own.
const BACKLOG: i32 = 1024;

/// The listeners on all IPv6 addresses that have none on all IPv4 addresses beside them.
fn ipv6_only(addresses: impl Iterator<Item = SocketAddr> + Clone) -> impl Iterator<Item = SocketAddr> {
    let all = |address: &SocketAddr| address.ip().is_unspecified();
    let v4 = addresses.clone().filter(move |address| address.is_ipv4() && all(address));
    let has_v4: Vec<u16> = v4.map(|address| address.port()).collect();
    addresses.filter(move |address| address.is_ipv6() && all(address) && !has_v4.contains(&address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_on_ipv6_alone_is_told() {
        for (listeners, told) in [
            (&["[::]:110"][..], &["[::]:110"][..]),
            (&["[::]:110", "0.0.0.0:110"], &[]),
            (&["[::]:110", "0.0.0.0:995", "127.0.0.1:110"], &["[::]:110"]),
            (&["[::1]:110", "0.0.0.0:110"], &[]),
        ] {
            let addresses = listeners.iter().map(|text| text.parse().unwrap());
            let found: Vec<_> = ipv6_only(addresses).map(|address| address.to_string()).collect();
            assert_eq!(found, told, "{listeners:?}");
        }
    }

    #[test]
    fn a_missing_privilege_is_told_from_a_port_that_is_in_use() {
        let kind = |error: io::ErrorKind| cant_listen(([127, 0, 0, 1], 110).into(), &error.into()).kind();
        assert_eq!(kind(io::ErrorKind::PermissionDenied), ServeErrorKind::Privilege);
        assert_eq!(kind(io::ErrorKind::AddrInUse), ServeErrorKind::Network);
    }

    #[test]
    fn an_ipv4_address_in_the_form_of_ipv6_is_one() {
        let listener = bind("[::ffff:127.0.0.1]:0".parse().unwrap(), |_| Ok(())).unwrap();
        assert!(listener.local_addr().unwrap().is_ipv4());
    }
}
