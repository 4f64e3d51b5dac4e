//! A stream of tokio's, in clear or in TLS, as a transport.

mod stream;
mod timer;

use std::io;

use pop3_driver::tls::{Role, TlsInfo, unavailable};
use pop3_driver::{Clock, Transport};
use pop3_proto::Instant;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use stream::Stream;
use timer::Timer;

/// A stream of tokio's, before or after the TLS handshake: a TCP connection, a Unix socket, one end of
/// [`tokio::io::duplex`], or whatever else reads and writes.
///
/// All deadlines hold on it, whatever the stream is: what is pending is given up. Their timer belongs to the runtime in
/// which something was pending first, as a socket of tokio's does.
#[derive(Debug)]
pub struct Socket<S = TcpStream> {
    stream: Stream<S>,
    tls: Option<TlsInfo>,
    is_tls: bool,
    role: Role,
    clock: Clock,
    timer: Timer,
}

impl Socket {
    /// A TCP connection in clear. `role` is its side in a handshake. Small writes leave at once
    /// (TCP_NODELAY).
    ///
    /// # Errors
    /// When the system refuses that.
    pub fn new(stream: TcpStream, role: Role, clock: Clock) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::over(stream, role, clock))
    }
}

impl<S> Socket<S> {
    /// Any stream in clear. `role` is its side in a handshake.
    pub const fn over(stream: S, role: Role, clock: Clock) -> Self {
        let stream = Stream::Plain(stream);
        Self { stream, tls: None, is_tls: false, role, clock, timer: Timer::new() }
    }

    /// A stream that is in TLS already, by another library than rustls, say. What is sent on it is taken to be as safe
    /// as TLS makes it, passwords included: the caller has verified the peer. `tls` is what was agreed on, as far as it
    /// is known; without channel bindings -PLUS mechanisms are not used, and without certificates EXTERNAL is not.
    pub const fn in_tls(stream: S, tls: Option<TlsInfo>, clock: Clock) -> Self {
        let stream = Stream::Plain(stream);
        Self { stream, tls, is_tls: true, role: Role::None, clock, timer: Timer::new() }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for Socket<S> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        match self.timer.within(self.clock, deadline, self.stream.read(buffer)).await {
            // The end without close_notify.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }

    async fn read_ahead(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        Transport::read(self, buffer, deadline).await
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        self.timer.within(self.clock, deadline, self.stream.write(octets)).await
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        self.timer.within(self.clock, deadline, self.stream.flush()).await
    }

    async fn pause(&mut self, until: Instant) {
        sleep(self.clock.until(until)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        // The peer may be gone already.
        let _ = self.timer.within(self.clock, deadline, self.stream.shutdown()).await;
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        let Self { stream, tls: _, is_tls, role, clock, mut timer } = self;
        if is_tls {
            return Err(unavailable());
        }
        let (stream, tls) = timer.within(clock, deadline, stream.handshake(&role)).await?;
        Ok(Self { stream, tls, is_tls: true, role, clock, timer })
    }

    fn tls(&self) -> Option<TlsInfo> {
        self.tls.clone()
    }

    fn is_tls(&self) -> bool {
        self.is_tls
    }

    async fn compute<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> io::Result<R> {
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
    }
}
