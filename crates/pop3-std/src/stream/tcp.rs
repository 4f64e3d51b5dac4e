//! TCP connections.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use super::{Stream, Unblock};

/// A shared TCP connection. All deadlines are kept. It can be unblocked without another file descriptor, because the
/// handle that unblocks it shares the connection.
#[derive(Clone, Debug)]
pub struct Tcp(Arc<TcpStream>);

impl From<TcpStream> for Tcp {
    fn from(stream: TcpStream) -> Self {
        Self(stream.into())
    }
}

impl From<Arc<TcpStream>> for Tcp {
    fn from(stream: Arc<TcpStream>) -> Self {
        Self(stream)
    }
}

impl AsRef<TcpStream> for Tcp {
    fn as_ref(&self) -> &TcpStream {
        &self.0
    }
}

impl Read for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Tcp {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        (&*self.0).write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

impl Stream for Tcp {
    fn limit_reads(&mut self, time: Duration) -> io::Result<()> {
        self.0.set_read_timeout(Some(time))
    }

    fn limit_writes(&mut self, time: Duration) -> io::Result<()> {
        self.0.set_write_timeout(Some(time))
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        has_ended(&self.0)
    }

    fn acknowledge(&mut self) {
        acknowledge(&self.0);
    }

    fn unblock(&self) -> io::Result<Option<Unblock>> {
        let stream = Arc::clone(&self.0);
        Ok(Some(Unblock::new(move |how| drop(stream.shutdown(how)))))
    }
}

/// All deadlines are kept. Unblocking it needs another file descriptor; [`Tcp`] does not.
impl Stream for TcpStream {
    fn limit_reads(&mut self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))
    }

    fn limit_writes(&mut self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }

    fn end(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn has_ended(&mut self) -> io::Result<bool> {
        has_ended(self)
    }

    fn acknowledge(&mut self) {
        acknowledge(self);
    }

    fn unblock(&self) -> io::Result<Option<Unblock>> {
        let stream = self.try_clone()?;
        Ok(Some(Unblock::new(move |how| drop(stream.shutdown(how)))))
    }
}

fn has_ended(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let seen = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    match seen {
        Ok(octets) => Ok(octets == 0),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Nothing is lost if the system refuses.
fn acknowledge(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _ = std::os::linux::net::TcpStreamExt::set_quickack(stream, true);
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}
