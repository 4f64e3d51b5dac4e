//! One message, taken as it comes.

use core::fmt;

use pop3_proto::client::ProtocolError;
use pop3_proto::{Command, MessageNumber, Octets, Quirk};

use super::parts::{Part, Piece};
use super::{Client, ClientError, Receiver};
use crate::transport::Transport;

/// A message on its way: what follows the positive reply to RETR or TOP.
///
/// Its octets come in pieces, in wire form without dot-stuffing: lines end in CRLF. A piece is borrowed from
/// the buffer that it was received in, and nothing is read before the next one is asked for, so that a slow
/// reader slows the server down.
///
/// A message may be dropped at any time. What is left of it is thrown away by the next call, as of a call that
/// was dropped.
///
/// ```
/// # use pop3_driver::client::{Client, ClientError};
/// # use pop3_driver::Transport;
/// # use pop3_proto::MessageNumber;
/// # async fn example<T: Transport>(mut client: Client<T>) -> Result<(), ClientError> {
/// let mut message = client.message(MessageNumber::FIRST).await?;
/// while let Some(octets) = message.chunk().await? {
///     print!("{}", octets.escape_ascii());
/// }
/// // Here, and not before, the message is known to be complete.
/// # Ok(())
/// # }
/// ```
pub struct IncomingMessage<'c, T> {
    client: &'c mut Client<T>,
    number: MessageNumber,
    size: Option<Octets>,
    /// It is the whole message, whose size LIST may have told.
    whole: bool,
    octets: Octets,
    piece: Option<Piece>,
    /// How much of the piece is consumed.
    consumed: usize,
    complete: bool,
}

impl<T: Transport> Client<T> {
    /// Fetches a message (RETR), to be taken as it comes.
    ///
    /// The future may be dropped, and so may the [`IncomingMessage`]: the next call throws away what is left.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the server does not give the message; see [`ClientError`].
    pub async fn message(&mut self, message: MessageNumber) -> Result<IncomingMessage<'_, T>, ClientError> {
        self.open_message(Command::Retr(message), message, true).await
    }

    /// Fetches the header of a message and this many lines of its body (TOP), to be taken as it comes.
    ///
    /// The future may be dropped, and so may the [`IncomingMessage`]: the next call throws away what is left.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub async fn top(
        &mut self,
        message: MessageNumber,
        lines: u64,
    ) -> Result<IncomingMessage<'_, T>, ClientError> {
        self.open_message(Command::Top { message, lines }, message, false).await
    }

    /// Fetches a message (RETR) into a receiver, and returns how many octets it has.
    ///
    /// What the receiver got is the whole message only when this returns without error. The future may be
    /// dropped: the next call throws away what is left.
    ///
    /// # Errors
    /// [`ClientError::Store`] when the receiver fails; the next call throws away what is left. See [`ClientError`].
    pub async fn retr(
        &mut self,
        message: MessageNumber,
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<Octets, ClientError> {
        self.message(message).await?.forward(receiver).await
    }

    async fn open_message(
        &mut self,
        command: Command<'_>,
        number: MessageNumber,
        whole: bool,
    ) -> Result<IncomingMessage<'_, T>, ClientError> {
        self.begin(&command).await?;
        let promised = loop {
            match self.part()? {
                Part::Starved => self.progress().await?,
                Part::Refused(refusal) => return Err(ClientError::Refused(refusal)),
                Part::Begun(promised) => break promised,
                Part::Nothing => {}
                Part::Accepted | Part::Data(_) | Part::End => return Err(self.misused()),
            }
        };
        let size = if whole { self.sizes.get(number).or(promised) } else { None };
        Ok(IncomingMessage {
            client: self,
            number,
            size,
            whole,
            octets: 0,
            piece: None,
            consumed: 0,
            complete: false,
        })
    }

    /// The core has said what it can't say here.
    pub(super) const fn misused(&mut self) -> ClientError {
        self.lost = true;
        ClientError::Internal
    }

    /// Notes that a message has another size than was listed, if it has.
    pub(super) fn compare_size(&mut self, message: MessageNumber, octets: Octets) -> Result<(), ClientError> {
        if self.sizes.is_wrong(message, octets) {
            self.remember(Quirk::WrongSize);
            if self.strict {
                self.lost = true;
                return Err(ClientError::Protocol(ProtocolError::Quirk(Quirk::WrongSize)));
            }
        }
        Ok(())
    }
}

