//! Clients and server connections over existing streams.

use pop3_driver::client::{Client, ClientError, ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer, Service};
use pop3_driver::tls::{Role, TlsInfo};
use pop3_driver::{Clock, Stop, Transport as _};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::socket::Socket;

/// Creates a client from a stream that is already connected to a server, for example through a SOCKS proxy, over a
/// Unix socket, or in memory. Does the TLS handshake as requested and waits for the greeting.
///
/// # Errors
/// See [`ClientError`]. No name and no password was sent.
pub async fn connect_over<S>(
    stream: S,
    security: Security,
    options: ClientOptions,
) -> Result<Client<Socket<S>>, ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let socket = Socket::over(stream, security.role(), Clock::start());
    let deadline = socket.now().after(options.connect_timeout);
    Client::open(socket, &security, options, deadline).await
}

/// Like [`connect_over`], for a stream that is already in TLS, for example from another library than rustls. See
/// [`Socket::in_tls`] for what the caller is responsible for.
///
/// # Errors
/// See [`ClientError`]. No name and no password was sent.
pub async fn connect_in_tls<S>(
    stream: S,
    tls: Option<TlsInfo>,
    options: ClientOptions,
) -> Result<Client<Socket<S>>, ClientError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let socket = Socket::in_tls(stream, tls, Clock::start());
    let deadline = socket.now().after(options.connect_timeout);
    Client::open(socket, &Security::Plaintext, options, deadline).await
}

/// Serves one connection over any stream until it ends, for accept loops of your own. Like [`serve`](crate::serve),
/// it first asks the service whether it accepts the connection.
///
/// If the stream has no address, use [`Peer::without_address`]. For a stream that is already in TLS, pass a
/// [`Socket::in_tls`] to [`pop3_driver::server::serve`].
pub async fn serve_connection<S, V>(
    stream: S,
    peer: Peer,
    entrance: Entrance,
    role: Role,
    service: &V,
    stop: &Stop,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    V: Service,
{
    let socket = Socket::over(stream, role, Clock::start());
    pop3_driver::server::serve(socket, entrance, peer, service, stop).await;
}
