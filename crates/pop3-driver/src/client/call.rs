//! Sending a command and following its reply.

use pop3_proto::client::{Entry, Event, SendError};
use pop3_proto::{Capability, Command, Extension, Quirk};

use super::parts::poll;
use super::{Client, Error, Refusal, Trace};
use crate::transport::Transport;

/// What a handler of events says.
pub(super) enum Flow {
    /// Go on.
    On,
    /// The reply that is waited for is complete.
    Done,
}

impl<T: Transport> Client<T> {
    /// Waits for the greeting.
    pub(super) async fn greet(&mut self) -> Result<(), Error> {
        let mut greeting = Vec::new();
        self.follow(|event| match event {
            Event::Greeting(reply) if reply.is_positive() => {
                greeting.extend_from_slice(reply.text);
                Ok(Flow::Done)
            }
            Event::Greeting(reply) => Err(Error::Refused(Refusal::new(None, reply))),
            Event::Read
            | Event::Reply { .. }
            | Event::Entry(_)
            | Event::Line(_)
            | Event::Data(_)
            | Event::End { .. }
            | Event::Challenge(_)
            | Event::StartTls
            | Event::Warning(_)
            | Event::Closed => Ok(Flow::On),
        })
        .await?;
        self.greeting = greeting;
        Ok(())
    }

    /// Sends a command and waits for the end of its reply.
    pub(super) async fn call(
        &mut self,
        command: &Command<'_>,
        take: impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.call_for_text(command, take).await.map(drop)
    }

    /// The same, and the text of the positive reply.
    pub(super) async fn call_for_text(
        &mut self,
        command: &Command<'_>,
        mut take: impl FnMut(Entry<'_>) -> Result<(), Error>,
    ) -> Result<Vec<u8>, Error> {
        self.begin(command).await?;
        let (mut refusal, mut text) = (None, Vec::new());
        self.follow(|event| {
            match event {
                Event::Reply { keyword, reply, .. } if !reply.is_positive() => {
                    refusal = Some(Refusal::new(Some(keyword), reply));
                }
                Event::Reply { entry: Some(entry), .. } | Event::Entry(entry) => take(entry)?,
                Event::Reply { reply, .. } => text.extend_from_slice(reply.text),
                Event::Read
                | Event::Greeting(_)
                | Event::Line(_)
                | Event::Data(_)
                | Event::End { .. }
                | Event::Challenge(_)
                | Event::StartTls
                | Event::Warning(_)
                | Event::Closed => {}
            }
            Ok(completed(&event))
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
    pub(super) async fn listing<E>(
        &mut self,
        command: &Command<'_>,
        pick: impl Fn(Entry<'_>) -> Option<E>,
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
        self.begin(&Command::Extension(extension)).await?;
        let (mut text, mut content, mut refusal) = (Vec::new(), Vec::new(), None);
        self.follow(|event| {
            match event {
                Event::Reply { keyword, reply, .. } if !reply.is_positive() => {
                    refusal = Some(Refusal::new(Some(keyword), reply));
                }
                Event::Reply { reply, .. } => text.extend_from_slice(reply.text),
                Event::Line(line) => {
                    content.extend_from_slice(line);
                    content.extend_from_slice(b"\r\n");
                }
                Event::Data(octets) => content.extend_from_slice(octets),
                Event::Read
                | Event::Greeting(_)
                | Event::Entry(_)
                | Event::End { .. }
                | Event::Challenge(_)
                | Event::StartTls
                | Event::Warning(_)
                | Event::Closed => {}
            }
            Ok(completed(&event))
        })
        .await?;
        refusal.map_or(Ok((text, content)), |refusal| Err(Error::Refused(refusal)))
    }

    /// Takes what an earlier call has left, and puts a command into the output.
    pub(super) async fn begin(&mut self, command: &Command<'_>) -> Result<(), Error> {
        self.drain().await?;
        self.enqueue(command)
    }

    pub(super) fn enqueue(&mut self, command: &Command<'_>) -> Result<(), Error> {
        let sent = self.connection.send(command, self.transport.now(), &mut self.out);
        self.check_sent(sent)?;
        if let Some(tracer) = &self.tracer {
            tracer.sent(command);
        }
        Ok(())
    }

    pub(super) fn check_sent(&mut self, sent: Result<(), SendError>) -> Result<(), Error> {
        if sent == Err(SendError::Unread) {
            // Something came that no command asked for: the core says what it is.
            self.next(&mut |_| Ok(Flow::On))?;
        }
        sent.map_err(Error::Unsendable)
    }

    /// Handles events until the handler is done. If this future is dropped before, the reply is left to
    /// [`drain`](Self::drain).
    pub(super) async fn follow(
        &mut self,
        mut handle: impl FnMut(Event<'_>) -> Result<Flow, Error>,
    ) -> Result<(), Error> {
        loop {
            match self.next(&mut handle)? {
                Next::Done => return Ok(()),
                Next::More => {}
                Next::Starved => self.progress().await?,
            }
        }
    }

    /// Polls once and hands the event over.
    pub(super) fn next(
        &mut self,
        handle: &mut impl FnMut(Event<'_>) -> Result<Flow, Error>,
    ) -> Result<Next, Error> {
        self.release();
        let now = self.transport.now();
        let polled = poll(&mut self.connection, now, &self.input, self.input_ended);
        let (event, consumed) = polled.map_err(|error| {
            self.lost = true;
            Error::Protocol(error)
        })?;
        if let Some(tracer) = &self.tracer {
            tracer.received(&event);
        }
        let next = match event {
            Event::Read => Next::Starved,
            Event::Warning(quirk) => {
                self.remember(quirk);
                Next::More
            }
            Event::Greeting(_)
            | Event::Reply { .. }
            | Event::Entry(_)
            | Event::Line(_)
            | Event::Data(_)
            | Event::End { .. }
            | Event::Challenge(_)
            | Event::StartTls
            | Event::Closed => match handle(event) {
                Ok(Flow::On) => Next::More,
                Ok(Flow::Done) => Next::Done,
                Err(error) => {
                    self.lost = true;
                    return Err(error);
                }
            },
        };
        self.input.consume(consumed);
        Ok(next)
    }

    /// Notes a departure of the server's, each once.
    pub(super) fn remember(&mut self, quirk: Quirk) {
        if !self.quirks.contains(&quirk) {
            self.quirks.push(quirk);
        }
    }

    pub(super) fn trace_tls(&self) {
        if let Some(tracer) = &self.tracer {
            tracer.tell(Trace::Tls);
        }
    }
}

/// What a poll has led to.
pub(super) enum Next {
    /// The handler is done.
    Done,
    /// Poll on.
    More,
    /// Octets are needed.
    Starved,
}

/// Whether the event ends the reply to a command.
pub(super) const fn completed(event: &Event<'_>) -> Flow {
    match event {
        Event::Reply { follows: pop3_proto::ReplyShape::Line, .. }
        | Event::End { .. }
        | Event::StartTls
        | Event::Closed => Flow::Done,
        Event::Read
        | Event::Greeting(_)
        | Event::Reply { .. }
        | Event::Entry(_)
        | Event::Challenge(_)
        | Event::Line(_)
        | Event::Data(_)
        | Event::Warning(_) => Flow::On,
    }
}
