//! A TCP connection, in clear or in TLS, as a transport.

mod stream;

use std::io;

use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use pop3_driver::tls::{Role, ServerHandshake, TlsInfo, unavailable};
use pop3_driver::{Clock, Transport};
use pop3_proto::Instant;

use crate::runtime::{Runtime, within};

/// A TCP connection of the runtime's, before or after the TLS handshake.
#[derive(Debug)]
pub struct Socket<R: Runtime> {
    stream: Stream<R>,
    tls: Option<TlsInfo>,
    role: Role,
    clock: Clock,
}

#[derive(Debug)]
enum Stream<R: Runtime> {
    Plain(R::Stream),
    Tls(Box<TlsStream<R::Stream>>),
}

impl<R: Runtime> Socket<R> {
    /// A connection in clear. `role` is its side in a handshake.
    pub const fn new(stream: R::Stream, role: Role, clock: Clock) -> Self {
        Self { stream: Stream::Plain(stream), tls: None, role, clock }
    }
}

impl<R: Runtime> Transport for Socket<R> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        let clock = self.clock;
        match &mut self.stream {
            Stream::Plain(stream) => within::<R, _>(clock, deadline, stream.read(buffer)).await,
            Stream::Tls(stream) => match within::<R, _>(clock, deadline, stream.read(buffer)).await {
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
            Stream::Plain(stream) => within::<R, _>(clock, deadline, stream.write(octets)).await,
            Stream::Tls(stream) => within::<R, _>(clock, deadline, stream.write(octets)).await,
        }
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        let clock = self.clock;
        match &mut self.stream {
            // It has no buffer of its own.
            Stream::Plain(_) => Ok(()),
            Stream::Tls(stream) => within::<R, _>(clock, deadline, stream.flush()).await,
        }
    }

    async fn pause(&mut self, until: Instant) {
        R::sleep(self.clock.until(until)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        let clock = self.clock;
        // The peer may be gone already.
        let _ = match &mut self.stream {
            Stream::Plain(stream) => within::<R, _>(clock, deadline, stream.close()).await,
            Stream::Tls(stream) => within::<R, _>(clock, deadline, stream.close()).await,
        };
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        let Self { stream, tls: _, role, clock } = self;
        let Stream::Plain(stream) = stream else { return Err(unavailable()) };
        let (stream, tls) = match &role {
            Role::Server(config) => {
                let own = ServerHandshake::new(config);
                let handshake = TlsAcceptor::from(own.config()).accept(stream);
                let stream = within::<R, _>(clock, deadline, handshake).await?;
                let tls = own.finish(stream.get_ref().1);
                (TlsStream::Server(stream), tls)
            }
            Role::Client(connector) => {
                let handshake = TlsConnector::from(connector.config()).connect(connector.name(), stream);
                let stream = within::<R, _>(clock, deadline, handshake).await?;
                let tls = TlsInfo::of_client(stream.get_ref().1, connector.server_name());
                (TlsStream::Client(stream), tls)
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

    async fn compute<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        Ok(R::unblock(work).await)
    }
}
