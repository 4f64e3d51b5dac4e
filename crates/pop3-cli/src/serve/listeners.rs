//! The listeners, and the runtimes that serve them.

use core::net::{Ipv4Addr, SocketAddr};
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use pop3_driver::Stop;
use pop3_driver::server::Entrance;
use pop3_driver::tls::Role;
use socket2::{Domain, Protocol, Socket, Type};
use tracing::warn;

use super::policy::{On, Policy};
use crate::args::{Runtime, Serve};
use crate::exit::{Exit, Failure};

/// The sockets that listen.
#[derive(Debug)]
pub(super) struct Listeners(Vec<(Entrance, TcpListener, SocketAddr)>);

impl Listeners {
    /// Binds all addresses of the command line; without any, port 1110 of this machine.
    pub(super) fn bind(options: &Serve, role: &Role) -> Result<Self, Failure> {
        let plain = options.listen.iter().map(|&address| (Entrance::Plain, address));
        let tls = options.listen_tls.iter().map(|&address| (Entrance::Implicit, address));
        let mut wanted: Vec<_> = plain.chain(tls).collect();
        if wanted.is_empty() {
            wanted.push((Entrance::Plain, (Ipv4Addr::LOCALHOST, 1110).into()));
            if matches!(role, Role::Server(_)) {
                wanted.push((Entrance::Implicit, (Ipv4Addr::LOCALHOST, 1995).into()));
            }
        }
        Self::bind_all(wanted)
    }

    /// One listener on a free port of this machine.
    pub(super) fn on_loopback() -> Result<Self, Failure> {
        Self::bind_all(vec![(Entrance::Plain, (Ipv4Addr::LOCALHOST, 0).into())])
    }

    fn bind_all(wanted: Vec<(Entrance, SocketAddr)>) -> Result<Self, Failure> {
        let bind = |(entrance, address)| {
            let listener = bind(address)?;
            let address = listener.local_addr()?;
            Ok((entrance, listener, address))
        };
        let bound = wanted.into_iter().map(|(entrance, address)| {
            bind((entrance, address)).map_err(|error: io::Error| {
                Failure::new(Exit::Connect, format!("can't listen on {address}: {error}"))
            })
        });
        bound.collect::<Result<_, _>>().map(Self)
    }

    /// Says where clients may be expected that no listener takes.
    pub(super) fn warn(&self) {
        for address in ipv6_only(self.addresses().map(|(_, address)| address)) {
            warn!(
                "{address} takes IPv6 only; add a listener on 0.0.0.0:{} for IPv4, if clients need it",
                address.port()
            );
        }
    }

    /// The scheme and the address of each.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> + Clone {
        self.0.iter().map(|&(entrance, _, address)| match entrance {
            Entrance::Plain => ("pop3", address),
            Entrance::Implicit => ("pop3s", address),
        })
    }

    /// Serves until the switch is thrown and busy sessions have ended.
    pub(super) fn serve(
        self,
        runtime: Runtime,
        policy: Policy,
        role: &Role,
        stop: &Stop,
    ) -> Result<(), Failure> {
        match runtime {
            Runtime::Tokio => self.serve_tokio(policy, role, stop),
            Runtime::AsyncStd => {
                let pool = pop3_async_std::Pool::<pop3_async_std::AsyncStd>::new();
                async_std::task::block_on(self.serve_futures(policy, pool, role, stop, |listener| {
                    listener.set_nonblocking(true)?;
                    Ok(listener.into())
                }))
            }
            Runtime::Smol => {
                let pool = pop3_async_std::Pool::<pop3_async_std::Smol>::new();
                smol::block_on(self.serve_futures(policy, pool, role, stop, |listener| {
                    smol::Async::new(listener).map(Into::into)
                }))
            }
            Runtime::Std => self.serve_std(policy, role, stop),
        }
        .map_err(|error| Failure::new(Exit::Connect, format!("serving failed: {error}")))
    }

    fn serve_tokio(self, policy: Policy, role: &Role, stop: &Stop) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let service = Arc::new(On { policy, pool: pop3_tokio::Pool::new() });
        runtime.block_on(async {
            let mut tasks = Vec::new();
            for (entrance, listener, _) in self.0 {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let serve =
                    pop3_tokio::serve(listener, entrance, role.clone(), Arc::clone(&service), stop.clone());
                tasks.push(tokio::spawn(serve));
            }
            for task in tasks {
                task.await.map_err(io::Error::other)?;
            }
            Ok(())
        })
    }

    async fn serve_futures<R: pop3_async_std::Runtime>(
        self,
        policy: Policy,
        pool: pop3_async_std::Pool<R>,
        role: &Role,
        stop: &Stop,
        convert: impl Fn(TcpListener) -> io::Result<R::Listener>,
    ) -> io::Result<()> {
        let service = Arc::new(On { policy, pool });
        let mut tasks = Vec::new();
        for (entrance, listener, _) in self.0 {
            let (role, service, stop) = (role.clone(), Arc::clone(&service), stop.clone());
            let listener = convert(listener)?;
            tasks.push(R::spawn(pop3_async_std::serve::<R, _>(listener, entrance, role, service, stop)));
        }
        for task in tasks {
            task.await;
        }
        Ok(())
    }

    fn serve_std(self, policy: Policy, role: &Role, stop: &Stop) -> io::Result<()> {
        let service = Arc::new(On { policy, pool: pop3_std::Pool::default() });
        thread::scope(|scope| {
            let listeners = self.0.iter().map(|(entrance, listener, _)| {
                let service = &service;
                scope.spawn(move || pop3_std::serve(listener, *entrance, role, service, stop))
            });
            let threads: Vec<_> = listeners.collect();
            threads.into_iter().try_for_each(|thread| {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("a listener's thread panicked")))
            })
        })
    }
}

/// Binds a socket and listens. A socket of IPv6 is for IPv6 only, so that IPv4 can have its own at the same port,
/// whatever the system does by itself. An IPv4 address in the form of IPv6 is the IPv4 address.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // What is left of old connections must not keep a new start waiting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
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
    fn an_ipv4_address_in_the_form_of_ipv6_is_one() {
        let listener = bind("[::ffff:127.0.0.1]:0".parse().unwrap()).unwrap();
        assert!(listener.local_addr().unwrap().is_ipv4());
    }
}
