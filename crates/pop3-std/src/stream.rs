//! Streams for blocking transports.

mod carried;
mod tcp;
mod untimed;

pub use carried::Carried;
pub use tcp::Tcp;
pub use untimed::Untimed;

use core::fmt;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

/// A blocking stream, for a [`Socket`](crate::Socket).
///
/// Only the system can end a blocking call: with a timeout that the stream sets, or when another thread shuts the
/// stream down. Deadlines are kept only if the stream has timeouts. A server can end a session that waits only if its
/// stream can be shut down. Each implementation documents what it lacks.
pub trait Stream: Read + Write + Send {
    /// Sets the maximum time for which a read may block. Later reads fail after this time with
    /// [`io::ErrorKind::WouldBlock`] or [`io::ErrorKind::TimedOut`]. The time is never zero.
    ///
    /// # Errors
    /// Returns an error if the system refuses the timeout.
    fn limit_reads(&mut self, time: Duration) -> io::Result<()>;

    /// Sets the maximum time for which a write may block, like [`limit_reads`](Self::limit_reads).
    ///
    /// # Errors
    /// Returns an error if the system refuses the timeout.
    fn limit_writes(&mut self, time: Duration) -> io::Result<()>;

    /// Closes this side of the stream. The peer reads the end of the stream.
    ///
    /// # Errors
    /// Returns an error if the peer has already left.
    fn end(&mut self) -> io::Result<()>;

    /// Returns whether the peer has closed its side and there is nothing left to read. Must not block and must not
    /// read. Default: `false`, for streams that cannot detect this. A store is then not told when its client has
    /// left.
    ///
    /// # Errors
    /// Returns an error if the connection is lost.
    fn has_ended(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// Acknowledges what was received at once, without waiting for a reply that could carry the ACK (`TCP_QUICKACK` on
    /// Linux). Default: does nothing.
    fn acknowledge(&mut self) {}

    /// Returns a handle that unblocks the stream from another thread, or `None` if that is not possible.
    ///
    /// # Errors
    /// Returns an error if the system has no file descriptor left.
    fn unblock(&self) -> io::Result<Option<Unblock>>;
}

/// A handle that unblocks a stream from another thread by shutting down one or both of its sides. All clones act on
/// the same stream.
#[derive(Clone)]
pub struct Unblock(Arc<dyn Fn(Shutdown) + Send + Sync>);

impl Unblock {
    /// Creates a handle from a function that shuts down the stream. Blocked reads or writes must then return the end
    /// of the stream or an error.
    pub fn new(shut: impl Fn(Shutdown) + Send + Sync + 'static) -> Self {
        Self(Arc::new(shut))
    }

    /// Shuts down these sides of the stream.
    pub fn shut(&self, how: Shutdown) {
        (self.0)(how);
    }
}

impl fmt::Debug for Unblock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unblock(..)")
    }
}

/// All deadlines are kept. The stream cannot detect without reading that the peer has left. Unblocking it needs
/// another file descriptor.
#[cfg(unix)]
impl Stream for std::os::unix::net::UnixStream {
    fn limit_reads(&mut self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))
    }

    fn limit_writes(&mut self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }

    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn unblock(&self) -> io::Result<Option<Unblock>> {
        let stream = self.try_clone()?;
        Ok(Some(Unblock::new(move |how| drop(stream.shutdown(how)))))
    }
}
