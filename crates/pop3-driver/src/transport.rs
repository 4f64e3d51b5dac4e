//! The interface to a runtime.

use core::future::Future;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant as StdInstant;

use pop3_proto::Instant;

use crate::tls::TlsInfo;

/// A connection, in clear text or in TLS. An adapter implements this trait for its runtime.
///
/// Each call returns by its deadline. If the deadline passes first, the call fails with [`io::ErrorKind::TimedOut`].
///
/// # Dropping futures
///
/// The caller may drop the futures of [`read`](Self::read), [`read_ahead`](Self::read_ahead), [`write`](Self::write),
/// [`flush`](Self::flush) and [`pause`](Self::pause) at any time and continue to use the transport. A future that was
/// dropped before it was ready must not have received or taken any octets. A future does its work when it is polled,
/// not when it is created.
///
/// # Example
///
/// A transport without TLS over a blocking socket. Its futures are never pending.
///
/// ```
/// use std::io::{self, Read as _, Write as _};
/// use std::net::{Shutdown, TcpStream};
/// use std::sync::Arc;
///
/// use pop3_driver::tls::{self, TlsInfo};
/// use pop3_driver::{Clock, Transport, timed_out};
/// use pop3_proto::Instant;
///
/// struct Socket {
///     stream: TcpStream,
///     clock: Clock,
/// }
///
/// impl Socket {
///     fn limit(&self, deadline: Instant) -> io::Result<()> {
///         let left = self.clock.until(deadline);
///         if left.is_zero() {
///             return Err(timed_out());
///         }
///         self.stream.set_read_timeout(Some(left))?;
///         self.stream.set_write_timeout(Some(left))
///     }
/// }
///
/// /// Unix reports a timeout of the socket as `WouldBlock`.
/// fn named(error: io::Error) -> io::Error {
///     if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
/// }
///
/// impl Transport for Socket {
///     fn now(&self) -> Instant {
///         self.clock.now()
///     }
///
///     async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
///         self.limit(deadline)?;
///         self.stream.read(buffer).map_err(named)
///     }
///
///     async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
///         self.limit(deadline)?;
///         self.stream.write(octets).map_err(named)
///     }
///
///     async fn flush(&mut self, _: Instant) -> io::Result<()> {
///         Ok(()) // `write` has no buffer.
///     }
///
///     async fn pause(&mut self, until: Instant) {
///         std::thread::sleep(self.clock.until(until));
///     }
///
///     async fn close(&mut self, _: Instant) {
///         let _ = self.stream.shutdown(Shutdown::Write);
///     }
///
///     async fn secure(self, _: Instant) -> io::Result<Self> {
///         Err(tls::unavailable())
///     }
///
///     fn tls(&self) -> Option<Arc<TlsInfo>> {
///         None
///     }
///
///     fn is_tls(&self) -> bool {
///         false
///     }
/// }
/// ```
pub trait Transport: Send + Sized {
    /// Returns the current time. All deadlines are on this clock.
    fn now(&self) -> Instant;

    /// Receives at least one octet. Returns 0 when the peer has closed its side.
    ///
    /// Over TLS, the end of the stream without close_notify also counts as the end. The protocol detects whether
    /// octets are missing.
    fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Like [`read`](Self::read), but needs a buffer only once there is something to receive. A connection that waits
    /// for its peer, possibly for minutes, then holds no memory for it.
    ///
    /// Call [`Room::room`] for each attempt, and [`Room::release`] if there was nothing to receive. The default takes
    /// the room once and [reads](Self::read).
    fn read_into<R: Room>(
        &mut self,
        buffer: &mut R,
        deadline: Instant,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        self.read(buffer.room(), deadline)
    }

    /// Tells that the peer has sent a part of a line. A peer that sends a command and its line end in two packets may
    /// not send the second one before the first one is acknowledged. The system delays that by up to 40 ms, because it
    /// expects a reply to send along. Ask it to acknowledge at once, if it can (`TCP_QUICKACK`). The default does
    /// nothing.
    fn acknowledge(&mut self) {}

    /// Receives octets while something else is awaited, as [`read`](Self::read) does.
    ///
    /// The server uses this to detect that the client has left while the store is still working. The default receives
    /// nothing and waits for the deadline. It is meant for transports whose reads block: a blocking read would delay
    /// the store. On such a transport, the server does not detect this.
    fn read_ahead(
        &mut self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        let _ = buffer;
        async move {
            self.pause(deadline).await;
            Err(timed_out())
        }
    }

    /// Takes at least one octet from the front and returns how many it took. They may stay in a buffer until
    /// [`flush`](Self::flush).
    fn write(&mut self, octets: &[u8], deadline: Instant) -> impl Future<Output = io::Result<usize>> + Send;

    /// Sends everything that was taken by [`write`](Self::write). Does nothing if the buffer is empty.
    ///
    /// After a flush was dropped, the next flush or write continues its work.
    fn flush(&mut self, deadline: Instant) -> impl Future<Output = io::Result<()>> + Send;

    /// Sleeps until this time.
    fn pause(&mut self, until: Instant) -> impl Future<Output = ()> + Send;

    /// Closes this side: sends close_notify over TLS, then ends the stream. Errors are ignored.
    fn close(&mut self, deadline: Instant) -> impl Future<Output = ()> + Send;

    /// Does the TLS handshake on a connection in clear text. The transport knows whether it is the server or the
    /// client. It must discard everything that it received before (RFC 2595 section 4).
    fn secure(self, deadline: Instant) -> impl Future<Output = io::Result<Self>> + Send;

    /// Returns the result of the handshake, if the connection is in TLS.
    fn tls(&self) -> Option<Arc<TlsInfo>>;

    /// Returns whether the connection is in TLS.
    fn is_tls(&self) -> bool;

    /// Runs a long computation, such as the hashes of SCRAM, where it does not delay other connections. If the future
    /// is dropped, the computation may still run to its end. The default runs it immediately, on this thread.
    ///
    /// # Errors
    /// Returns an error if the runtime is shut down.
    fn compute<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> impl Future<Output = io::Result<R>> + Send {
        async move { Ok(work()) }
    }
}

/// Room for octets that are received, which need not exist while there are none.
pub trait Room: Send {
    /// Returns the room. It is never empty. Takes memory if there is none.
    fn room(&mut self) -> &mut [u8];

    /// Gives the memory back, unless something was received before. The next [`room`](Self::room) takes it again.
    fn release(&mut self);
}

/// A monotonic clock for [`Transport::now`]. Its epoch is the moment at which it was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: StdInstant,
}

impl Clock {
    /// Starts a clock.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: StdInstant::now() }
    }

    /// Returns the current time.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::new(self.epoch.elapsed())
    }

    /// Returns the time left until the deadline, zero if it has passed.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Duration {
        deadline.since(self.now())
    }
}

/// Returns the error for a call whose deadline has passed.
#[must_use]
pub fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "timed out")
}
