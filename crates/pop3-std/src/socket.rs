//! A blocking stream as a transport, with or without TLS.

#[cfg(not(feature = "rustls"))]
mod no_tls;
mod timed;
#[cfg(feature = "rustls")]
mod tls;

use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::time::Instant as StdInstant;

use pop3_driver::tls::{Role, TlsInfo, unavailable};
use pop3_driver::{Clock, Stop, Transport, pause, timed_out};
use pop3_proto::Instant;

use crate::stream::{Stream, Tcp};
#[cfg(not(feature = "rustls"))]
use no_tls::Tls;
use timed::Timed;
#[cfg(feature = "rustls")]
use tls::Tls;

/// A blocking stream as a [`Transport`], before or after the TLS handshake: a TCP connection, a Unix socket, or any
/// other [`Stream`]. The stream determines which deadlines are kept.
///
/// The futures of a socket block until they are done or their deadline has passed; they are never pending. The
/// exception is a pause within [`wait`](crate::wait), so that it can be interrupted.
#[derive(Debug)]
pub struct Socket<S = Tcp> {
    timed: Timed<S>,
    /// TLS with rustls.
    tls: Option<Box<Tls>>,
    info: Option<Arc<TlsInfo>>,
    /// Whether the stream itself is in TLS.
    carried: bool,
    role: Role,
}

/// How often a blocking read checks the switch, and a waiting session checks whether the peer has left. The system
/// has no other way to wake it that leaves the connection intact.
const LOOK: Duration = Duration::from_millis(100);

impl Socket {
    /// Creates a socket from a TCP connection without TLS. `role` is its role in a TLS handshake. Small writes are
    /// sent immediately (TCP_NODELAY). You may share the stream, for example to shut it down from elsewhere.
    ///
    /// # Errors
    /// Returns an error if the system refuses to set TCP_NODELAY.
    pub fn new(stream: impl Into<Tcp>, role: Role, clock: Clock) -> io::Result<Self> {
        let stream = stream.into();
        stream.as_ref().set_nodelay(true)?;
        Ok(Self::over(stream, role, clock))
    }
}

impl<S: Stream> Socket<S> {
    /// Creates a socket from any stream without TLS. `role` is its role in a TLS handshake.
    pub fn over(stream: S, role: Role, clock: Clock) -> Self {
        Self { timed: Timed::new(stream, clock), tls: None, info: None, carried: false, role }
    }

    /// Creates a socket from a stream that is already in TLS, for example from another library than rustls.
    ///
    /// The client and the server trust the stream as if it were their own TLS, and send and accept passwords on it:
    /// the caller must have verified the peer. `tls` is the result of the handshake, as far as it is known. Without
    /// channel bindings, -PLUS mechanisms are not used. Without certificates, EXTERNAL is not used.
    pub fn in_tls(stream: S, tls: Option<TlsInfo>, clock: Clock) -> Self {
        Self { info: tls.map(Arc::new), carried: true, ..Self::over(stream, Role::None, clock) }
    }

    /// Sets a switch that interrupts one read. When the switch is stopped, the current read, or else the next one,
    /// fails with [`io::ErrorKind::Interrupted`]. Later reads are not affected. If the [`Stream`] has no timeouts,
    /// the socket checks the switch only before a read.
    #[must_use]
    pub fn with_stop(mut self, stop: Option<Stop>) -> Self {
        self.timed.stop = stop;
        self
    }
}

impl<S: Stream> Transport for Socket<S> {
    fn now(&self) -> Instant {
        self.timed.clock.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.timed.deadline = deadline;
        let received = match &mut self.tls {
            Some(tls) => tls.receive(&mut self.timed, buffer),
            None => self.timed.read(buffer),
        };
        match received {
            // The end of the stream without close_notify.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            received => received,
        }
    }

    fn acknowledge(&mut self) {
        self.timed.stream.acknowledge();
    }

    /// Receives nothing, as that would block, but looks from time to time whether the peer has ended its side.
    async fn read_ahead(&mut self, _: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let left = self.timed.clock.until(deadline);
            if left.is_zero() {
                return Err(timed_out());
            }
            pause(StdInstant::now() + left.min(LOOK)).await;
            if self.timed.stream.has_ended()? {
                return Ok(0);
            }
        }
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        self.timed.deadline = deadline;
        match &mut self.tls {
            Some(tls) => tls.send(&mut self.timed, octets),
            None => self.timed.write(octets),
        }
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        self.timed.deadline = deadline;
        if let Some(tls) = &mut self.tls {
            tls.flush(&mut self.timed)?;
        }
        self.timed.flush()
    }

    async fn pause(&mut self, until: Instant) {
        pause(StdInstant::now() + self.timed.clock.until(until)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        self.timed.deadline = deadline;
        // The peer may be gone already.
        let ended = self.tls.as_mut().map_or(Ok(()), |tls| tls.close(&mut self.timed));
        let _ = ended.and_then(|()| self.timed.end());
    }

    async fn secure(mut self, deadline: Instant) -> io::Result<Self> {
        if self.is_tls() {
            return Err(unavailable());
        }
        self.timed.deadline = deadline;
        let (tls, info) = Tls::handshake(&mut self.timed, &self.role)?;
        Ok(Self { tls: Some(Box::new(tls)), info: info.map(Arc::new), ..self })
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        self.info.clone()
    }

    fn is_tls(&self) -> bool {
        self.carried || self.tls.is_some()
    }
}
