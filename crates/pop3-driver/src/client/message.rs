//! One message, received piece by piece.

use core::fmt;

use pop3_proto::client::ProtocolError;
use pop3_proto::{Command, MessageNumber, Octets, Quirk};

use super::parts::{Part, Piece};
use super::{Client, ClientError, Receiver};
use crate::transport::Transport;

/// A message that is being received, after the positive reply to RETR or TOP.
///
/// The octets come in pieces, in wire form without dot-stuffing: lines end in CRLF. Each piece is borrowed from the
/// receive buffer. The client reads nothing until you ask for the next piece, so a slow reader slows the server down.
///
/// You may drop a message at any time. The next call then discards the rest of it, as after a dropped call.
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
/// // Only now is the message known to be complete.
/// # Ok(())
/// # }
/// ```
pub struct IncomingMessage<'c, T> {
    client: &'c mut Client<T>,
    number: MessageNumber,
    size: Option<Octets>,
    /// Whether this is the whole message, so that its size can be compared with LIST.
    whole: bool,
    octets: Octets,
    piece: Option<Piece>,
    /// How much of the piece is consumed.
    consumed: usize,
    complete: bool,
}

impl<T: Transport> Client<T> {
    /// Fetches a message (RETR) piece by piece.
    ///
    /// The future and the [`IncomingMessage`] may be dropped. The next call discards the rest.
    ///
    /// # Errors
    /// Returns [`ClientError::Refused`] if the server refuses to send the message. For other errors, see
    /// [`ClientError`].
    pub async fn message(&mut self, message: MessageNumber) -> Result<IncomingMessage<'_, T>, ClientError> {
        self.open_message(Command::Retr(message), message, true).await
    }

    /// Fetches the header of a message and this many lines of its body (TOP) piece by piece.
    ///
    /// The future and the [`IncomingMessage`] may be dropped. The next call discards the rest.
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

    /// Fetches a message (RETR), passes it to a receiver, and returns its size in octets.
    ///
    /// The receiver has the whole message only if this returns without an error. The future may be dropped. The next
    /// call discards the rest of the message.
    ///
    /// # Errors
    /// Returns [`ClientError::Store`] if the receiver fails. The next call discards the rest of the message. For
    /// other errors, see [`ClientError`].
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
    /// Returns the message number.
    #[must_use]
    pub const fn number(&self) -> MessageNumber {
        self.number
    }

    /// Returns the size in octets that the server announced: in LIST if the client asked for it, otherwise in the
    /// reply to RETR. Returns `None` for TOP. The size may be wrong: do not allocate memory according to it.
    #[must_use]
    pub const fn size(&self) -> Option<Octets> {
        self.size
    }

    /// Returns the number of octets received so far.
    #[must_use]
    pub const fn octets(&self) -> Octets {
        self.octets
    }

    /// Returns whether the message is complete, which means that its terminator was received.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns the next octets, which are never empty. Returns `None` from the end of the message on.
    ///
    /// The future may be dropped. No octet is lost, and the next call continues.
    ///
    /// # Errors
    /// See [`ClientError`]. After an error, the octets returned so far are not the whole message.
    pub async fn chunk(&mut self) -> Result<Option<&[u8]>, ClientError> {
        if !self.fetch().await? {
            return Ok(None);
        }
        let from = core::mem::take(&mut self.consumed);
        let Some(piece) = self.piece.take() else { return Ok(None) };
        Ok(self.client.octets(&piece).get(from..))
    }

    /// Returns the octets to be [consumed](Self::consume) next, or none if the message is complete. A second call
    /// returns the same octets. Use this instead of [`chunk`](Self::chunk) to consume only a part of them.
    ///
    /// The future may be dropped. No octet is lost.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub async fn fill(&mut self) -> Result<&[u8], ClientError> {
        self.fetch().await?;
        let Some(piece) = &self.piece else { return Ok(&[]) };
        Ok(self.client.octets(piece).get(self.consumed..).unwrap_or_default())
    }

    /// Consumes some of the octets that [`fill`](Self::fill) returned, at most all of them.
    pub fn consume(&mut self, octets: usize) {
        let Some(piece) = &self.piece else { return };
        self.consumed = self.consumed.saturating_add(octets);
        if self.consumed >= self.client.octets(piece).len() {
            self.piece = None;
            self.consumed = 0;
        }
    }

    /// Passes the rest of the message to a receiver. Returns the size of the whole message in octets.
    ///
    /// The future may be dropped. The next call of the client discards the rest of the message.
    ///
    /// # Errors
    /// Returns [`ClientError::Store`] if the receiver fails. The next call discards the rest of the message. For
    /// other errors, see [`ClientError`].
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
