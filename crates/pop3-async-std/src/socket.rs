//! A futures-io stream as a transport, with or without TLS.

mod stream;

use core::marker::PhantomData;
use std::io;

use futures_io::{AsyncRead, AsyncWrite};
use futures_util::{AsyncReadExt as _, AsyncWriteExt as _};
use pop3_driver::tls::{Role, TlsInfo, unavailable};
use pop3_driver::{Clock, Transport};
use pop3_proto::Instant;

use crate::runtime::{Runtime, within};
use stream::Stream;

/// A stream as a [`Transport`], before or after the TLS handshake: a TCP connection of the runtime, or any other
/// stream.
///
/// All deadlines are kept on every kind of stream: a read or write that is late is dropped. The timers are those of
/// the runtime.
#[derive(Debug)]
pub struct Socket<R: Runtime, S = <R as Runtime>::Stream> {
    stream: Stream<S>,
    tls: Option<TlsInfo>,
    is_tls: bool,
    role: Role,
    clock: Clock,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime, S> Socket<R, S> {
    /// Creates a socket from any stream without TLS. `role` is its role in a TLS handshake.
    pub const fn over(stream: S, role: Role, clock: Clock) -> Self {
        Self { stream: Stream::Plain(stream), tls: None, is_tls: false, role, clock, runtime: PhantomData }
    }

    /// Creates a socket from a stream that is already in TLS, for example from another library than rustls.
    ///
    /// The client and the server trust the stream as if it were their own TLS, and send and accept passwords on it:
    /// the caller must have verified the peer. `tls` is the result of the handshake, as far as it is known. Without
    /// channel bindings, -PLUS mechanisms are not used. Without certificates, EXTERNAL is not used.
    pub const fn in_tls(stream: S, tls: Option<TlsInfo>, clock: Clock) -> Self {
        Self {
            stream: Stream::Plain(stream),
            tls,
            is_tls: true,
            role: Role::None,
            clock,
            runtime: PhantomData,
        }
    }
}

impl<R: Runtime, S: AsyncRead + AsyncWrite + Unpin + Send> Transport for Socket<R, S> {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        match within::<R, _>(self.clock, deadline, self.stream.read(buffer)).await {
            // The end of the stream without close_notify.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            result => result,
        }
    }

    async fn read_ahead(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        Transport::read(self, buffer, deadline).await
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        within::<R, _>(self.clock, deadline, self.stream.write(octets)).await
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        within::<R, _>(self.clock, deadline, self.stream.flush()).await
    }

    async fn pause(&mut self, until: Instant) {
        R::sleep(self.clock.until(until)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        // The peer may be gone already.
        let _ = within::<R, _>(self.clock, deadline, self.stream.close()).await;
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        let Self { stream, tls: _, is_tls, role, clock, runtime } = self;
        if is_tls {
            return Err(unavailable());
        }
        let (stream, tls) = within::<R, _>(clock, deadline, stream.handshake(&role)).await?;
        Ok(Self { stream, tls, is_tls: true, role, clock, runtime })
    }

    fn tls(&self) -> Option<TlsInfo> {
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
