//! Sends and receives octets with deadlines.

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
        // A client that was stopped may only send within the grace period.
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
        // An empty buffer starts again at its beginning.
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
            // A stopped client checks the clock and continues to read.
            return Ok(());
        };
        match read {
            Ok(0) => self.input_ended = true,
            Ok(octets) => self.input.add(octets),
            // The switch has woken a blocking socket.
            Err(error) if error.kind() == io::ErrorKind::Interrupted && self.is_stopping() => {}
            // The protocol crate checks the clock and reports what took too long, unless the limit came first.
            Err(error)
                if error.kind() == io::ErrorKind::TimedOut
                    && !self.stopping
                    && self.connection.deadline().is_some_and(|core| self.transport.now() >= core) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.input_ended = true,
            Err(error) => return Err(self.broken(error)),
        }
        Ok(())
    }

    /// Converts an error of the transport.
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

    /// Returns the deadline for reads and writes.
    fn deadline(&self) -> Instant {
        let core = self.connection.deadline().unwrap_or_else(|| self.transport.now());
        [self.limit, self.draining].into_iter().flatten().fold(core, Instant::min)
    }

    /// Returns whether the switch was stopped. When it first notices this, the grace period starts.
    pub(super) fn is_stopping(&mut self) -> bool {
        if !self.stopping && self.stop.as_ref().is_some_and(Stop::is_stopped) {
            self.stopping = true;
            let grace = self.transport.now().after(GRACE);
            self.limit = Some(self.limit.map_or(grace, |limit| limit.min(grace)));
        }
        self.stopping
    }
}
