//! The loop that joins a protocol connection, a transport and a backend.

mod asking;
mod calls;
mod sending;

use std::io;

use bytes::BytesMut;
use pop3_proto::server::{Answer, ClientInfo, Close, Request, ServerConnection, ServerMisuse, ServerStep};
use pop3_proto::{Input, Instant};

use super::sasl::Exchanges;
use super::switches::{Failure, Switches};
use super::unwelcome::Unwelcome;
use crate::backend::{Backend, LoginAttempt, Proof};
use crate::buffer::ReadBuffer;
use crate::login_method::LoginMethod;
use crate::panics::caught;
use crate::stop::Stop;
use crate::tls::TlsInfo;
use crate::transport::Transport;

/// A running session.
pub(super) struct Session<B> {
    connection: ServerConnection,
    backend: B,
    exchanges: Exchanges,
    input: ReadBuffer,
    input_ended: bool,
    out: BytesMut,
    user: Option<String>,
    method: Option<LoginMethod>,
    fault: Option<io::Error>,
    /// Whether the unsent output is the reply to a login that ran out of time.
    farewell: bool,
    /// What was read on the spot since other tasks had their turn, in octets.
    busy: usize,
}

/// Why the loop has stopped.
pub(super) enum End<B> {
    /// The session is over and its backend is dropped, so the maildrop is released.
    Closed(Ended),
    /// TLS must start. Only [`Suspended::resume`] returns the session. Everything received in clear text is
    /// discarded.
    StartTls(Suspended<B>),
    /// A proxy has named its client with XCLIENT. [`Session::proxied`] continues the session.
    Proxied(Box<Session<B>>, ClientInfo),
    /// The connection is taken over, with its backend and the octets that were received but not read.
    TakenOver(Ended, B, Vec<u8>),
}

/// The result of a session.
pub(super) struct Ended {
    pub(super) connection: ServerConnection,
    pub(super) user: Option<String>,
    pub(super) method: Option<LoginMethod>,
    pub(super) fault: Option<io::Error>,
    /// Whether a panic ended it.
    pub(super) panicked: bool,
}

/// A session between STLS and the end of the handshake.
pub(super) struct Suspended<B> {
    connection: ServerConnection,
    backend: B,
    exchanges: Exchanges,
}

impl<B: Backend> Suspended<B> {
    /// Continues in TLS with this backend, or with the earlier one.
    pub(super) fn resume(mut self, backend: Option<B>, tls: Option<&TlsInfo>, now: Instant) -> Session<B> {
        // This is no misuse, because the connection has requested the handshake.
        let _ = self.connection.tls_established(now);
        if let Some(backend) = backend {
            self.backend = backend;
        }
        if let Some(tls) = tls {
            self.backend.secured(tls);
        }
        Session::new(self.connection, self.backend, self.exchanges, tls)
    }

    /// Returns the result after a failed handshake.
    pub(super) fn failed(self, failure: Failure) -> Ended {
        let (close, fault) = failure.of_handshake();
        self.closed(close, fault)
    }

    /// Returns the result if the session does not continue.
    pub(super) fn closed(mut self, close: Close, fault: Option<io::Error>) -> Ended {
        self.connection.close(close);
        Ended { connection: self.connection, user: None, method: None, fault, panicked: false }
    }
}

/// Why the loop pauses.
enum Pause {
    Over,
    StartTls,
    Proxied(ClientInfo),
    TakenOver,
}

/// Why the loop cannot continue.
enum Fault {
    /// An error of the network.
    Network(io::Error),
    /// The protocol crate refused a call of the loop, which is a bug.
    Misuse,
    /// The backend or the loop panicked.
    Panicked,
    /// The session was ended from outside.
    Ended,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Network(error)
    }
}

impl From<ServerMisuse> for Fault {
    fn from(_: ServerMisuse) -> Self {
        Self::Misuse
    }
}

/// The maximum capacity that an idle buffer keeps.
const IDLE_CAPACITY: usize = 4096;

