//! Clients and server connections over existing streams.

use std::io;

use pop3_driver::client::{Client, ClientError, ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer, Service, admit};
use pop3_driver::tls::{Role, TlsInfo};
use pop3_driver::{Clock, Stop, Transport as _, wait};

use crate::listen::session;
use crate::socket::Socket;
use crate::stream::Stream;

/// Creates a client from a stream that is already connected to a server, for example through a SOCKS proxy, over a
/// Unix socket, or in memory. Does the TLS handshake as requested and waits for the greeting.
///
/// The implementation of [`Stream`] determines which deadlines are kept.
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

/// Like [`connect_over`], for a stream that is already in TLS, for example from another library than rustls. See
/// [`Socket::in_tls`] for what the caller is responsible for.
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

/// Serves one connection over any stream on this thread until it ends, for accept loops of your own. Like
/// [`serve`](crate::serve), it first asks the service whether it accepts the connection.
///
/// If the stream has no address, use [`Peer::without_address`]. If the stream cannot be [unblocked](Stream::unblock),
/// a session that waits for its client cannot be ended by a stop of the server or by the service.
///
/// # Errors
/// Returns an error if the system has no file descriptor left to unblock the stream. The connection is then closed,
/// and the service is not told about it.
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

/// Like [`serve_connection`], for a stream that is already in TLS; see [`Socket::in_tls`].
///
/// # Errors
/// Returns an error for the same reason as [`serve_connection`].
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
