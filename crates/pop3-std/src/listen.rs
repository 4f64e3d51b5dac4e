//! Servers on a listener, with a thread for each connection.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pop3_driver::server::{
    Admitted, Entrance, Peer, Service, Sessions, TakenOver, admit, is_of_one_connection,
};
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, Transport, wait};
use pop3_proto::Rejection;

use crate::crew::Crew;
use crate::socket::Socket;
use crate::stream::{Stream as _, Tcp, Unblock};

/// Serves connections until the switch is stopped. Then closes the listener, and waits for busy sessions until the grace
/// period of the switch ends. A thread that is still blocked by a store one second later is left behind: its connection is shut down, and
/// the service is told that it has ended.
///
/// `role` is the server side of TLS. `entrance` tells whether TLS starts with STLS or with the first octet. With
/// [`Role::None`] there is no TLS.
///
/// A connection that is to be [taken over](pop3_driver::backend::Admission::TakeOver) is closed. Use
/// [`serve_or_hand_over`] to take it over.
///
/// # Errors
/// Returns an error if the listener has no local address.
pub fn serve<S: Service>(
    listener: TcpListener,
    entrance: Entrance,
    role: &Role,
    service: &Arc<S>,
    stop: &Stop,
) -> io::Result<()> {
    serve_or_hand_over(listener, entrance, role, service, stop, async |taken| drop(taken))
}

/// Like [`serve`], but `take_over` continues with a connection whose login was answered with
/// [`Admission::TakeOver`](pop3_driver::backend::Admission::TakeOver), for example to relay it to another server. It
/// runs on the thread of the session and counts as a session.
///
/// # Errors
/// Returns an error if the listener has no local address.
pub fn serve_or_hand_over<S, H, F>(
    listener: TcpListener,
    entrance: Entrance,
    role: &Role,
    service: &Arc<S>,
    stop: &Stop,
    take_over: H,
) -> io::Result<()>
where
    S: Service,
    H: Fn(TakenOver<Socket, S::Backend>) -> F + Send + Sync + 'static,
    F: Future<Output = ()>,
{
    let clock = Clock::start();
    let address = listener.local_addr()?;
    let knock = knock_at(address);
    // The address of all connections, unless each has its own.
    let local = Some(address).filter(|address| !address.ip().is_unspecified());
    // The listener blocks. Connect to it, so that it checks the switch.
    let _unblock = stop.on_stop(move || drop(TcpStream::connect_timeout(&knock, ACCEPT_RETRY)));
    let (open, take_over, crew) = (Sessions::new(), Arc::new(take_over), Crew::default());
    while !stop.is_stopped() {
        let waits = Instant::now();
        let accepted = listener.accept();
        if stop.is_stopped() {
            break;
        }
        let begun = accepted.and_then(|(stream, address)| {
            let local = local.map_or_else(|| stream.local_addr(), Ok)?;
            let (peer, stream) = (Peer::new(address, local), Tcp::from(stream));
            let unblock = stream.unblock()?;
            let socket = Socket::new(stream, role.clone(), clock)?;
            // Admit here and not in the thread, so that no connection is open without a place.
            let Some(admitted) = wait(admit(socket, entrance, peer, &**service)) else { return Ok(()) };
            let admitted = admitted.among(&open);
            let (own, stop, take_over) = (Arc::clone(service), stop.clone(), Arc::clone(&take_over));
            let serve = move |admitted: Admitted<Socket>| {
                session(admitted, unblock, &*own, &stop, &*take_over);
            };
            crew.run(admitted, serve).map_err(|(error, admitted)| {
                let rejection = Rejection::temporary("too many connections, try again later");
                wait(admitted.turn_away(&**service, &rejection));
                error
            })
        });
        match begun {
            Ok(()) => {}
            Err(error) if is_of_one_connection(&error) => {}
            // No file descriptors or threads are left. Give running sessions time to end. If the listener has a timeout
            // for reading, it has waited already.
            Err(error) => {
                service.accept_failed(&error);
                if error.kind() != io::ErrorKind::WouldBlock || waits.elapsed() < ACCEPT_RETRY {
                    thread::sleep(ACCEPT_RETRY);
                }
            }
        }
    }
    drop(listener);
    wait(open.ended(&**service, stop));
    Ok(())
}

/// How long to wait when a connection can't be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves a connection on this thread.
pub(crate) fn session<T: Transport, S: Service, F: Future<Output = ()>>(
    admitted: Admitted<T>,
    unblock: Option<Unblock>,
    service: &S,
    stop: &Stop,
    take_over: impl FnOnce(TakenOver<T, S::Backend>) -> F,
) {
    let shut = |how| {
        let unblock = unblock.clone();
        move || {
            if let Some(unblock) = unblock {
                unblock.shut(how);
            }
        }
    };
    // Reads block. Ending the input makes the session check the switch. It can still write.
    let _unblock = stop.on_stop(shut(Shutdown::Read));
    let _cut = admitted.end().on_stop(shut(Shutdown::Both));
    wait(admitted.serve_or_hand_over(service, stop, take_over));
}

/// An address at which the listener is reached from this machine.
fn knock_at(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}
