//! A tokio stream as a transport, with or without TLS.

mod stream;
mod timer;

use core::future::poll_fn;
use core::pin::Pin;
use std::io;
use std::sync::Arc;

use pop3_driver::tls::{Role, TlsInfo, unavailable};
use pop3_driver::{Clock, Room, Transport};
use pop3_proto::Instant;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

use stream::Stream;
use timer::Timer;

/// A tokio stream as a [`Transport`], before or after the TLS handshake: a TCP connection, a Unix socket, one end of
/// [`tokio::io::duplex`], or any other stream.
///
/// All deadlines are kept on every kind of stream: a read or write that is late is abandoned. Like a tokio socket,
/// the timer belongs to the runtime in which the first operation was pending.
#[derive(Debug)]
pub struct Socket<S = TcpStream> {
    stream: Stream<S>,
    tls: Option<Arc<TlsInfo>>,
    is_tls: bool,
    role: Role,
    clock: Clock,
    timer: Timer,
    /// Acknowledges what was received, if the stream can do that.
    acknowledge: fn(&S),
}

impl Socket {
    /// Creates a socket from a TCP connection without TLS. `role` is its role in a TLS handshake. Small writes are
    /// sent immediately (TCP_NODELAY).
    ///
    /// # Errors
    /// Returns an error if the system refuses to set TCP_NODELAY.
    pub fn new(stream: TcpStream, role: Role, clock: Clock) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::accepted(stream, role, clock))
    }

    /// Like [`new`](Self::new), for a connection that has TCP_NODELAY already.
    pub(crate) fn accepted(stream: TcpStream, role: Role, clock: Clock) -> Self {
        Self { acknowledge, ..Self::over(stream, role, clock) }
    }
}

impl<S> Socket<S> {
    /// Creates a socket from any stream without TLS. `role` is its role in a TLS handshake.
    pub const fn over(stream: S, role: Role, clock: Clock) -> Self {
        let stream = Stream::Plain(stream);
        Self { stream, tls: None, is_tls: false, role, clock, timer: Timer::new(), acknowledge: |_| {} }
    }

    /// Creates a socket from a stream that is already in TLS, for example from another library than rustls.
    ///
    /// The client and the server trust the stream as if it were their own TLS, and send and accept passwords on it:
    /// the caller must have verified the peer. `tls` is the result of the handshake, as far as it is known. Without
    /// channel bindings, -PLUS mechanisms are not used. Without certificates, EXTERNAL is not used.
    pub fn in_tls(stream: S, tls: Option<TlsInfo>, clock: Clock) -> Self {
        Self { tls: tls.map(Arc::new), is_tls: true, ..Self::over(stream, Role::None, clock) }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for Socket<S> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        match self.timer.within(self.clock, deadline, self.stream.read(buffer)).await {
            // The end of the stream without close_notify.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }

    async fn read_into<R: Room>(&mut self, buffer: &mut R, deadline: Instant) -> io::Result<usize> {
        let stream = &mut self.stream;
        let received = poll_fn(|context| {
            let mut octets = ReadBuf::new(buffer.room());
            let poll = Pin::new(&mut *stream).poll_read(context, &mut octets);
            let received = octets.filled().len();
            if poll.is_pending() {
                buffer.release();
            }
            poll.map_ok(|()| received)
        });
        match self.timer.within(self.clock, deadline, received).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }

    fn acknowledge(&mut self) {
        (self.acknowledge)(self.stream.get_ref());
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
        let Self { stream, tls: _, is_tls, role, clock, mut timer, acknowledge } = self;
        if is_tls {
            return Err(unavailable());
        }
        let (stream, tls) = timer.within(clock, deadline, stream.handshake(&role)).await?;
        Ok(Self { stream, tls: tls.map(Arc::new), is_tls: true, role, clock, timer, acknowledge })
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
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

/// Acknowledges what was received, without waiting for a reply that could carry the ACK. Nothing is lost if the system
/// refuses.
fn acknowledge(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_quickack(true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}
