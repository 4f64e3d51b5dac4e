//! A TCP connection, in clear or in TLS, as a transport that blocks.

use core::future::{Future, ready};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Instant as StdInstant;

use pop3_driver::tls::{Role, ServerHandshake, TlsInfo, unavailable};
use pop3_driver::{Clock, Transport, pause, timed_out};
use pop3_proto::Instant;
use rustls::{ClientConnection, Connection, ServerConnection};

/// A blocking TCP connection, before or after the TLS handshake.
///
/// Its futures are never pending: they block until they are done or their deadline has come. Only a pause is
/// pending within [`wait`](crate::wait), so that it can be ended from outside.
#[derive(Debug)]
pub struct Socket {
    tcp: Timed,
    tls: Option<Box<Connection>>,
    info: Option<TlsInfo>,
    role: Role,
}

/// A TCP connection on which no call goes beyond the deadline.
#[derive(Debug)]
struct Timed {
    /// Shared, so that who ends the connection from outside needs no descriptor of his own.
    stream: Arc<TcpStream>,
    clock: Clock,
    deadline: Instant,
}

impl Socket {
    /// A connection in clear. `role` is its side in a handshake. Small writes leave at once
    /// (TCP_NODELAY). The stream may be shared with who wants to shut it down.
    ///
    /// # Errors
    /// When the system refuses that.
    pub fn new(stream: impl Into<Arc<TcpStream>>, role: Role, clock: Clock) -> io::Result<Self> {
        let stream = stream.into();
        stream.set_nodelay(true)?;
        Ok(Self { tcp: Timed { stream, clock, deadline: clock.now() }, tls: None, info: None, role })
    }

    fn receive(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.tcp.deadline = deadline;
        let Some(tls) = &mut self.tls else { return self.tcp.read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                // The end without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            tls.read_tls(&mut self.tcp)?;
            let processed = tls.process_new_packets();
            // An alert, an answer to a change of keys: it may be due even after an error.
            while tls.wants_write() {
                tls.write_tls(&mut self.tcp)?;
            }
            processed.map_err(io::Error::other)?;
        }
    }

    fn send(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        self.tcp.deadline = deadline;
        let Some(tls) = &mut self.tls else { return self.tcp.write(octets) };
        let written = tls.writer().write(octets)?;
        while tls.wants_write() {
            tls.write_tls(&mut self.tcp)?;
        }
        Ok(written)
    }

    fn end(&mut self, deadline: Instant) -> io::Result<()> {
        self.tcp.deadline = deadline;
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut self.tcp)?;
            }
        }
        self.tcp.stream.shutdown(Shutdown::Write)
    }

    fn handshake(mut self, deadline: Instant) -> io::Result<Self> {
        self.tcp.deadline = deadline;
        let mut own = None;
        let mut tls: Connection = match &self.role {
            _ if self.tls.is_some() => return Err(unavailable()),
            Role::Server(config) => {
                let own = own.insert(ServerHandshake::new(config));
                ServerConnection::new(own.config()).map_err(io::Error::other)?.into()
            }
            Role::Client(connector) => {
                let connection = ClientConnection::new(connector.config(), connector.name());
                connection.map_err(io::Error::other)?.into()
            }
            Role::None => return Err(unavailable()),
        };
        while tls.is_handshaking() {
            if tls.complete_io(&mut self.tcp)? == (0, 0) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.info = match &tls {
            Connection::Server(connection) => own.and_then(|own| own.finish(connection)),
            Connection::Client(connection) => TlsInfo::of_client(connection),
        };
        self.tls = Some(Box::new(tls));
        Ok(self)
    }
}

impl Timed {
    fn left(&self) -> io::Result<core::time::Duration> {
        let left = self.clock.until(self.deadline);
        if left.is_zero() { Err(timed_out()) } else { Ok(left) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match (&*self.stream).read(buffer) {
                // A signal of the process's: with a time-out set, the system does not read on by itself.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(waited),
            }
        }
    }
}

impl Write for Timed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match (&*self.stream).write(octets) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(waited),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.stream).flush()
    }
}

/// A time-out of the system's is called by either name.
fn waited(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
}

impl Transport for Socket {
    fn now(&self) -> Instant {
        self.tcp.clock.now()
    }

    fn read(
        &mut self,
        buffer: &mut [u8],
        deadline: Instant,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        ready(self.receive(buffer, deadline))
    }

    fn write(&mut self, octets: &[u8], deadline: Instant) -> impl Future<Output = io::Result<usize>> + Send {
        ready(self.send(octets, deadline))
    }

    fn pause(&mut self, until: Instant) -> impl Future<Output = ()> + Send {
        pause(StdInstant::now() + self.tcp.clock.until(until))
    }

    fn close(&mut self, deadline: Instant) -> impl Future<Output = ()> + Send {
        // The peer may be gone already.
        let _ = self.end(deadline);
        ready(())
    }

    fn secure(self, deadline: Instant) -> impl Future<Output = io::Result<Self>> + Send {
        ready(self.handshake(deadline))
    }

    fn tls(&self) -> Option<TlsInfo> {
        self.info.clone()
    }

    fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}
