//! The loop that joins a protocol connection, a transport and a backend.

mod asking;
mod buffers;
mod calls;
mod sending;
mod suspended;

use buffers::Buffers;
use suspended::Suspended;

use core::pin::pin;
use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use pop3_proto::server::{Answer, ClientInfo, Close, Request, ServerConnection, ServerMisuse, ServerStep};
use pop3_proto::{Input, Instant};

use super::ended::Ended;
use super::peer::Peer;
use super::sasl::Exchanges;
use super::switches::Switches;
use super::taken_over::TakenOver;
use super::unwelcome::Unwelcome;
use crate::backend::{Backend, LoginAttempt, Proof};
use crate::boxed::boxed;
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
    /// Whether a panic ended it.
    panicked: bool,
}

/// Why the loop has stopped.
pub(super) enum Pause {
    /// The session is over.
    Over,
    /// TLS must start. [`Session::suspend`] discards everything received in clear text.
    StartTls,
    /// A proxy has named its client with XCLIENT. [`Session::proxied`] continues the session.
    Proxied(Box<ClientInfo>),
    /// The connection is taken over, with its backend and the octets that were received but not read.
    TakenOver,
}

/// A [`ServerStep`] whose large variants are in a box: the loop holds it while it waits for the client.
enum Turn {
    Read,
    Flush,
    /// A request or a pause.
    Work(Box<ServerStep>),
    Proxied(Box<ClientInfo>),
    StartTls,
    Close(Close),
    Wait,
}

impl From<ServerStep> for Turn {
    fn from(step: ServerStep) -> Self {
        match step {
            ServerStep::Read => Self::Read,
            ServerStep::Flush => Self::Flush,
            ServerStep::Ask(Request::Proxied(client)) => Self::Proxied(client.into()),
            ServerStep::Ask(_) | ServerStep::Pause(_) => Self::Work(step.into()),
            ServerStep::StartTls => Self::StartTls,
            ServerStep::Close(close) => Self::Close(close),
            ServerStep::Wait => Self::Wait,
        }
    }
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

impl<B: Backend> Session<B> {
    /// Creates a session on a connection in this TLS, or without TLS.
    pub(super) fn new(
        mut connection: ServerConnection,
        backend: B,
        mut exchanges: Exchanges,
        tls: Option<&Arc<TlsInfo>>,
    ) -> Box<Self> {
        exchanges.carried_by(tls.map(|tls| &**tls));
        exchanges.offer(&backend, &mut connection);
        let line = connection.session().limits().command_line;
        Box::new(Self {
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
            panicked: false,
        })
    }

    /// Serves until the session is over, taken over, or needs TLS or the backend of another client.
    pub(super) async fn drive<T: Transport>(&mut self, transport: &mut T, switches: &Switches<'_>) -> Pause {
        let run = {
            let run = pin!(self.run(transport, switches));
            caught(switches.unless_ended(run)).await
        };
        let mut result = run.map_or(Err(Fault::Panicked), |run| run.unwrap_or(Err(Fault::Ended)));
        self.panicked = matches!(result, Err(Fault::Panicked));
        if switches.end.is_stopped() && !self.panicked {
            // If reads block, stopping the switch looks like the end of the input or an error.
            result = Err(Fault::Ended);
        }
        let (close, fault) = match result {
            Ok(pause) => return pause,
            Err(Fault::Network(error)) if error.kind() == io::ErrorKind::TimedOut => (Close::TimedOut, None),
            Err(Fault::Network(error)) => (Close::PeerClosed, Some(error)),
            Err(Fault::Misuse) => (Close::Stopped, Some(bug("the session was misused"))),
            Err(Fault::Ended) => switches.ended(),
            Err(Fault::Panicked) => (Close::Stopped, Some(bug("the session panicked"))),
        };
        self.connection.close(close);
        self.fault = fault;
        Pause::Over
    }

    /// Ends the session. Its backend is dropped, so the maildrop is released.
    pub(super) fn into_ended(self: Box<Self>) -> Ended {
        self.into_parts().0
    }

