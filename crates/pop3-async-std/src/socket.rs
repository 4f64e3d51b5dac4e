//! A stream of futures-io, in clear or in TLS, as a transport.

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

/// A stream, before or after the TLS handshake: a TCP connection of the runtime's, or whatever else reads and writes.
///
/// All deadlines hold on it, whatever the stream is: it is dropped where it is pending. Their timers are the runtime's.
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
    /// Any stream in clear. `role` is its side in a handshake.
    pub const fn over(stream: S, role: Role, clock: Clock) -> Self {
        Self { stream: Stream::Plain(stream), tls: None, is_tls: false, role, clock, runtime: PhantomData }
    }

    /// A stream that is in TLS already, by another library than rustls, say. What is sent on it is taken to be as safe
    /// as TLS makes it, passwords included: the caller has verified the peer. `tls` is what was agreed on, as far as it
    /// is known; without channel bindings -PLUS mechanisms are not used, and without certificates EXTERNAL is not.
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
            // The end without close_notify.
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
