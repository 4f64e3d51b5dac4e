//! Many messages in a pipeline.

use pop3_proto::client::SendError;
use pop3_proto::{Command, MessageNumber, Octets};

use super::parts::Part;
use super::pipeline::Pipeline;
use super::{Client, ClientError, Receiver, Refusal};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Fetches messages in the given order. If the server has announced PIPELINING, the client sends commands ahead
    /// as far as the window allows. This saves a round trip for each message.
    ///
    /// The future may be dropped. The messages whose [`end`](Receiver::end) was called are complete. The next call
    /// discards the rest of the replies.
    ///
    /// # Errors
    /// Returns [`ClientError::Store`] if the receiver fails. For other errors, see [`ClientError`]. After any error,
    /// the messages whose [`end`](Receiver::end) was called are complete.
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

    /// Marks messages as deleted (DELE), with pipelining if the server supports it. Returns the messages that the
    /// server refused to mark.
    ///
    /// The future may be dropped. Any of the messages may then be marked. [`rset`](Self::rset) removes all marks.
    ///
    /// # Errors
    /// See [`ClientError`]. After an error no message is deleted, because the client has not sent QUIT.
    pub async fn dele_all(
        &mut self,
        messages: &[MessageNumber],
    ) -> Result<Vec<(MessageNumber, Refusal)>, ClientError> {
        let mut refusals = Vec::new();
        self.call_all(messages.iter().copied().map(Command::Dele), |command, refusal| {
            if let Command::Dele(message) = command {
                refusals.push((message, refusal));
            }
        })
        .await?;
        Ok(refusals)
    }

    /// Sends commands and ignores what their positive replies contain, with pipelining if the server supports it (RFC
    /// 2449 section 6.6). Calls `refused` for each command that the server refuses.
    ///
    /// The future may be dropped. The server may or may not have executed the commands that were sent.
    ///
    /// # Errors
    /// See [`ClientError`]. Only a client that is logged in can send commands this way, and QUIT is never sent:
    /// [`quit`](Self::quit) ends the session.
    pub async fn call_all(
        &mut self,
        commands: impl IntoIterator<Item = Command<'static>>,
        mut refused: impl FnMut(Command<'static>, Refusal),
    ) -> Result<(), ClientError> {
        if !self.is_logged_in() {
            return Err(ClientError::Unsendable(SendError::State(self.connection.state())));
        }
        let (mut quit, mut commands) = (false, commands.into_iter());
        let commands = core::iter::from_fn(|| {
            let command = commands.next()?;
            quit = matches!(command, Command::Quit);
            (!quit).then_some(command)
        });
        let mut pipeline = Pipeline::new(self, commands).await?;
        while let Some((command, part, _)) = pipeline.next().await? {
            if let Part::Refused(refusal) = part {
                refused(command, refusal);
            }
        }
        if quit {
            return Err(ClientError::Unsendable(SendError::State(self.connection.state())));
        }
        Ok(())
    }
}