    /// Stops before a TLS handshake. Everything received in clear text is discarded. Only [`Suspended::resume`]
    /// returns the session.
    #[expect(
        clippy::boxed_local,
        reason = "out of its box, the session would become a part of the caller's future"
    )]
    pub(super) fn suspend(self: Box<Self>) -> Box<Suspended<B>> {
        let Self { connection, backend, exchanges, .. } = *self;
        Box::new(Suspended { connection, backend, exchanges })
    }

    /// Ends the session for a caller that takes over this transport.
    pub(super) fn into_taken_over<T>(
        self: Box<Self>,
        transport: T,
        peer: Peer,
        end: Stop,
    ) -> (Ended, TakenOver<T, B>) {
        let unread = self.input.filled().to_vec();
        let (ended, connection, backend) = self.into_parts();
        let taken = TakenOver::new(transport, (&ended, connection.session(), backend, unread), peer, end);
        (ended, taken)
    }

    #[expect(
        clippy::boxed_local,
        reason = "out of its box, the session would become a part of the caller's future"
    )]
    fn into_parts(self: Box<Self>) -> (Ended, ServerConnection, B) {
        let Self { connection, backend, user, method, fault, panicked, .. } = *self;
        let ended = Ended { user, method, panicked, ..Ended::of(&connection, fault) };
        (ended, connection, backend)
    }

    /// Continues for the client that the proxy has named, with its backend, or with none if it is not welcome.
    pub(super) fn proxied(
        &mut self,
        backend: Result<B, Unwelcome>,
        tls: Option<&Arc<TlsInfo>>,
        now: Instant,
    ) {
        let (answer, refused) = match backend {
            Ok(backend) => {
                self.backend = backend;
                if let Some(tls) = tls {
                    self.backend.secured(tls);
                }
                self.exchanges.carried_by(tls.map(|tls| &**tls));
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
    ///
    /// Most sessions wait for their clients most of the time. What a session needs only while it is busy is in
    /// [`busy`](Self::busy), whose future exists only then.
    async fn run<T: Transport>(
        &mut self,
        transport: &mut T,
        switches: &Switches<'_>,
    ) -> Result<Pause, Fault> {
        let mut turn = Turn::from(self.next(transport, switches)?);
        loop {
            turn = match turn {
                Turn::Read => {
                    if core::mem::take(&mut self.farewell) {
                        // The client may try again.
                        self.fault = None;
                    }
                    self.send(transport, 0).await?;
                    self.receive(transport, switches).await?;
                    self.next(transport, switches)?.into()
                }
                Turn::Flush => {
                    self.send(transport, 0).await?;
                    self.next(transport, switches)?.into()
                }
                Turn::Work(step) => boxed(|| self.busy(*step, transport, switches)).await?.into(),
                Turn::Proxied(client) => return Ok(Pause::Proxied(client)),
                Turn::StartTls => {
                    self.send(transport, 0).await?;
                    return Ok(Pause::StartTls);
                }
                Turn::Close(Close::TimedOut | Close::PeerClosed) if !self.farewell => {
                    return Ok(Pause::Over);
                }
                // All output was sent before the login was checked.
                Turn::Close(Close::TakenOver) => return Ok(Pause::TakenOver),
                Turn::Close(_) => {
                    self.send(transport, 0).await?;
                    return Ok(Pause::Over);
                }
                // Every request above is answered before the next poll.
                Turn::Wait => return Err(Fault::Misuse),
            }
        }
    }

    /// Does this step and all that follow, until the session waits for its client or ends. Returns the step that does
    /// so.
    async fn busy<T: Transport>(
        &mut self,
        mut step: ServerStep,
        transport: &mut T,
        switches: &Switches<'_>,
    ) -> Result<ServerStep, Fault> {
        loop {
            match step {
                ServerStep::Flush => self.send(transport, 0).await?,
                ServerStep::Ask(Request::Proxied(_)) => return Ok(step),
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
                    boxed(|| self.exchange(request, transport)).await?;
                }
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
                    let pause = pin!(transport.pause(until));
                    if switches.unless_stopped(pause).await.is_none() {
                        self.connection.close(Close::Stopped);
                    }
                }
                ServerStep::Read | ServerStep::Wait | ServerStep::StartTls | ServerStep::Close(_) => {
                    self.backend.expect(&[]);
                    return Ok(step);
                }
            }
            step = self.next(transport, switches)?;
        }
    }

    /// Returns the next step, unless the session was ended from outside.
    fn next<T: Transport>(&mut self, transport: &T, switches: &Switches<'_>) -> Result<ServerStep, Fault> {
        if switches.end.is_stopped() {
            // Execute no more received commands, and send nothing.
            return Err(Fault::Ended);
        }
        if switches.stop.is_stopped() {
            // No request is open here. Commands that have come already are not begun any more: a
            // client that never stops sending would never be stopped.
            self.connection.close(Close::Stopped);
        }
        Ok(self.poll(transport.now()))
    }

    fn poll(&mut self, now: Instant) -> ServerStep {
        let octets = self.input.filled();
        let mut input = if self.input_ended { Input::last(octets) } else { Input::new(octets) };
        let step = self.connection.poll(now, &mut input, &mut self.out);
        let consumed = input.consumed();
        self.input.consume(consumed);
        step
    }

    async fn receive<T: Transport>(
        &mut self,
        transport: &mut T,
        switches: &Switches<'_>,
    ) -> Result<(), Fault> {
        if !self.input.filled().is_empty() {
            // The core leaves only the beginning of a line. The client may wait for an ACK before it sends the rest.
            transport.acknowledge();
        }
        let limits = self.connection.session().limits();
        let most = limits.command_line.max(limits.sasl_line);
        let deadline = self.connection.deadline();
        let read = {
            let mut buffers = Buffers::of(&mut self.input, &mut self.out, most);
            let read = pin!(transport.read_into(&mut buffers, deadline));
            switches.unless_stopped(read).await
        };
        match read {
            None => self.connection.close(Close::Stopped),
            // If reads block, stopping the switch looks like the end of the input.
            Some(Ok(0)) if switches.stop.is_stopped() => self.connection.close(Close::Stopped),
            Some(Ok(0)) => self.input_ended = true,
            Some(Ok(octets)) => self.input.add(octets),
            // The protocol crate checks the clock and closes the connection.
            Some(Err(error)) if error.kind() == io::ErrorKind::TimedOut && transport.now() >= deadline => {}
            Some(Err(error)) => return Err(error.into()),
        }
        Ok(())
    }
}

/// The error for the report after a bug.
fn bug(text: &str) -> io::Error {
    io::Error::other(format!("internal error: {text}"))
}
