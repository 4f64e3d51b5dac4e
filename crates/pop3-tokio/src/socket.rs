//! A TCP connection, in clear or in TLS, as a transport.

mod stream;

use core::future::Future;
use std::io;

use pop3_driver::tls::{Role, ServerHandshake, TlsInfo, unavailable};
use pop3_driver::{Clock, Transport, timed_out};
use pop3_proto::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// A TCP connection of tokio's, before or after the TLS handshake.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    tls: Option<TlsInfo>,
    role: Role,
    clock: Clock,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Socket {
    /// A connection in clear. `role` is its side in a handshake. Small writes leave at once
    /// (TCP_NODELAY).
    ///
    /// # Errors
    /// When the system refuses that.
    pub fn new(stream: TcpStream, role: Role, clock: Clock) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Plain(stream), tls: None, role, clock })
    }

    /// Awaits the result, but not beyond the deadline.
    async fn within<T>(
        clock: Clock,
        deadline: Instant,
        result: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        timeout(clock.until(deadline), result).await.unwrap_or_else(|_| Err(timed_out()))
    }
}

impl Transport for Socket {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let clock = self.clock;
        match &mut self.stream {
            Stream::Plain(stream) => Self::within(clock, deadline, stream.read(buffer)).await,
            Stream::Tls(stream) => match Self::within(clock, deadline, stream.read(buffer)).await {
                // The end without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                result => result,
            },
        }
    }

    async fn read_ahead(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        Transport::read(self, buffer, deadline).await
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        let clock = self.clock;
        match &mut self.stream {
            Stream::Plain(stream) => Self::within(clock, deadline, stream.write(octets)).await,
            Stream::Tls(stream) => Self::within(clock, deadline, stream.write(octets)).await,
        }
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        let clock = self.clock;
        match &mut self.stream {
            // It has no buffer of its own.
            Stream::Plain(_) => Ok(()),
            Stream::Tls(stream) => Self::within(clock, deadline, stream.flush()).await,
        }
    }

    async fn pause(&mut self, until: Instant) {
        sleep(self.clock.until(until)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        let clock = self.clock;
        // The peer may be gone already.
        let _ = match &mut self.stream {
            Stream::Plain(stream) => Self::within(clock, deadline, stream.shutdown()).await,
            Stream::Tls(stream) => Self::within(clock, deadline, stream.shutdown()).await,
        };
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        let Self { stream, tls: _, role, clock } = self;
        let Stream::Plain(stream) = stream else { return Err(unavailable()) };
        let (stream, tls): (TlsStream<TcpStream>, _) = match &role {
            Role::Server(config) => {
                let own = ServerHandshake::new(config);
                let handshake = TlsAcceptor::from(own.config()).accept(stream);
                let stream = Self::within(clock, deadline, handshake).await?;
                let tls = own.finish(stream.get_ref().1);
                (stream.into(), tls)
            }
            Role::Client(connector) => {
                let handshake = TlsConnector::from(connector.config()).connect(connector.name(), stream);
                let stream = Self::within(clock, deadline, handshake).await?;
                let tls = TlsInfo::of_client(stream.get_ref().1, connector.server_name());
                (stream.into(), tls)
            }
            Role::None => return Err(unavailable()),
        };
        Ok(Self { stream: Stream::Tls(Box::new(stream)), tls, role, clock })
    }

    fn tls(&self) -> Option<TlsInfo> {
        self.tls.clone()
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    async fn compute<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> io::Result<R> {
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }
}
