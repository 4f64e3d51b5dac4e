//! A server on a listener, with a thread for each connection.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use pop3_driver::server::{Admitted, Entrance, Peer, Service, admit, is_of_one_connection};
use pop3_driver::tls::Role;
use pop3_driver::{Clock, Stop, wait};
use pop3_proto::Rejection;

use crate::socket::Socket;

/// Serves connections until the switch is thrown, then waits for those that are busy.
///
/// `role` is the server's side of TLS: for STLS, or for implicit TLS, as `entrance` says; with
/// [`Role::None`] there is none.
///
/// # Errors
/// When the listener has no address.
pub fn serve<S: Service>(
    listener: &TcpListener,
    entrance: Entrance,
    role: &Role,
    service: &Arc<S>,
    stop: &Stop,
) -> io::Result<()> {
    let clock = Clock::start();
    let knock = knock_at(listener.local_addr()?);
    // The listener blocks; a connection of our own gets it to look at the switch.
    let _unblock = stop.on_stop(move || drop(TcpStream::connect_timeout(&knock, ACCEPT_RETRY)));
    let mut sessions: Vec<JoinHandle<()>> = Vec::new();
    while !stop.is_stopped() {
        let accepted = listener.accept();
        sessions.retain(|session| !session.is_finished());
        if stop.is_stopped() {
            break;
        }
        let begun = accepted.and_then(|(stream, address)| {
            let (peer, stream) = (Peer::new(address, stream.local_addr()?), Arc::new(stream));
            let socket = Socket::new(Arc::clone(&stream), role.clone(), clock)?;
            // Here, and not in the thread: no more than one is open that has no place.
            let Some(admitted) = wait(admit(socket, entrance, peer, &**service)) else { return Ok(None) };
            let (give, take) = sync_channel::<Admitted<Socket>>(1);
            let (own, stop) = (Arc::clone(service), stop.clone());
            let session = move || {
                if let Ok(admitted) = take.recv() {
                    session(admitted, &stream, &*own, &stop);
                }
            };
            // The thread gets the connection only once it is there: without a thread, its client is told so.
            match thread::Builder::new().name(format!("pop3 {address}")).spawn(session) {
                Ok(thread) => {
                    let _ = give.send(admitted);
                    Ok(Some(thread))
                }
                Err(error) => {
                    let rejection = Rejection::temporary("too many connections, try again later");
                    wait(admitted.turn_away(&**service, &rejection));
                    Err(error)
                }
            }
        });
        match begun {
            Ok(session) => sessions.extend(session),
            Err(error) if is_of_one_connection(&error) => {}
            // Out of descriptors or threads: give running sessions time to end.
            Err(error) => {
                service.accept_failed(&error);
                thread::sleep(ACCEPT_RETRY);
            }
        }
    }
    for session in sessions {
        // A session that panicked has ended as well.
        let _ = session.join();
    }
    Ok(())
}

/// How long to wait when a connection can't be accepted.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

fn session<S: Service>(admitted: Admitted<Socket>, stream: &Arc<TcpStream>, service: &S, stop: &Stop) {
    let shut = |how| {
        let stream = Arc::clone(stream);
        move || drop(stream.shutdown(how))
    };
    // Reading blocks; the end of input gets the session to look at the switch. It still can write.
    let _unblock = stop.on_stop(shut(Shutdown::Read));
    let _cut = admitted.end().on_stop(shut(Shutdown::Both));
    wait(admitted.serve(service, stop));
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