impl<B: Backend> Session<B> {
    /// Creates a session on a connection in this TLS, or without TLS.
    pub(super) fn new(
        mut connection: ServerConnection,
        backend: B,
        mut exchanges: Exchanges,
        tls: Option<&TlsInfo>,
    ) -> Self {
        exchanges.carried_by(tls);
        exchanges.offer(&backend, &mut connection);
        let line = connection.session().limits().command_line;
        Self {
            connection,
            backend,
            exchanges,
            input: ReadBuffer::wiped(line.max(2048)),
            input_ended: false,
            out: BytesMut::new(),
            user: None,
            method: None,
            fault: None,
            farewell: false,
            busy: 0,
        }
    }

    /// Serves until the session is over, taken over, or needs TLS or the backend of another client.
    pub(super) async fn drive<T: Transport>(mut self, transport: &mut T, switches: &Switches<'_>) -> End<B> {
        let run = caught(switches.end.before(Box::pin(self.run(transport, switches)))).await;
        let mut result = run.map_or(Err(Fault::Panicked), |run| run.unwrap_or(Err(Fault::Ended)));
        let panicked = matches!(result, Err(Fault::Panicked));
        if switches.end.is_stopped() && !panicked {
            // If reads block, stopping the switch looks like the end of the input or an error.
            result = Err(Fault::Ended);
        }
        match result {
            Ok(Pause::Proxied(client)) => return End::Proxied(Box::new(self), client),
            Ok(Pause::StartTls) => {
                return End::StartTls(Suspended {
                    connection: self.connection,
                    backend: self.backend,
                    exchanges: self.exchanges,
                });
            }
            Ok(Pause::TakenOver) => {
                let unread = self.input.filled().to_vec();
                let (backend, ended) = self.into_parts(false);
                return End::TakenOver(ended, backend, unread);
            }
            Ok(Pause::Over) => {}
            Err(Fault::Network(error)) => {
                let timed_out = error.kind() == io::ErrorKind::TimedOut;
                self.connection.close(if timed_out { Close::TimedOut } else { Close::PeerClosed });
                self.fault = Some(error).filter(|_| !timed_out);
            }
            Err(Fault::Misuse) => {
                self.connection.close(Close::Stopped);
                self.fault = Some(io::Error::other("internal error: the session was misused"));
            }
            Err(Fault::Ended) => {
                let (close, why) = switches.ended();
                self.connection.close(close);
                self.fault = why;
            }
            Err(Fault::Panicked) => {
                self.connection.close(Close::Stopped);
                self.fault = Some(io::Error::other("internal error: the session panicked"));
            }
        }
        End::Closed(self.into_parts(panicked).1)
    }

    fn into_parts(self, panicked: bool) -> (B, Ended) {
        let Self { connection, backend, user, method, fault, .. } = self;
        (backend, Ended { connection, user, method, fault, panicked })
    }

    /// Continues for the client that the proxy has named, with its backend, or with none if it is not welcome.
    pub(super) fn proxied(&mut self, backend: Result<B, Unwelcome>, tls: Option<&TlsInfo>, now: Instant) {
        let (answer, refused) = match backend {
            Ok(backend) => {
                self.backend = backend;
                if let Some(tls) = tls {
                    self.backend.secured(tls);
                }
                self.exchanges.carried_by(tls);
                self.exchanges.offer(&self.backend, &mut self.connection);
                (Answer::Proxied, None)
            }
            Err(unwelcome) => {
                let (rejection, close, fault) = unwelcome.into_parts();
                self.fault = fault;
                (Answer::Abandon(rejection), Some(close))
            }
        };
        // This is no misuse, because the connection has asked.
        let _ = self.connection.answer(answer, now, &mut self.out);
        if let Some(close) = refused {
            // Do not continue as if the proxy itself were the client.
            self.connection.close(close);
        }
    }

