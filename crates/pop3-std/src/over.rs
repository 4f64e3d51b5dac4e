//! A client, or one connection of a server, over a stream that is there already.

use std::io;

use pop3_driver::client::{Client, ClientError, ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer, Service, admit};
use pop3_driver::tls::{Role, TlsInfo};
use pop3_driver::{Clock, Stop, Transport as _, wait};

use crate::listen::session;
use crate::socket::Socket;
use crate::stream::Stream;

/// Makes a client of a stream that is connected to a server: through a SOCKS proxy, by a Unix socket, in memory. It
/// does the TLS handshake as asked for, and waits for the greeting. The [`Stream`] says which deadlines hold on it.
///
/// # Errors
/// See [`ClientError`]. No name and no password was sent.
pub fn connect_over<S: Stream>(
    stream: S,
    security: Security,
    options: ClientOptions,
) -> Result<Client<Socket<S>>, ClientError> {
    open(Socket::over(stream, security.role(), Clock::start()), &security, options)
}

/// The same of a stream that is in TLS already, by another library than rustls, say: see [`Socket::in_tls`] for what
/// the caller answers for.
///
/// # Errors
/// See [`ClientError`]. No name and no password was sent.
pub fn connect_in_tls<S: Stream>(
    stream: S,
    tls: Option<TlsInfo>,
    options: ClientOptions,
) -> Result<Client<Socket<S>>, ClientError> {
    open(Socket::in_tls(stream, tls, Clock::start()), &Security::Plaintext, options)
}

fn open<S: Stream>(
    socket: Socket<S>,
    security: &Security,
    options: ClientOptions,
) -> Result<Client<Socket<S>>, ClientError> {
    let socket = socket.with_stop(options.stop.clone());
    let deadline = socket.now().after(options.connect_timeout);
    wait(Client::open(socket, security, options, deadline))
}

/// Serves one connection, which came over any stream, to its end, on this thread: for accept loops of one's own. The
/// service is asked whether it has a place for it, as it is by [`serve`](crate::serve).
///
/// A stream without an address is that of a [`Peer::without_address`]. Where the stream has nothing that
/// [unblocks](Stream::unblock) it, neither the end of the server nor a service that needs the place ends a session that
/// waits for its client.
///
/// # Errors
/// When the system has no descriptor left for what unblocks the stream. The connection is closed then, and the service
/// knows nothing of it.
pub fn serve_connection<S: Stream, V: Service>(
    stream: S,
    peer: Peer,
    entrance: Entrance,
    role: Role,
    service: &V,
    stop: &Stop,
) -> io::Result<()> {
    let unblock = stream.unblock()?;
    serve_socket(Socket::over(stream, role, Clock::start()), unblock, peer, entrance, service, stop);
    Ok(())
}

/// The same of a stream that is in TLS already: see [`Socket::in_tls`].
///
/// # Errors
/// As [`serve_connection`].
pub fn serve_connection_in_tls<S: Stream, V: Service>(
    stream: S,
    tls: Option<TlsInfo>,
    peer: Peer,
    service: &V,
    stop: &Stop,
) -> io::Result<()> {
    let unblock = stream.unblock()?;
    let socket = Socket::in_tls(stream, tls, Clock::start());
    serve_socket(socket, unblock, peer, Entrance::Implicit, service, stop);
    Ok(())
}

fn serve_socket<S: Stream, V: Service>(
    socket: Socket<S>,
    unblock: Option<crate::Unblock>,
    peer: Peer,
    entrance: Entrance,
    service: &V,
    stop: &Stop,
) {
    if let Some(admitted) = wait(admit(socket, entrance, peer, service)) {
        session(admitted, unblock, service, stop, async |taken| drop(taken));
    }
}
