//! A stream with or without TLS, and a socket as a tokio stream for a relay.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

#[cfg(feature = "rustls")]
use pop3_driver::tls::ServerHandshake;
use pop3_driver::tls::{Role, TlsInfo, unavailable};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(feature = "rustls")]
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::Socket;

#[derive(Debug)]
pub(super) enum Stream<S> {
    Plain(S),
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<S>>),
}

impl<S> Stream<S> {
    pub(super) fn get_ref(&self) -> &S {
        match self {
            Self::Plain(stream) => stream,
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    #[cfg(feature = "rustls")]
    pub(super) async fn handshake(self, role: &Role) -> io::Result<(Self, Option<TlsInfo>)> {
        let Self::Plain(stream) = self else { return Err(unavailable()) };
        let (stream, tls): (TlsStream<S>, _) = if let Role::Client(connector) = role {
            let handshake = TlsConnector::from(connector.config()).connect(connector.name(), stream);
            let stream = handshake.await?;
            let tls = TlsInfo::of_client(stream.get_ref().1, connector.server_name());
            (stream.into(), tls)
        } else {
            let own = ServerHandshake::new(&*role.server_config().ok_or_else(unavailable)?);
            let stream = TlsAcceptor::from(own.config()).accept(stream).await?;
            let tls = own.finish(stream.get_ref().1);
            (stream.into(), tls)
        };
        Ok((Self::Tls(Box::new(stream)), tls))
    }

    #[cfg(not(feature = "rustls"))]
    pub(super) async fn handshake(self, _: &Role) -> io::Result<(Self, Option<TlsInfo>)> {
        Err(unavailable())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            #[cfg(feature = "rustls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// For a relay that continues with a connection that was [taken over](pop3_driver::server::TakenOver), for example
/// with [`tokio::io::copy_bidirectional`]. There are no deadlines here.
impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
