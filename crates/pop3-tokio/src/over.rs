//! A client, or one connection of a server, over a stream that is there already.

use pop3_driver::client::{Client, ClientError, ClientOptions, Security};
use pop3_driver::server::{Entrance, Peer, Service};
use pop3_driver::tls::{Role, TlsInfo};
use pop3_driver::{Clock, Stop, Transport as _};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::socket::Socket;

/// Makes a client of a stream that is connected to a server: through a SOCKS proxy, by a Unix socket, in memory. It
/// does the TLS handshake as asked for, and waits for the greeting.
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

/// The same of a stream that is in TLS already, by another library than rustls, say: see [`Socket::in_tls`] for what
/// the caller answers for.
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

/// Serves one connection, which came over any stream, to its end: for accept loops of one's own. The service is asked
/// whether it has a place for it, as it is by [`serve`](crate::serve).
///
/// A stream without an address is that of a [`Peer::without_address`]. For a stream that is in TLS already, give a
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
