//! What a runtime gives.

use core::future::Future;
use core::time::Duration;
use std::io;
use std::time::Instant as StdInstant;

use pop3_proto::Instant;

use crate::tls::TlsInfo;

/// A connection of some runtime, in clear or in TLS.
///
/// Each call ends at its deadline at the latest, with [`io::ErrorKind::TimedOut`].
///
/// The futures of [`read`](Self::read), [`read_ahead`](Self::read_ahead), [`write`](Self::write),
/// [`flush`](Self::flush) and [`pause`](Self::pause) may be dropped at any time, and the transport can be used on. A future that was
/// dropped before it was ready has received nothing and taken nothing; it does its work when it is polled, and
/// not when it is made.
pub trait Transport: Send + Sized {
    /// The time, on the clock that all deadlines are on.
    fn now(&self) -> Instant;

    /// Receives at least one octet; 0 when the peer has ended its side.
    ///
    /// Over TLS, an end without close_notify counts as an end too: whether octets are missing is for
    /// the protocol to tell.
    fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> impl Future<Output = io::Result<usize>> + Send;

    /// Receives octets while something else is awaited, as [`read`](Self::read) does.
    ///
    /// The server watches its client by this while the store works. Default: nothing is received, and the deadline
    /// is awaited. That is for transports whose reads block: they must not hold up what is awaited, so they
    /// do not notice that the client has left.
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

    /// Takes octets from the front, at least one, and returns how many. They may stay in a buffer until
    /// [`flush`](Self::flush).
    fn write(&mut self, octets: &[u8], deadline: Instant) -> impl Future<Output = io::Result<usize>> + Send;

    /// Gives all that was taken to the network. Without anything to give, it does nothing.
    ///
    /// A flush that was dropped is taken up again by the next one, or by the next write.
    fn flush(&mut self, deadline: Instant) -> impl Future<Output = io::Result<()>> + Send;

    /// Sleeps.
    fn pause(&mut self, until: Instant) -> impl Future<Output = ()> + Send;

    /// Ends the own side: close_notify over TLS, then the end of the stream. Faults are of no
    /// interest any more.
    fn close(&mut self, deadline: Instant) -> impl Future<Output = ()> + Send;

    /// Does the TLS handshake on a connection in clear, as the server or the client that the
    /// transport was made for. Nothing that was received before may be kept.
    fn secure(self, deadline: Instant) -> impl Future<Output = io::Result<Self>> + Send;

    /// What was agreed in the handshake, if the connection is in TLS.
    fn tls(&self) -> Option<TlsInfo>;

    /// Whether the connection is in TLS.
    fn is_tls(&self) -> bool;

    /// Computes something that takes long, such as the hashes of SCRAM, where that holds up no other connection. If
    /// the future is dropped, the work may go on to its end. Default: at once, on this thread.
    ///
    /// # Errors
    /// When the runtime is shut down.
    fn compute<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> impl Future<Output = io::Result<R>> + Send {
        async move { Ok(work()) }
    }
}

/// A clock for [`Transport::now`]: monotonic, from an epoch of its own.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: StdInstant,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { epoch: StdInstant::now() }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::new(self.epoch.elapsed())
    }

    /// The time left until then, zero if it has passed.
    #[must_use]
    pub fn until(&self, deadline: Instant) -> Duration {
        deadline.since(self.now())
    }
}

/// What to say when a deadline has passed.
#[must_use]
pub fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "timed out")
}
