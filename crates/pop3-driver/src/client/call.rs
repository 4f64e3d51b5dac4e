//! Sending a command and following its reply.

use std::io;

use bytes::Buf as _;
use pop3_proto::client::{Entry, Event, Outgoing, SendError};
use pop3_proto::{Capability, Command, Extension, Input, Instant, Quirk};
use zeroize::Zeroize as _;

use super::{Client, Error, GRACE, Refusal, Trace};
use crate::stop::Stop;
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Waits for the greeting.
    pub(super) async fn greet(&mut self) -> Result<(), Error> {
        let mut greeting = Vec::new();
        self.follow(|event| match event.reply() {
            Some(reply) if reply.is_positive() => {
                greeting.extend_from_slice(reply.text);
                Ok(())
            }
            Some(reply) => Err(Error::Refused(Refusal::new(None, reply))),
            None => Ok(()),
        })
        .await?;
        self.greeting = greeting;
        Ok(())
    }

    /// Sends a command and waits for the end of its reply.
    pub(super) async fn call(
        &mut self,
        command: &Command<'_>,
        take: impl FnMut(Entry<'_>) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        self.call_for_text(command, take).await.map(drop)
    }

    /// The same, and the text of the positive reply.
    pub(super) async fn call_for_text(
        &mut self,
        command: &Command<'_>,
        mut take: impl FnMut(Entry<'_>) -> Result<(), Error> + Send,
    ) -> Result<Vec<u8>, Error> {
        self.begin(command)?;
        let (mut refusal, mut text) = (None, Vec::new());
        self.follow(|event| {
            refusal = refusal.take().or_else(|| Refusal::of(&event));
            if let Some(entry) = event.entry() {
                take(entry)?;
            } else if let Some(reply) = event.reply() {
                text.extend_from_slice(reply.text);
            }
            Ok(())
        })
        .await?;
        match refusal {
            None => Ok(text),
            Some(refusal) => Err(Error::Refused(self.judged(refusal))),
        }
    }

    /// The refusal with what the server has announced about refusals, and without secrets that it repeats.
    pub(super) fn judged(&self, refusal: Refusal) -> Refusal {
        let text = self.connection.masked(&refusal.text);
        Refusal { auth_resp_code: self.has(Capability::AuthRespCode), text, ..refusal }
    }

    /// Sends a command and gathers the entries of its reply.
    pub(super) async fn listing<E: Send>(
        &mut self,
        command: &Command<'_>,
        pick: impl Fn(Entry<'_>) -> Option<E> + Send + Sync,
    ) -> Result<Vec<E>, Error> {
        let mut entries = Vec::new();
        self.call(command, |entry| {
            entries.extend(pick(entry));
            Ok(())
        })
        .await?;
        Ok(entries)
    }

    pub(super) async fn call_extension(
        &mut self,
        extension: Extension<'_>,
    ) -> Result<(Vec<u8>, Vec<u8>), Error> {
        self.begin(Command::Extension(extension))?;
        let (mut text, mut content, mut refusal) = (Vec::new(), Vec::new(), None);
        self.follow(|event| {
            refusal = refusal.take().or_else(|| Refusal::of(&event));
            if let Some(reply) = event.reply() {
                text.extend_from_slice(reply.text);
            } else if let Event::Line(line) = event {
                content.extend_from_slice(line);
                content.extend_from_slice(b"\r\n");
            } else if let Event::Data(octets) = event {
                content.extend_from_slice(octets);
            }
            Ok(())
        })
        .await?;
        refusal.map_or(Ok((text, content)), |refusal| Err(Error::Refused(refusal)))
    }

    /// Puts a command into the output.
    pub(super) fn begin<'a>(&mut self, command: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        if self.busy {
            return Err(Error::Interrupted);
        }
        self.enqueue(command)
    }

    pub(super) fn enqueue<'a>(&mut self, command: impl Into<Outgoing<'a>>) -> Result<(), Error> {
        let command = command.into();
        let sent = self.connection.send(command, self.transport.now(), &mut self.out);
        self.check_sent(sent)?;
        if let Some(tracer) = &self.tracer {
            tracer.sent(command.command());
        }
        Ok(())
    }

    pub(super) fn check_sent(&mut self, sent: Result<(), SendError>) -> Result<(), Error> {
        if sent == Err(SendError::Unread) {
            // Something came that no command asked for: the core says what it is.
            self.next(&mut |_| Ok(()))?;
        }
        sent.map_err(Error::Unsendable)
    }

    /// Hands events over up to the one that ends the reply, or is a challenge or the greeting. If this
    /// future is dropped before, or fails, the client is of no use any more.
    pub(super) async fn follow(
        &mut self,
        mut handle: impl FnMut(Event<'_>) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        self.busy = true;
        loop {
            match self.next(&mut handle)? {
                Next::Done => {
                    self.busy = false;
                    return Ok(());
                }
                Next::More => {}
                Next::Starved => {
                    self.send().await?;
                    self.receive().await?;
                }
            }
        }
    }

    /// Polls once and hands the event over.
    pub(super) fn next(
        &mut self,
        handle: &mut (impl FnMut(Event<'_>) -> Result<(), Error> + Send),
    ) -> Result<Next, Error> {
        let octets = self.input.filled();
        let mut input = if self.input_ended { Input::last(octets) } else { Input::new(octets) };
        let event = self.connection.poll(self.transport.now(), &mut input)?;
        let consumed = input.consumed();
        if let Some(tracer) = &self.tracer {
            tracer.received(&event);
        }
        for quirk in event.quirks().iter() {
            remember(&mut self.quirks, quirk);
        }
        let next = if matches!(event, Event::Read) {
            Next::Starved
        } else {
            handle(event)?;
            if event.ends_reply() { Next::Done } else { Next::More }
        };
        self.input.consume(consumed);
        Ok(next)
    }

    /// Sends the output, which may hold a password, and leaves no trace of it.
    pub(super) async fn send(&mut self) -> Result<(), Error> {
        while !self.out.is_empty() {
            let deadline = self.deadline();
            self.unflushed = true;
            let stop = self.stop.as_ref().filter(|_| !self.stopping);
            let sent = given(stop, self.stopping, self.transport.write(&self.out, deadline)).await?;
            if sent == 0 {
                return Err(Error::Network(io::ErrorKind::WriteZero.into()));
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
            given(stop, self.stopping, self.transport.flush(deadline)).await?;
            self.unflushed = false;
        }
        Ok(())
    }

    pub(super) async fn receive(&mut self) -> Result<(), Error> {
        if self.is_stopping() && self.limit.is_some_and(|limit| self.transport.now() >= limit) {
            return Err(Error::Stopped);
        }
        let deadline = self.deadline();
        let read = self.transport.read(self.input.room(), deadline);
        let read = match &self.stop {
            // Who is stopped looks at the clock and reads on.
            Some(stop) if !self.stopping => match stop.race(read).await {
                None => return Ok(()),
                Some(read) => read,
            },
            Some(_) | None => read.await,
        };
        match read {
            Ok(0) => self.input_ended = true,
            Ok(octets) => self.input.add(octets),
            // A socket that blocks was woken by the switch.
            Err(error) if error.kind() == io::ErrorKind::Interrupted && self.is_stopping() => {}
            Err(error) if self.stopping && error.kind() == io::ErrorKind::TimedOut => {
                return Err(Error::Stopped);
            }
            // The core looks at the clock and says what took too long, unless the limit came first.
            Err(error)
                if error.kind() == io::ErrorKind::TimedOut
                    && self.connection.deadline().is_some_and(|core| self.transport.now() >= core) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.input_ended = true,
            Err(error) => return Err(Error::Network(error)),
        }
        Ok(())
    }

    /// Until when octets may be under way.
    fn deadline(&self) -> Instant {
        let core = self.connection.deadline().unwrap_or_else(|| self.transport.now());
        self.limit.map_or(core, |limit| core.min(limit))
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

    /// Notes a departure of the server's, each once.
    pub(super) fn remember(&mut self, quirk: Quirk) {
        remember(&mut self.quirks, quirk);
    }

    pub(super) fn trace_tls(&self) {
        if let Some(tracer) = &self.tracer {
            tracer.tell(Trace::Tls);
        }
    }
}

/// Awaits a write or a flush, but not beyond the throw of the switch. `stopping` says that it was thrown before.
async fn given<R>(
    stop: Option<&Stop>,
    stopping: bool,
    done: impl Future<Output = io::Result<R>> + Send,
) -> Result<R, Error> {
    let done = match stop {
        Some(stop) => stop.race(done).await.ok_or(Error::Stopped)?,
        None => done.await,
    };
    match done {
        Err(error) if stopping && error.kind() == io::ErrorKind::TimedOut => Err(Error::Stopped),
        done => done.map_err(Error::Network),
    }
}

/// What a poll has led to.
pub(super) enum Next {
    /// The reply is complete, or a challenge came.
    Done,
    /// Poll on.
    More,
    /// Octets are needed.
    Starved,
}

fn remember(quirks: &mut Vec<Quirk>, quirk: Quirk) {
    if !quirks.contains(&quirk) {
        quirks.push(quirk);
    }
}
