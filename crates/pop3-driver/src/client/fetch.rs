//! Messages: one at a time, or many in a pipeline.

use std::collections::VecDeque;
use std::io::{self, Write};

use pop3_proto::client::{Error as ProtocolError, Event, SendError};
use pop3_proto::{Command, MessageNumber, Octets, Quirk};

use super::call::Next;
use super::{Client, Error, Refusal};
use crate::transport::Transport;

/// Takes messages as they come, one after the other.
///
/// An error from any of these calls ends the whole fetch, and the connection with it.
pub trait Receiver: Send {
    /// The content of a message follows.
    ///
    /// # Errors
    /// When it can't be stored.
    fn begin(&mut self, message: MessageNumber) -> io::Result<()>;

    /// Octets of the message, in wire form without dot-stuffing: its lines end in CRLF.
    ///
    /// # Errors
    /// When they can't be stored.
    fn data(&mut self, octets: &[u8]) -> io::Result<()>;

    /// The message is complete: its terminator has come. So many commands behind the one that fetched it have
    /// been sent: with none, nothing else can have been taken for the message but what follows later.
    ///
    /// # Errors
    /// When it can't be stored.
    fn end(&mut self, outstanding: usize) -> io::Result<()>;

    /// The server does not give this message. The next one follows.
    ///
    /// # Errors
    /// When that can't be noted.
    fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> io::Result<()>;
}

impl<T: Transport> Client<T> {
    /// Fetches a message (RETR) into a writer, in wire form without dot-stuffing, and returns its
    /// octets.
    ///
    /// What was written is the whole message only when this returns without error.
    ///
    /// # Errors
    /// [`Error::Store`] when the writer fails; the connection is of no use then. See [`Error`].
    pub async fn retr(
        &mut self,
        message: MessageNumber,
        to: &mut (impl Write + Send),
    ) -> Result<Octets, Error> {
        let octets = self.body(&Command::Retr(message), to).await?;
        if self.sizes.is_wrong(message, octets) {
            self.remember(Quirk::WrongSize);
            if self.strict {
                self.busy = true;
                return Err(Error::Protocol(ProtocolError::Quirk(Quirk::WrongSize)));
            }
        }
        Ok(octets)
    }

    /// Fetches the header of a message and the first lines of its body (TOP) into a writer.
    ///
    /// # Errors
    /// As [`retr`](Self::retr).
    pub async fn top(
        &mut self,
        message: MessageNumber,
        lines: u64,
        to: &mut (impl Write + Send),
    ) -> Result<Octets, Error> {
        self.body(&Command::Top { message, lines }, to).await
    }

    /// Fetches messages in the order given. If the server has announced PIPELINING, commands are
    /// sent ahead as far as the window allows, so that a round trip is not paid for each message.
    ///
    /// # Errors
    /// [`Error::Store`] when the receiver fails. After any error the connection is of no use; the
    /// messages whose [`end`](Receiver::end) was called are complete.
    pub async fn retr_all(
        &mut self,
        messages: &[MessageNumber],
        receiver: &mut impl Receiver,
    ) -> Result<(), Error> {
        // The listing is left here when this call is dropped; nothing can be fetched then.
        let sizes = core::mem::take(&mut self.sizes);
        let (mut octets, mut wrong, strict) = (0, false, self.strict);
        let fetch = self.pipeline(messages.iter().copied().map(Command::Retr), |command, event, behind| {
            let Command::Retr(message) = *command else { return Err(Error::Internal) };
            let stored = if let Some(refusal) = Refusal::of(&event) {
                receiver.refused(message, refusal)
            } else if event.reply().is_some() {
                octets = 0;
                receiver.begin(message)
            } else if let Event::Data(data) = event {
                octets += data.len() as Octets;
                receiver.data(data)
            } else if let Event::End { .. } = event {
                wrong |= sizes.is_wrong(message, octets);
                if wrong && strict {
                    return Err(Error::Protocol(ProtocolError::Quirk(Quirk::WrongSize)));
                }
                receiver.end(behind)
            } else {
                Ok(())
            };
            stored.map_err(Error::Store)
        });
        let fetched = fetch.await;
        self.sizes = sizes;
        if wrong {
            self.remember(Quirk::WrongSize);
        }
        fetched
    }

    /// Marks messages as deleted (DELE), in a pipeline if the server has one. Returns those that the
    /// server refused to mark.
    ///
    /// # Errors
    /// See [`Error`]. On any error no message is deleted, as there is no QUIT.
    pub async fn dele_all(
        &mut self,
        messages: &[MessageNumber],
    ) -> Result<Vec<(MessageNumber, Refusal)>, Error> {
        let mut refusals = Vec::new();
        self.pipeline(messages.iter().copied().map(Command::Dele), |command, event, _| {
            if let (&Command::Dele(message), Some(refusal)) = (command, Refusal::of(&event)) {
                refusals.push((message, refusal));
            }
            Ok(())
        })
        .await?;
        Ok(refusals)
    }

    async fn body(&mut self, command: &Command<'_>, to: &mut (impl Write + Send)) -> Result<Octets, Error> {
        self.begin(command)?;
        let (mut octets, mut refusal) = (0, None);
        self.follow(|event| {
            refusal = refusal.take().or_else(|| Refusal::of(&event));
            if let Event::Data(data) = event {
                to.write_all(data).map_err(Error::Store)?;
                octets += data.len() as Octets;
            }
            Ok(())
        })
        .await?;
        refusal.map_or(Ok(octets), |refusal| Err(Error::Refused(self.judged(refusal))))
    }

    /// Sends commands as far ahead as the window allows, and hands each event over with the command
    /// that it answers, and with how many are sent behind that one. Told to end, it sends no more.
    async fn pipeline(
        &mut self,
        commands: impl Iterator<Item = Command<'static>> + Send,
        mut handle: impl FnMut(&Command<'static>, Event<'_>, usize) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let mut commands = commands.peekable();
        let mut sent = VecDeque::new();
        if self.busy {
            return Err(Error::Interrupted);
        }
        self.busy = true;
        loop {
            let next = if sent.is_empty() {
                Next::Starved
            } else {
                self.next(&mut |event| {
                    let command = sent.front().ok_or(Error::Internal)?;
                    handle(command, event, sent.len().saturating_sub(1))
                })?
            };
            match next {
                Next::More => {}
                Next::Done => {
                    sent.pop_front();
                }
                // While octets are awaited is the time to send as much as fits.
                Next::Starved => {
                    while !self.is_stopping()
                        && let Some(command) = commands.peek()
                    {
                        match self.enqueue(command) {
                            Ok(()) => sent.extend(commands.next()),
                            Err(Error::Unsendable(SendError::Window)) if !sent.is_empty() => break,
                            Err(error) => {
                                // With nothing under way the connection is as it was before.
                                self.busy = !sent.is_empty();
                                return Err(error);
                            }
                        }
                    }
                    if sent.is_empty() {
                        self.busy = false;
                        return if commands.peek().is_none() { Ok(()) } else { Err(Error::Stopped) };
                    }
                    self.send().await?;
                    self.receive().await?;
                }
            }
        }
    }
}
