//! A futures-io stream as a transport, with or without TLS.

mod stream;
mod timer;

use core::future::poll_fn;
use core::pin::Pin;
use std::io;
use std::sync::Arc;

use futures_io::{AsyncRead, AsyncWrite};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use pop3_driver::tls::{Role, TlsInfo, unavailable};
use pop3_driver::{Clock, Room, Transport};
use pop3_proto::Instant;

use crate::runtime::Runtime;
use stream::Stream;
use timer::Timer;

/// A stream as a [`Transport`], before or after the TLS handshake: a TCP connection of the runtime, or any other
/// stream.
///
/// All deadlines are kept on every kind of stream: a read or write that is late is dropped. The timers are those of
/// the runtime.
#[derive(Debug)]
pub struct Socket<R: Runtime, S = <R as Runtime>::Stream> {
    stream: Stream<S>,
    tls: Option<Arc<TlsInfo>>,
    is_tls: bool,
    role: Role,
    clock: Clock,
    timer: Timer<R>,
    /// Acknowledges what was received, if the stream can do that.
    acknowledge: fn(&S),
}

impl<R: Runtime> Socket<R> {
    /// Creates a socket from a TCP connection without TLS. `role` is its role in a TLS handshake.
    pub fn new(stream: R::Stream, role: Role, clock: Clock) -> Self {
        Self { acknowledge: R::acknowledge, ..Self::over(stream, role, clock) }
    }
}

impl<R: Runtime, S> Socket<R, S> {
    /// Creates a socket from any stream without TLS. `role` is its role in a TLS handshake.
    pub const fn over(stream: S, role: Role, clock: Clock) -> Self {
        let timer = Timer::new();
        Self {
            stream: Stream::Plain(stream),
            tls: None,
            is_tls: false,
            role,
            clock,
            timer,
            acknowledge: |_| {},
        }
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

impl<R: Runtime, S: AsyncRead + AsyncWrite + Unpin + Send> Transport for Socket<R, S> {
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

    async fn read_into<B: Room>(&mut self, buffer: &mut B, deadline: Instant) -> io::Result<usize> {
        let stream = &mut self.stream;
        let received = poll_fn(|context| {
            let received = Pin::new(&mut *stream).poll_read(context, buffer.room());
            if received.is_pending() {
                buffer.release();
            }
            received
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
        R::sleep(self.clock.until(until)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        // The peer may be gone already.
        let _ = self.timer.within(self.clock, deadline, self.stream.close()).await;
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

    async fn compute<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        Ok(R::unblock(work).await)
    }
}
