//! Sending a command and following its reply.

use core::borrow::Borrow;

use pop3_proto::client::{ClientEvent, ReplyItem, SendError};
use pop3_proto::{Capability, Command, Extension};

use super::{Client, ClientError, Refusal, Trace};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Waits for the greeting.
    pub(super) async fn greet(&mut self) -> Result<(), ClientError> {
        let mut greeting = Vec::new();
        self.follow(|event| match event.reply() {
            Some(reply) if reply.is_positive() => {
                greeting.extend_from_slice(reply.text);
                Ok(())
            }
            Some(reply) => Err(ClientError::Refused(Refusal::new(None, reply))),
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
        take: impl FnMut(ReplyItem<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        self.call_for_text(command, take).await.map(drop)
    }

    /// The same, and the text of the positive reply.
    pub(super) async fn call_for_text(
        &mut self,
        command: &Command<'_>,
        mut take: impl FnMut(ReplyItem<'_>) -> Result<(), ClientError>,
    ) -> Result<Vec<u8>, ClientError> {
        self.begin(command).await?;
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
            Some(refusal) => Err(ClientError::Refused(self.judged(refusal))),
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
        pick: impl Fn(ReplyItem<'_>) -> Option<E>,
    ) -> Result<Vec<E>, ClientError> {
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
    ) -> Result<(Vec<u8>, Vec<u8>), ClientError> {
        self.begin(Command::Extension(extension)).await?;
        let (mut text, mut content, mut refusal) = (Vec::new(), Vec::new(), None);
        self.follow(|event| {
            refusal = refusal.take().or_else(|| Refusal::of(&event));
            if let Some(reply) = event.reply() {
                text.extend_from_slice(reply.text);
            } else if let ClientEvent::Line(line) = event {
                content.extend_from_slice(line);
                content.extend_from_slice(b"\r\n");
            } else if let ClientEvent::Data(octets) = event {
                content.extend_from_slice(octets);
            }
            Ok(())
        })
        .await?;
        match refusal {
            None => Ok((text, content)),
            Some(refusal) => Err(ClientError::Refused(self.judged(refusal))),
        }
    }

    /// Takes what an earlier call has left, and puts a command into the output.
    pub(super) async fn begin<'a>(&mut self, command: impl Borrow<Command<'a>>) -> Result<(), ClientError> {
        self.drain().await?;
        if self.owes_capa() {
            return self.begin_with(command.borrow(), &[]).await.map(drop);
        }
        self.enqueue(command)
    }

    /// The same, and puts as many of the other commands behind it as may be in flight. Returns how many.
    ///
    /// A CAPA that is [owed](Self::ask_again) goes in front, and its reply is here when this returns.
    pub(super) async fn begin_with(
        &mut self,
        command: &Command<'_>,
        others: &[Command<'_>],
    ) -> Result<usize, ClientError> {
        self.drain().await?;
        let asks = self.enqueue_owed_capa(command)?;
        let mut sent = 0_usize;
        for command in core::iter::once(command).chain(others) {
            match self.enqueue(command) {
                Err(ClientError::Unsendable(SendError::Window)) if asks || sent > 0 => break,
                result => result?,
            }
            sent += 1;
        }
        if asks {
            self.take_capabilities().await?;
        }
        if sent == 0 {
            self.enqueue(command)?;
        }
        Ok(sent.saturating_sub(1))
    }

    pub(super) fn enqueue<'a>(&mut self, command: impl Borrow<Command<'a>>) -> Result<(), ClientError> {
        let command = command.borrow();
        let sent = self.connection.send(command, self.transport.now(), &mut self.out);
        self.enqueued(command, sent)?;
        self.asked_logged_in |= matches!(command, Command::Capa) && self.is_logged_in();
        Ok(())
    }

    /// Traces a command that was put into the output.
    pub(super) fn enqueued(
        &mut self,
        command: &Command<'_>,
        sent: Result<(), SendError>,
    ) -> Result<(), ClientError> {
        self.check_sent(sent)?;
        if let Some(tracer) = &self.tracer {
            tracer.sent(command);
        }
        Ok(())
    }

    pub(super) fn check_sent(&mut self, sent: Result<(), SendError>) -> Result<(), ClientError> {
        if sent == Err(SendError::Unread) {
            // Unexpected octets have arrived. The protocol crate reports what they are.
            self.next(&mut |_| Ok(()))?;
        }
        sent.map_err(ClientError::Unsendable)
    }

    /// Hands events over up to the one that ends the reply, or is a challenge or the greeting. If this
    /// future is dropped before, the rest of the reply is left to [`drain`](Self::drain).
    pub(super) async fn follow(
        &mut self,
        mut handle: impl FnMut(ClientEvent<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
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
        handle: &mut impl FnMut(ClientEvent<'_>) -> Result<(), ClientError>,
    ) -> Result<Next, ClientError> {
        let (next, consumed) = self.poll(|event, _| {
            if matches!(event, ClientEvent::Read) {
                return Ok(Next::Starved);
            }
            handle(event)?;
            Ok(if event.ends_reply() { Next::Done } else { Next::More })
        })?;
        match next {
            Ok(next) => {
                self.input.consume(consumed);
                Ok(next)
            }
            Err(error) => {
                self.lost = true;
                Err(error)
            }
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
    /// The reply is complete, or a challenge came.
    Done,
    /// Poll on.
    More,
    /// Octets are needed.
    Starved,
}
