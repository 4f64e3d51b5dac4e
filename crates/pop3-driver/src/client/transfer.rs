//! Octets to the server and from it, each within its deadline.

use std::io;

use bytes::Buf as _;
use pop3_proto::Instant;
use zeroize::Zeroize as _;

use super::{Client, ClientError, GRACE};
use crate::stop::{Stop, unless};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Sends what is due, and waits for octets.
    pub(super) async fn progress(&mut self) -> Result<(), ClientError> {
        self.send().await?;
        self.receive().await
    }

    /// Sends the output, which may hold a password, and leaves no trace of it.
    async fn send(&mut self) -> Result<(), ClientError> {
        // Who was stopped before has the grace to send, and not more.
        self.is_stopping();
        while !self.out.is_empty() {
            let deadline = self.deadline();
            self.unflushed = true;
            let stop = self.stop.as_ref().filter(|_| !self.stopping);
            let sent =
                unless(stop, self.transport.write(&self.out, deadline)).await.ok_or(ClientError::Stopped)?;
            let sent = sent.map_err(|error| self.broken(error))?;
            if sent == 0 {
                return Err(self.broken(io::ErrorKind::WriteZero.into()));
            }
            let sent = sent.min(self.out.len());
            self.out[..sent].zeroize();
            self.out.advance(sent);
        }
        // With nothing left in it, the buffer goes back to its beginning.
        self.out.clear();
        if self.unflushed {
            let deadline = self.deadline();
            let stop = self.stop.as_ref().filter(|_| !self.stopping);
            let flushed = unless(stop, self.transport.flush(deadline)).await.ok_or(ClientError::Stopped)?;
            flushed.map_err(|error| self.broken(error))?;
            self.unflushed = false;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<(), ClientError> {
        if self.is_stopping() && self.limit.is_some_and(|limit| self.transport.now() >= limit) {
            return Err(ClientError::Stopped);
        }
        let deadline = self.deadline();
        let stop = self.stop.as_ref().filter(|_| !self.stopping);
        let Some(read) = unless(stop, self.transport.read(self.input.room(), deadline)).await else {
            // Who is stopped looks at the clock and reads on.
            return Ok(());
        };
        match read {
            Ok(0) => self.input_ended = true,
            Ok(octets) => self.input.add(octets),
            // A socket that blocks was woken by the switch.
            Err(error) if error.kind() == io::ErrorKind::Interrupted && self.is_stopping() => {}
            // The core looks at the clock and says what took too long, unless the limit came first.
            Err(error)
                if error.kind() == io::ErrorKind::TimedOut
                    && !self.stopping
                    && self.connection.deadline().is_some_and(|core| self.transport.now() >= core) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.input_ended = true,
            Err(error) => return Err(self.broken(error)),
        }
        Ok(())
    }

    /// What it means that the transport has failed.
    fn broken(&mut self, error: io::Error) -> ClientError {
        let timed_out = error.kind() == io::ErrorKind::TimedOut;
        if timed_out && self.stopping {
            return ClientError::Stopped;
        }
        self.lost = true;
        if timed_out && self.is_drained_too_long() {
            ClientError::Interrupted
        } else {
            ClientError::Network(error)
        }
    }

    /// Until when octets may be under way.
    fn deadline(&self) -> Instant {
        let core = self.connection.deadline().unwrap_or_else(|| self.transport.now());
        [self.limit, self.draining].into_iter().flatten().fold(core, Instant::min)
    }

    /// Whether the switch is thrown. The first time that this is seen, the grace begins.
    pub(super) fn is_stopping(&mut self) -> bool {
        if !self.stopping && self.stop.as_ref().is_some_and(Stop::is_stopped) {
            self.stopping = true;
            let grace = self.transport.now().after(GRACE);
            self.limit = Some(self.limit.map_or(grace, |limit| limit.min(grace)));
        }
        self.stopping
    }
}
