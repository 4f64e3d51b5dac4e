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
use crate::heartbeat::Heartbeat;
#[cfg(any(feature = "tokio", feature = "async-std", feature = "smol"))]
use crate::heartbeat::beating;
use crate::policy::{Current, On};

/// What all listeners are served with.
#[derive(Clone, Copy, Debug)]
pub(super) struct With<'s> {
    pub(super) role: &'s Role,
    pub(super) stop: &'s Stop,
    pub(super) heartbeat: Option<&'s Heartbeat>,
}

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

/// Sockets that listen, before there is a [`Server`](crate::Server) on them.
///
/// Bind them first if the process gives up the right to bind low ports, or add sockets that another process has bound,
/// such as systemd. Pass them to [`Server::on`](crate::Server::on).
///
/// ```
/// use std::net::TcpListener;
/// use pop3_serve::{Entrance, Listeners};
///
/// let mut listeners = Listeners::bind(&[(Entrance::Plain, "127.0.0.1:0".parse()?)])?;
/// listeners.add(Entrance::Implicit, TcpListener::bind("127.0.0.1:0")?)?;
/// assert_eq!(listeners.addresses().count(), 2);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Listeners(Vec<Listening>);

/// One socket that listens.
#[derive(Debug)]
struct Listening {
    entrance: Entrance,
    socket: TcpListener,
    address: SocketAddr,
    /// Whether others hold the socket as well, so that it goes on listening when this process ends.
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "others have one queue anyway"))]
    held: bool,
}

impl Listeners {
    /// Binds these addresses. For port 0, the system chooses a free port.
    ///
    /// # Errors
    /// Returns an error if an address cannot be bound. The message names the address.
    pub fn bind(wanted: &[(Entrance, SocketAddr)]) -> Result<Self, ServeError> {
        let bound = wanted.iter().map(|&(entrance, wanted)| {
            let listening = bind(wanted, |_| Ok(())).and_then(|socket| {
                let address = socket.local_addr()?;
                Ok(Listening { entrance, socket, address, held: false })
            });
            listening.map_err(|error| cant_listen(wanted, &error))
        });
        bound.collect::<Result<_, _>>().map(Self)
    }

    /// Adds a socket that listens already and that another process may hold, too. No socket is bound beside it, and
    /// connections that wait when the server stops are left to whoever serves next.
    ///
    /// # Errors
    /// Returns an error if the socket does not listen.
    pub fn add(&mut self, entrance: Entrance, socket: TcpListener) -> Result<(), ServeError> {
        let unusable = |why: &dyn core::fmt::Display| {
            ServeError::new(
                ServeErrorKind::Network,
                format!("a socket that was passed on can't be used: {why}"),
            )
        };
        let address = socket.local_addr().map_err(|error| unusable(&error))?;
        if !listens(&socket) {
            return Err(unusable(&format!("{address} does not listen")));
        }
        self.0.push(Listening { entrance, socket, address, held: true });
        Ok(())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
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

    /// Returns when TLS starts on each, and its address.
    pub fn addresses(&self) -> impl Iterator<Item = (Entrance, SocketAddr)> + Clone {
        self.0.iter().map(|listening| (listening.entrance, listening.address))
    }

    /// Serves until the switch is thrown and busy sessions have ended.
    pub(super) fn serve(
        self,
        runtime: ServerRuntime,
        policy: Arc<Current>,
        with: &With<'_>,
    ) -> Result<(), ServeError> {
        let served: io::Result<()> =
            match runtime {
                #[cfg(feature = "tokio")]
                ServerRuntime::Tokio => self.run_tokio(policy, with),
                #[cfg(feature = "async-std")]
                ServerRuntime::AsyncStd => {
                    let pool = pop3_async_std::Pool::<pop3_async_std::AsyncStd>::new();
                    async_std::task::block_on(self.serve_futures(policy, pool, with, |listener| {
                        listener.set_nonblocking(true)?;
                        Ok(listener.into())
                    }))
                }
                #[cfg(feature = "smol")]
                ServerRuntime::Smol => {
                    let pool = pop3_async_std::Pool::<pop3_async_std::Smol>::new();
                    smol::block_on(self.serve_futures(policy, pool, with, |listener| {
                        smol::Async::new(listener).map(Into::into)
                    }))
                }
                #[cfg(feature = "threads")]
                ServerRuntime::Threads => self.serve_std(policy, with),
            };
        served.map_err(|error| failed(&error))
    }

    /// On the runtime of tokio that this is awaited on.
    #[cfg(feature = "tokio")]
    pub(super) async fn serve_tokio(self, policy: Arc<Current>, with: &With<'_>) -> io::Result<()> {
        let service = Arc::new(On::new(policy, pop3_tokio::Pool::new()));
        let listeners = converted(self.0.into_iter().map(|one| (one.entrance, one.socket)))?;
        serve_all(listeners, &service, with).await
    }

    #[cfg(any(feature = "async-std", feature = "smol"))]
    async fn serve_futures<R: pop3_async_std::Runtime>(
        self,
        policy: Arc<Current>,
        pool: pop3_async_std::Pool<R>,
        with: &With<'_>,
        convert: impl Fn(TcpListener) -> io::Result<R::Listener>,
    ) -> io::Result<()> {
        let service = Arc::new(On::new(policy, pool));
        let mut tasks = Vec::new();
        for (entrance, listener) in self.convert(convert)? {
            let (role, service, stop) = (with.role.clone(), Arc::clone(&service), with.stop.clone());
            let serve = pop3_async_std::serve::<R, _>(listener, entrance, role, service, stop);
            tasks.push(R::spawn(beating(with.heartbeat.cloned(), serve, R::sleep)));
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
        self.0.into_iter().map(|one| Ok((one.entrance, convert(one.socket)?))).collect()
    }

    #[cfg(feature = "threads")]
    fn serve_std(self, policy: Arc<Current>, with: &With<'_>) -> io::Result<()> {
        let pool = pop3_std::Pool::default();
        let services = self.0.iter().map(|one| {
            // Whoever holds the socket may have made it not block.
            one.socket.set_nonblocking(false)?;
            let mut service = On::new(Arc::clone(&policy), pool);
            if let Some(heartbeat) = with.heartbeat {
                // The loop waits for a connection, and so long at most.
                socket2::SockRef::from(&one.socket).set_read_timeout(Some(heartbeat.interval()))?;
                service.beat = Some(heartbeat.begin());
            }
            Ok(Arc::new(service))
        });
        // All of them, before one is served.
        let services = services.collect::<io::Result<Vec<_>>>()?;
        thread::scope(|scope| {
            let listeners = self.0.into_iter().zip(services).map(|(one, service)| {
                scope.spawn(move || pop3_std::serve(one.socket, one.entrance, with.role, &service, with.stop))
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
    with: &With<'_>,
) -> io::Result<()> {
    let mut tasks = Vec::new();
    for (entrance, listener) in listeners {
        let (role, service, stop) = (with.role.clone(), Arc::clone(service), with.stop.clone());
        let serve = pop3_tokio::serve(listener, entrance, role, service, stop);
        tasks.push(tokio::spawn(beating(with.heartbeat.cloned(), serve, tokio::time::sleep)));
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

/// Whether the socket listens, as far as the system tells.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn listens(socket: &TcpListener) -> bool {
    socket2::SockRef::from(socket).is_listener().unwrap_or(true)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const fn listens(_: &TcpListener) -> bool {
    true
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
