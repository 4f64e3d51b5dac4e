//! Sends messages and all other output, in pieces that suit TLS.

use core::future::poll_fn;
use core::ops::ControlFlow;
use core::task::Poll;
use std::io;

use bytes::{Buf as _, BytesMut};
use pop3_proto::server::{Answer, Extent, ServerConnection};
use pop3_proto::{Command, MessageNumber, Rejection};

use super::asking::{Asked, Watch};
use super::{Fault, Session};
use crate::backend::{Backend, SHORT, StoredMessage as _};
use crate::scratch::Scratch;
use crate::transport::Transport;

/// The amount of output from which it is sent, though more will follow.
const PIECE: usize = 32 * 1024;

/// The most octets of a message that are read at first: not much of it may be wanted.
const FIRST: usize = 32 * 1024;

/// The work on the spot after which other sessions have their turn, in octets.
const TURN: usize = 512 * 1024;

/// The first line of a reply, and the end of a message.
const OVERHEAD: usize = 128;

/// What a message costs, in octets.
const OPENING: usize = 8 * 1024;

/// The most messages that the backend is told of before they are fetched.
const EXPECTED: usize = 64;

/// The most octets in a TLS record.
const RECORD: usize = 16 * 1024;

/// The most octets in a write in TLS: what rustls takes at once while nothing waits in it, so that records
/// begin and end where they are expected to.
const WRITE: usize = 4 * RECORD;

/// The octets of the end of a message: CRLF, dot, CRLF. They leave in one piece.
const TERMINATOR: usize = 5;

impl<B: Backend> Session<B> {
    /// Answers a request for a message and sends the message.
    pub(super) async fn fetch<T: Transport>(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        transport: &mut T,
    ) -> Result<(), Fault> {
        self.rest_after(OPENING).await;
        let answer = match self.fetch_now(message, extent, transport).await? {
            Some(answer) => answer,
            None => self.fetch_later(message, extent, transport).await?,
        };
        Ok(self.connection.answer(answer, transport.now(), &mut self.out)?)
    }

    /// Sends a message that can be opened on the spot, and returns how it ended. Otherwise, nothing has happened.
    async fn fetch_now<T: Transport>(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        transport: &mut T,
    ) -> Result<Option<Answer>, Fault> {
        let mut content = match self.backend.try_fetch(message, extent) {
            Some(Ok(content)) => content,
            Some(Err(rejection)) => return Ok(Some(Answer::Unavailable(rejection))),
            None => return Ok(None),
        };
        let end = {
            let mut octets = Scratch::take();
            let first = if extent == Extent::Whole { octets.len() } else { FIRST };
            // Nothing was sent yet: after an error, the message is opened again where that may take its time.
            let Ok(count) = content.try_read(&mut octets[..first]) else { return Ok(None) };
            let more_follow = self.out.is_empty() && !self.input.filled().is_empty();
            // More messages follow in the same write, or each line gets a CR.
            self.out.reserve(if more_follow { 2 * PIECE } else { count + count / 32 + OVERHEAD });
            self.connection.answer(Answer::Message, transport.now(), &mut self.out)?;
            self.begin(&mut content, &mut octets, (first, count))?
        };
        match end {
            Some(answer) => Ok(Some(answer)),
            None => self.body(&mut content, transport, None).await.map(Some),
        }
    }

