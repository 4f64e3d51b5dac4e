//! Many messages in a pipeline.

use pop3_proto::{Command, MessageNumber, Octets};

use super::parts::Part;
use super::pipeline::Pipeline;
use super::{Client, ClientError, Receiver, Refusal};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Fetches messages in the order given. If the server has announced PIPELINING, commands are
    /// sent ahead as far as the window allows, so that a round trip is not paid for each message.
    ///
    /// The future may be dropped: the messages whose [`end`](Receiver::end) was called are complete, and the
    /// next call throws away the rest of what was asked for.
    ///
    /// # Errors
    /// [`ClientError::Store`] when the receiver fails; the same holds then. After any error the messages whose
    /// [`end`](Receiver::end) was called are complete. See [`ClientError`].
    pub async fn retr_all(
        &mut self,
        messages: &[MessageNumber],
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<(), ClientError> {
        let mut pipeline = Pipeline::new(self, messages.iter().copied().map(Command::Retr)).await?;
        let mut octets: Octets = 0;
        while let Some((command, part, behind)) = pipeline.next().await? {
            let Command::Retr(message) = command else { return Err(pipeline.client().misused()) };
            let taken = match part {
                Part::Refused(refusal) => receiver.refused(message, refusal).await,
                Part::Begun(promised) => {
                    octets = 0;
                    let size = pipeline.client().sizes.get(message).or(promised);
                    receiver.begin(message, size).await
                }
                Part::Data(piece) => {
                    let piece = pipeline.octets(&piece);
                    octets = octets.saturating_add(piece.len() as Octets);
                    receiver.data(piece).await
                }
                Part::End => {
                    pipeline.client().compare_size(message, octets)?;
                    receiver.end(behind).await
                }
                Part::Accepted | Part::Nothing | Part::Starved => {
                    return Err(pipeline.client().misused());
                }
            };
            taken.map_err(ClientError::Store)?;
        }
        Ok(())
    }

    /// Marks messages as deleted (DELE), in a pipeline if the server has one. Returns those that the
    /// server refused to mark.
    ///
    /// The future may be dropped: any of the messages may be marked then. [`rset`](Self::rset) takes all marks
    /// away.
    ///
    /// # Errors
    /// See [`ClientError`]. On any error no message is deleted, as there is no QUIT.
    pub async fn dele_all(
        &mut self,
        messages: &[MessageNumber],
    ) -> Result<Vec<(MessageNumber, Refusal)>, ClientError> {
        let mut refusals = Vec::new();
        let mut pipeline = Pipeline::new(self, messages.iter().copied().map(Command::Dele)).await?;
        while let Some((command, part, _)) = pipeline.next().await? {
            if let (Command::Dele(message), Part::Refused(refusal)) = (command, part) {
                refusals.push((message, refusal));
            }
        }
        Ok(refusals)
    }
}
