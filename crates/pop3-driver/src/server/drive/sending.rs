//! Sends messages and all other output, in pieces that suit TLS.

use std::io;

use bytes::{Buf as _, BytesMut};
use pop3_proto::server::{Answer, Extent, ServerConnection};
use pop3_proto::{MessageNumber, Rejection};

use super::asking::{Asked, Watch};
use super::{Fault, Session};
use crate::backend::{Backend, StoredMessage as _};
use crate::transport::Transport;

/// The amount of a message that is encoded before the output is checked.
const PIECE: usize = 32 * 1024;

/// The most octets in a TLS record.
const RECORD: usize = 16 * 1024;

/// The most octets in a write: what rustls takes at once while nothing waits in it, so that records
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
        let (asked, watch, backend) = self.ask(transport);
        let content = watch.over(backend.fetch(message, extent, &asked.context), &asked.context).await;
        let answer = match content {
            Ok(Ok(mut content)) => {
                self.connection.answer(Answer::Message, transport.now(), &mut self.out)?;
                self.body(&mut content, transport, &asked).await?
            }
            Ok(Err(rejection)) => Answer::Unavailable(rejection),
            Err(unanswered) => {
                let rejection = self.late(unanswered, "opening a message")?;
                // The session continues.
                self.fault = None;
                Answer::Unavailable(rejection)
            }
        };
        Ok(self.connection.answer(answer, transport.now(), &mut self.out)?)
    }

    /// Sends the requested part of a message, and returns how it ended.
    async fn body<T: Transport>(
        &mut self,
        content: &mut B::Message,
        transport: &mut T,
        asked: &Asked,
    ) -> Result<Answer, Fault> {
        loop {
            let now = transport.now();
            let deadline = self.store_deadline(now);
            asked.extend(deadline, now);
            let watch = Watch::new(transport, &mut self.input, &mut self.input_ended, deadline);
            let chunk = match watch.over(content.chunk(), &asked.context).await {
                Ok(Ok([])) => return Ok(Answer::EndOfMessage),
                Ok(Ok(chunk)) => chunk,
                Err(unanswered) => {
                    return self.late(unanswered, "reading a message").map(Answer::Unavailable);
                }
                Ok(Err(error)) => {
                    let text = format!("reading a message: {error}");
                    self.fault = Some(io::Error::new(error.kind(), text));
                    return Ok(Answer::Unavailable(Rejection::temporary("the message can't be read")));
                }
            };
            for piece in chunk.chunks(PIECE) {
                if self.connection.body(piece, &mut self.out)?.is_break() {
                    return Ok(Answer::EndOfMessage);
                }
                if self.out.len() >= PIECE {
                    // Keep the last CRLF, to send it together with the dot if that follows.
                    send(&mut self.connection, &mut self.out, transport, TERMINATOR).await?;
                }
            }
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
        let sent = transport.write(&out[..piece.min(WRITE)], connection.deadline()).await?;
        transport.flush(connection.deadline()).await?;
        if sent == 0 {
            return Err(io::Error::from(io::ErrorKind::WriteZero).into());
        }
        out.advance(sent.min(out.len()));
        connection.wrote(transport.now());
    }
    Ok(())
}