    /// Runs the loop, and returns why it pauses.
    async fn run<T: Transport>(
        &mut self,
        transport: &mut T,
        switches: &Switches<'_>,
    ) -> Result<Pause, Fault> {
        let stop = switches.stop;
        loop {
            if switches.end.is_stopped() {
                // Execute no more received commands, and send nothing.
                return Err(Fault::Ended);
            }
            if stop.is_stopped() {
                // No request is open here. Commands that have come already are not begun any more: a
                // client that never stops sending would never be stopped.
                self.connection.close(Close::Stopped);
            }
            match self.poll(transport.now()) {
                ServerStep::Read => {
                    if core::mem::take(&mut self.farewell) {
                        // The client may try again.
                        self.fault = None;
                    }
                    self.send(transport, 0).await?;
                    self.receive(transport, stop).await?;
                }
                ServerStep::Flush => self.send(transport, 0).await?,
                ServerStep::Ask(Request::Password { name, password, utf8, .. }) => {
                    self.send(transport, 0).await?;
                    let attempt = LoginAttempt::new(name, Proof::Password(password)).with_utf8(utf8);
                    self.authenticate(attempt, transport).await?;
                }
                ServerStep::Ask(Request::Apop { name, proof, utf8, .. }) => {
                    self.send(transport, 0).await?;
                    let attempt = LoginAttempt::new(name, Proof::Apop(proof)).with_utf8(utf8);
                    self.authenticate(attempt, transport).await?;
                }
                ServerStep::Ask(Request::Sasl(request)) => {
                    self.send(transport, 0).await?;
                    self.exchange(request, transport).await?;
                }
                ServerStep::Ask(Request::Proxied(client)) => return Ok(Pause::Proxied(client)),
                ServerStep::Ask(Request::Fetch { message, extent, .. }) => {
                    self.fetch(message, extent, transport).await?
                }
                ServerStep::Ask(Request::Commit(deletions)) => {
                    self.send(transport, 0).await?;
                    self.commit(deletions, transport).await?;
                }
                ServerStep::Ask(other) => {
                    self.connection.answer(other.decline(), transport.now(), &mut self.out)?;
                }
                ServerStep::Pause(until) => {
                    self.send(transport, 0).await?;
                    if stop.race(transport.pause(until)).await.is_none() {
                        self.connection.close(Close::Stopped);
                    }
                }
                ServerStep::StartTls => {
                    self.send(transport, 0).await?;
                    return Ok(Pause::StartTls);
                }
                ServerStep::Close(Close::TimedOut | Close::PeerClosed) if !self.farewell => {
                    return Ok(Pause::Over);
                }
                // All output was sent before the login was checked.
                ServerStep::Close(Close::TakenOver) => return Ok(Pause::TakenOver),
                ServerStep::Close(_) => {
                    self.send(transport, 0).await?;
                    return Ok(Pause::Over);
                }
                // Every request above is answered before the next poll.
                ServerStep::Wait => return Err(Fault::Misuse),
            }
        }
    }

    fn poll(&mut self, now: Instant) -> ServerStep {
        let octets = self.input.filled();
        let mut input = if self.input_ended { Input::last(octets) } else { Input::new(octets) };
        let step = self.connection.poll(now, &mut input, &mut self.out);
        let consumed = input.consumed();
        self.input.consume(consumed);
        step
    }

    async fn receive<T: Transport>(&mut self, transport: &mut T, stop: &Stop) -> Result<(), Fault> {
        // The output is empty, so checking its capacity moves nothing.
        if self.out.try_reclaim(IDLE_CAPACITY + 1) {
            self.out = BytesMut::new();
        }
        let limits = self.connection.session().limits();
        let most = limits.command_line.max(limits.sasl_line);
        self.input.shrink();
        self.input.grow(most);
        let deadline = self.connection.deadline();
        match stop.race(transport.read(self.input.room(), deadline)).await {
            None => self.connection.close(Close::Stopped),
            // If reads block, stopping the switch looks like the end of the input.
            Some(Ok(0)) if stop.is_stopped() => self.connection.close(Close::Stopped),
            Some(Ok(0)) => self.input_ended = true,
            Some(Ok(octets)) => self.input.add(octets),
            // The protocol crate checks the clock and closes the connection.
            Some(Err(error)) if error.kind() == io::ErrorKind::TimedOut && transport.now() >= deadline => {}
            Some(Err(error)) => return Err(error.into()),
        }
        Ok(())
    }
}