    /// Adds the first octets of a message, which were read, to the output. Goes on as long as the message may end
    /// within these `first` octets: then it leaves in one write. Returns how it ended, if it did.
    fn begin(
        &mut self,
        content: &mut B::Message,
        octets: &mut [u8],
        (first, mut count): (usize, usize),
    ) -> Result<Option<Answer>, Fault> {
        let mut read = 0;
        loop {
            if count == 0 || self.connection.body(&octets[..count], &mut self.out)?.is_break() {
                return Ok(Some(Answer::EndOfMessage));
            }
            read += count;
            // Before the next message, others have their turn.
            self.busy += count;
            if read >= first {
                return Ok(None);
            }
            count = match content.try_read(&mut octets[..first - read]) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Ok(Some(self.broken(error))),
            };
        }
    }

    /// Sends a message that must be waited for, and returns how it ended.
    async fn fetch_later<T: Transport>(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        transport: &mut T,
    ) -> Result<Answer, Fault> {
        self.tell_what_follows();
        let (asked, watch, backend) = self.ask(transport);
        let content = watch.over(backend.fetch(message, extent, &asked.context), &asked.context).await;
        match content {
            Ok(Ok(mut content)) => {
                self.connection.answer(Answer::Message, transport.now(), &mut self.out)?;
                self.body(&mut content, transport, Some(asked)).await
            }
            Ok(Err(rejection)) => Ok(Answer::Unavailable(rejection)),
            Err(unanswered) => {
                let rejection = self.late(unanswered, "opening a message")?;
                // The session continues.
                self.fault = None;
                Ok(Answer::Unavailable(rejection))
            }
        }
    }

    /// Tells the backend which short messages the client has asked for in the commands that are already there.
    fn tell_what_follows(&mut self) {
        let snapshot = self.connection.session().snapshot();
        let mut rest = self.input.filled();
        let mut next = Vec::new();
        while next.len() < EXPECTED
            && let Some(end) = rest.iter().position(|&octet| octet == b'\n')
            && let Ok(Command::Retr(message)) = Command::parse(rest[..end].trim_ascii_end())
            && snapshot.size(message).is_some_and(|size| size < SHORT as u64)
        {
            next.push(message);
            rest = &rest[end + 1..];
        }
        if !next.is_empty() {
            self.backend.expect(&next);
        }
    }

    /// Sends the requested part of a message, and returns how it ended.
    async fn body<T: Transport>(
        &mut self,
        content: &mut B::Message,
        transport: &mut T,
        mut asked: Option<Asked>,
    ) -> Result<Answer, Fault> {
        loop {
            if self.out.len() >= PIECE {
                // Keep the last CRLF, to send it together with the dot if that follows.
                send(&mut self.connection, &mut self.out, transport, TERMINATOR).await?;
            }
            let read = {
                let mut octets = Scratch::take();
                match content.try_read(&mut octets) {
                    Ok(0) => return Ok(Answer::EndOfMessage),
                    Ok(count) => Ok((count, self.connection.body(&octets[..count], &mut self.out)?)),
                    Err(error) => Err(error),
                }
            };
            match read {
                Ok((_, ControlFlow::Break(()))) => return Ok(Answer::EndOfMessage),
                Ok((count, ControlFlow::Continue(()))) => {
                    self.rest_after(count).await;
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Ok(self.broken(error)),
            }
            let now = transport.now();
            let deadline = self.store_deadline(now);
            let asked = asked.get_or_insert_with(|| Asked::until(deadline, now));
            asked.extend(deadline, now);
            let watch = Watch::new(transport, &mut self.input, &mut self.input_ended, deadline);
            let chunk = match watch.over(content.chunk(), &asked.context).await {
                Ok(Ok([])) => return Ok(Answer::EndOfMessage),
                Ok(Ok(chunk)) => chunk,
                Err(unanswered) => {
                    return self.late(unanswered, "reading a message").map(Answer::Unavailable);
                }
                Ok(Err(error)) => return Ok(self.broken(error)),
            };
            for piece in chunk.chunks(PIECE) {
                if self.connection.body(piece, &mut self.out)?.is_break() {
                    return Ok(Answer::EndOfMessage);
                }
                if self.out.len() >= PIECE {
                    send(&mut self.connection, &mut self.out, transport, TERMINATOR).await?;
                }
            }
        }
    }

    /// Returns the answer after a message could not be read to its end.
    fn broken(&mut self, error: io::Error) -> Answer {
        self.fault = Some(io::Error::new(error.kind(), format!("reading a message: {error}")));
        Answer::Unavailable(Rejection::temporary("the message can't be read"))
    }

    /// Counts work that was done without waiting. After much of it, lets other tasks run: a client that reads as fast
    /// as it is served must not keep the thread for itself.
    async fn rest_after(&mut self, octets: usize) {
        self.busy += octets;
        if self.busy >= TURN {
            self.busy = 0;
            yield_now().await;
        }
    }

    /// Sends the output except for this number of octets at its end.
    pub(super) async fn send<T: Transport>(&mut self, transport: &mut T, keep: usize) -> Result<(), Fault> {
        send(&mut self.connection, &mut self.out, transport, keep).await
    }
}

/// Sends the output except for this number of octets at its end.
async fn send<T: Transport>(
    connection: &mut ServerConnection,
    out: &mut BytesMut,
    transport: &mut T,
    keep: usize,
) -> Result<(), Fault> {
    while out.len() > keep {
        let mut piece = out.len() - keep;
        let over = piece % RECORD;
        if piece > RECORD && over < TERMINATOR && transport.is_tls() {
            // Each write starts a new record. Start one early, so that none ends within the terminator.
            piece -= RECORD / 2;
        }
        if transport.is_tls() {
            piece = piece.min(WRITE);
        }
        let sent = transport.write(&out[..piece], connection.deadline()).await?;
        transport.flush(connection.deadline()).await?;
        if sent == 0 {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        out.advance(sent.min(out.len()));
        connection.wrote(transport.now());
    }
    Ok(())
}

/// Lets other tasks run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