impl<T: Transport> IncomingMessage<'_, T> {
    /// Its number.
    #[must_use]
    pub const fn number(&self) -> MessageNumber {
        self.number
    }

    /// How many octets it has as the server says: in LIST, if that was asked for, or else in the reply to
    /// RETR; `None` for TOP. It may be wrong, and is no amount of memory to set aside.
    #[must_use]
    pub const fn size(&self) -> Option<Octets> {
        self.size
    }

    /// How many octets have come so far.
    #[must_use]
    pub const fn octets(&self) -> Octets {
        self.octets
    }

    /// Whether all of it has come: the terminator was seen.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// The next octets, never empty; `None` when the message is complete, and ever after.
    ///
    /// The future may be dropped: no octet is lost, and the message goes on with the next call.
    ///
    /// # Errors
    /// What was handed out is not the whole message then. See [`ClientError`].
    pub async fn chunk(&mut self) -> Result<Option<&[u8]>, ClientError> {
        if !self.fetch().await? {
            return Ok(None);
        }
        let from = core::mem::take(&mut self.consumed);
        let Some(piece) = self.piece.take() else { return Ok(None) };
        Ok(self.client.octets(&piece).get(from..))
    }

    /// The octets that are to be [consumed](Self::consume) next; empty when the message is complete. Called
    /// again, it gives the same octets. It is [`chunk`](Self::chunk) for who takes less than all of them.
    ///
    /// The future may be dropped: no octet is lost.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn fill(&mut self) -> Result<&[u8], ClientError> {
        self.fetch().await?;
        let Some(piece) = &self.piece else { return Ok(&[]) };
        Ok(self.client.octets(piece).get(self.consumed..).unwrap_or_default())
    }

    /// Consumes octets of what [`fill`](Self::fill) gave: no more than it gave.
    pub fn consume(&mut self, octets: usize) {
        let Some(piece) = &self.piece else { return };
        self.consumed = self.consumed.saturating_add(octets);
        if self.consumed >= self.client.octets(piece).len() {
            self.piece = None;
            self.consumed = 0;
        }
    }

    /// Hands over what is left of the message, and returns how many octets it has in all.
    ///
    /// The future may be dropped: the next call of the client throws away what is left.
    ///
    /// # Errors
    /// [`ClientError::Store`] when the receiver fails; the next call throws away what is left. See [`ClientError`].
    pub async fn forward(mut self, receiver: &mut (impl Receiver + ?Sized)) -> Result<Octets, ClientError> {
        receiver.begin(self.number, self.size).await.map_err(ClientError::Store)?;
        while let Some(octets) = self.chunk().await? {
            receiver.data(octets).await.map_err(ClientError::Store)?;
        }
        receiver.end(0).await.map_err(ClientError::Store)?;
        Ok(self.octets)
    }

    /// Has a piece ready: `false` when there is none, as the message is complete.
    async fn fetch(&mut self) -> Result<bool, ClientError> {
        while self.piece.is_none() && !self.complete {
            if self.client.lost {
                return Err(ClientError::Interrupted);
            }
            match self.client.part()? {
                Part::Starved => self.client.progress().await?,
                Part::Data(piece) => {
                    let octets = self.client.octets(&piece).len() as Octets;
                    self.octets = self.octets.saturating_add(octets);
                    self.piece = Some(piece);
                    self.consumed = 0;
                }
                Part::End => {
                    self.complete = true;
                    if self.whole {
                        self.client.compare_size(self.number, self.octets)?;
                    }
                }
                Part::Nothing => {}
                Part::Refused(_) | Part::Accepted | Part::Begun(_) => return Err(self.client.misused()),
            }
        }
        Ok(self.piece.is_some())
    }
}

impl<T> fmt::Debug for IncomingMessage<'_, T> {
    /// Without what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("number", &self.number)
            .field("size", &self.size)
            .field("octets", &self.octets)
            .field("complete", &self.complete)
            .finish_non_exhaustive()
    }
}
