//! What a runtime adds to the futures-io traits.

use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use std::io;

use futures_io::{AsyncRead, AsyncWrite};
use pop3_driver::{Clock, timed_out};
use pop3_proto::Instant;

/// A runtime: async-std, smol, or another one with futures-io sockets.
pub trait Runtime: Send + Sync + Sized + 'static {
    /// A TCP connection.
    type Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin + core::fmt::Debug + 'static;
    /// A TCP listener.
    type Listener: Send + Sync + 'static;
    /// A task. It continues when this handle is dropped.
    type Task: Future<Output = ()> + Send + Unpin + 'static;

    /// Connects to a server over TCP. Small writes are sent immediately (TCP_NODELAY).
    fn connect(host: &str, port: u16) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Waits for a connection. Returns it with the address of the client and the local address. Small writes are sent
    /// immediately (TCP_NODELAY).
    fn accept(
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, SocketAddr, SocketAddr)>> + Send;

    /// Acknowledges what was received on a connection at once, without waiting for a reply that could carry the ACK
    /// (`TCP_QUICKACK` on Linux). The default does nothing.
    fn acknowledge(stream: &Self::Stream) {
        let _ = stream;
    }

    /// Sleeps for this time.
    fn sleep(span: Duration) -> impl Future<Output = ()> + Send;

    /// Starts a task.
    fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self::Task;

    /// Runs a call on a thread where it may block. The call runs to completion even if the future is dropped.
    fn unblock<T: Send + 'static>(
        call: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = T> + Send;
}

/// Awaits the result, but not beyond the deadline.
pub(crate) async fn within<R: Runtime, T>(
    clock: Clock,
    deadline: Instant,
    result: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let mut result = pin!(result);
    let mut sleep = pin!(R::sleep(clock.until(deadline)));
    poll_fn(|context| {
        if let Poll::Ready(result) = result.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        sleep.as_mut().poll(context).map(|()| Err(timed_out()))
    })
    .await
}
