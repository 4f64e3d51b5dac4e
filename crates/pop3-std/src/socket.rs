//! A TCP connection, in clear or in TLS, as a transport that blocks.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Instant as StdInstant;

use pop3_driver::tls::{Role, ServerHandshake, TlsInfo, unavailable};
use pop3_driver::{Clock, Stop, Transport, pause, timed_out};
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
    /// A read ends when this is thrown, once.
    stop: Option<Stop>,
}

/// How often a read that blocks looks at the switch. The system has no other way to wake it that leaves the
/// connection as it is.
const LOOK: Duration = Duration::from_millis(100);

impl Socket {
    /// A connection in clear. `role` is its side in a handshake. Small writes leave at once
    /// (TCP_NODELAY). The stream may be shared with who wants to shut it down.
    ///
    /// # Errors
    /// When the system refuses that.
    pub fn new(stream: impl Into<Arc<TcpStream>>, role: Role, clock: Clock) -> io::Result<Self> {
        let stream = stream.into();
        stream.set_nodelay(true)?;
        let tcp = Timed { stream, clock, deadline: clock.now(), stop: None };
        Ok(Self { tcp, tls: None, info: None, role })
    }

    /// Has the first read that is under way or begins when the switch is thrown end with
    /// [`io::ErrorKind::Interrupted`]; later reads are not disturbed.
    #[must_use]
    pub fn with_stop(mut self, stop: Option<Stop>) -> Self {
        self.tcp.stop = stop;
        self
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
        // There is room for more only behind what has left.
        while tls.wants_write() {
            tls.write_tls(&mut self.tcp)?;
        }
        tls.writer().write(octets)
    }

    fn give(&mut self, deadline: Instant) -> io::Result<()> {
        self.tcp.deadline = deadline;
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.tcp)?;
            }
        }
        Ok(())
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
            Connection::Client(connection) => {
                let Role::Client(connector) = &self.role else { return Err(unavailable()) };
                TlsInfo::of_client(connection, connector.server_name())
            }
        };
        self.tls = Some(Box::new(tls));
        Ok(self)
    }
}

impl Timed {
    fn left(&self) -> io::Result<Duration> {
        let left = self.clock.until(self.deadline);
        if left.is_zero() { Err(timed_out()) } else { Ok(left) }
    }
}

impl Timed {
    /// Whether the peer has ended its side, and nothing is left to be read.
    fn has_ended(&self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let seen = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false)?;
        match seen {
            Ok(octets) => Ok(octets == 0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            if self.stop.as_ref().is_some_and(Stop::is_stopped) {
                self.stop = None;
                return Err(interrupted());
            }
            let looks = self.stop.is_some() && left > LOOK;
            self.stream.set_read_timeout(Some(if looks { LOOK } else { left }))?;
            match (&*self.stream).read(buffer) {
                Err(error) if looks && waited_in_vain(&error) => {}
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

fn waited_in_vain(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn interrupted() -> io::Error {
    io::Error::new(io::ErrorKind::Interrupted, "told to end")
}

impl Transport for Socket {
    fn now(&self) -> Instant {
        self.tcp.clock.now()
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.receive(buffer, deadline)
    }

    /// Receives nothing, as that would block, but looks from time to time whether the peer has ended its side.
    async fn read_ahead(&mut self, _: &mut [u8], deadline: Instant) -> io::Result<usize> {
        loop {
            let left = self.tcp.clock.until(deadline);
            if left.is_zero() {
                return Err(timed_out());
            }
            pause(StdInstant::now() + left.min(LOOK)).await;
            if self.tcp.has_ended()? {
                return Ok(0);
            }
        }
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        self.send(octets, deadline)
    }

    async fn flush(&mut self, deadline: Instant) -> io::Result<()> {
        self.give(deadline)
    }

    async fn pause(&mut self, until: Instant) {
        pause(StdInstant::now() + self.tcp.clock.until(until)).await;
    }

    async fn close(&mut self, deadline: Instant) {
        // The peer may be gone already.
        let _ = self.end(deadline);
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        self.handshake(deadline)
    }

    fn tls(&self) -> Option<TlsInfo> {
        self.info.clone()
    }

    fn is_tls(&self) -> bool {
        self.tls.is_some()
    }
}
