//! TLS by rustls on a stream that blocks.

use std::io::{self, Read as _, Write as _};

use pop3_driver::tls::{Role, ServerHandshake, TlsInfo, unavailable};
use rustls::{ClientConnection, Connection, ConnectionCommon, ServerConnection};

use super::timed::Timed;
use crate::stream::Stream;

#[derive(Debug)]
pub(super) struct Tls(Connection);

impl Tls {
    pub(super) fn handshake<S: Stream>(
        timed: &mut Timed<S>,
        role: &Role,
    ) -> io::Result<(Self, Option<TlsInfo>)> {
        if let Role::Client(connector) = role {
            let tls = ClientConnection::new(connector.config(), connector.name());
            let mut tls = tls.map_err(io::Error::other)?;
            complete(&mut tls, timed)?;
            let info = TlsInfo::of_client(&tls, connector.server_name());
            return Ok((Self(tls.into()), info));
        }
        let own = ServerHandshake::new(&*role.server_config().ok_or_else(unavailable)?);
        let mut tls = ServerConnection::new(own.config()).map_err(io::Error::other)?;
        complete(&mut tls, timed)?;
        let info = own.finish(&tls);
        Ok((Self(tls.into()), info))
    }

    pub(super) fn receive<S: Stream>(
        &mut self,
        timed: &mut Timed<S>,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            match self.0.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.0.read_tls(timed)?;
            let processed = self.0.process_new_packets();
            // Send an alert or the answer to a key update. This may be due even after an error.
            self.flush(timed)?;
            processed.map_err(io::Error::other)?;
        }
    }

    pub(super) fn send<S: Stream>(&mut self, timed: &mut Timed<S>, octets: &[u8]) -> io::Result<usize> {
        // There is room for more only after earlier output was sent.
        self.flush(timed)?;
        self.0.writer().write(octets)
    }

    pub(super) fn flush<S: Stream>(&mut self, timed: &mut Timed<S>) -> io::Result<()> {
        while self.0.wants_write() {
            if self.0.write_tls(timed)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    pub(super) fn close<S: Stream>(&mut self, timed: &mut Timed<S>) -> io::Result<()> {
        self.0.send_close_notify();
        self.flush(timed)?;
        timed.flush()
    }
}

/// Does the handshake. It is not left to `complete_io`, which reads on where a read was interrupted by the switch.
fn complete<D, S: Stream>(tls: &mut ConnectionCommon<D>, timed: &mut Timed<S>) -> io::Result<()> {
    loop {
        give(tls, timed)?;
        if !tls.is_handshaking() {
            return Ok(());
        }
        let octets = tls.read_tls(timed)?;
        if let Err(error) = tls.process_new_packets() {
            // Send the alert to the peer, if it is still there.
            let _ = give(tls, timed);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        if octets == 0 && tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Gives what is to be sent to the network.
fn give<D, S: Stream>(tls: &mut ConnectionCommon<D>, timed: &mut Timed<S>) -> io::Result<()> {
    while tls.wants_write() {
        if tls.write_tls(timed)? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    timed.flush()
}
