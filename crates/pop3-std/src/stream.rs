//! What a blocking transport needs of a stream.

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

/// A stream that blocks, for a [`Socket`](crate::Socket).
///
/// What blocks can be ended only by the system: by a time-out that the stream sets, or by shutting it down from another
/// thread. Deadlines hold as far as a stream has the one, and the end of a server as far as it has the other. Each
/// implementation says what does not hold on it.
pub trait Stream: Read + Write + Send {
    /// From now on no read blocks longer: it fails with [`io::ErrorKind::WouldBlock`] or
    /// [`io::ErrorKind::TimedOut`]. The time is never zero.
    ///
    /// # Errors
    /// When the system refuses that.
    fn limit_reads(&mut self, time: Duration) -> io::Result<()>;

    /// The same for writes.
    ///
    /// # Errors
    /// When the system refuses that.
    fn limit_writes(&mut self, time: Duration) -> io::Result<()>;

    /// Ends the own side: the peer reads to the end.
    ///
    /// # Errors
    /// When the peer is gone already.
    fn end(&mut self) -> io::Result<()>;

    /// Whether the peer has ended its side and nothing is left to be read, found without blocking and without reading.
    /// Default: `false`, as for a stream that can't tell. A store then does not learn that its client has left.
    ///
    /// # Errors
    /// When the connection is lost.
    fn has_ended(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    /// What unblocks the stream from another thread; `None` where nothing can.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    fn unblock(&self) -> io::Result<Option<Unblock>>;
}

/// What unblocks a stream from another thread: it shuts down the side that is given to it. Clones do the same.
#[derive(Clone)]
pub struct Unblock(Arc<dyn Fn(Shutdown) + Send + Sync>);

impl Unblock {
    /// Whoever reads, or writes, is to be unblocked by this, and to see an end or a fault.
    pub fn new(shut: impl Fn(Shutdown) + Send + Sync + 'static) -> Self {
        Self(Arc::new(shut))
    }

    /// Unblocks.
    pub fn shut(&self, how: Shutdown) {
        (self.0)(how);
    }
}

impl fmt::Debug for Unblock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unblock(..)")
    }
}

/// All deadlines hold. It can't be told without reading that the peer is gone. What unblocks it is another descriptor.
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
