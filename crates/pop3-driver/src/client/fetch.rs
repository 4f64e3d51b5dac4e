//! Many messages in a pipeline.

use pop3_proto::client::SendError;
use pop3_proto::{Command, MessageNumber, Octets};

use super::parts::Part;
use super::pipeline::{Answer, Pipeline};
use super::{CLOSE_TIMEOUT, Client, ClientError, Receiver, Refusal};
use crate::transport::Transport;

impl<T: Transport> Client<T> {
    /// Fetches messages in the given order. If the server has announced PIPELINING, the client sends commands ahead
    /// as far as the window allows. This saves a round trip for each message.
    ///
    /// The window has two limits: the octets of the commands
    /// ([`ClientConfig::max_octets_in_flight`](pop3_proto::client::ClientConfig::max_octets_in_flight)), and those of
    /// the messages that the server has listed
    /// ([`ClientOptions::max_octets_expected`](super::ClientOptions::max_octets_expected)).
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
        self.retr_each(messages, false, receiver).await
    }

    /// Fetches messages as [`retr_all`](Self::retr_all) does, and [verifies](Self::verify_step) behind the last one
    /// that replies and commands are in step. With pipelining, this takes no further round trip.
    ///
    /// The future may be dropped, as that of [`retr_all`](Self::retr_all). The messages that have arrived are then not
    /// verified.
    ///
    /// # Errors
    /// Returns the errors of both calls. After [`ClientError::Stopped`], nothing is verified. The messages whose
    /// [`end`](Receiver::end) was called are complete, but any of them may be the reply to another command.
    pub async fn retr_all_in_step(
        &mut self,
        messages: &[MessageNumber],
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<(), ClientError> {
        self.retr_each(messages, true, receiver).await?;
        self.be_quiet()
    }

    /// Fetches messages, and sends behind them what verifies the step, if that is wanted.
    async fn retr_each(
        &mut self,
        messages: &[MessageNumber],
        in_step: bool,
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<(), ClientError> {
        let behind: &[_] = if in_step { &[Command::Noop, Command::Stat] } else { &[] };
        let commands = each(messages, Command::Retr, behind);
        let mut pipeline = Pipeline::new(self, commands).await?;
        let mut octets: Octets = 0;
        let mut left = messages.len();
        while let Some(Answer { command, part, behind }) = pipeline.next().await? {
            let Command::Retr(message) = command else {
                match part {
                    Part::Accepted | Part::Refused(_) => continue,
                    Part::Nothing | Part::Starved | Part::Begun(_) | Part::Data(_) | Part::End => {
                        return Err(pipeline.client().misused());
                    }
                }
            };
            let taken = match part {
                Part::Refused(refusal) => {
                    left = left.saturating_sub(1);
                    receiver.refused(message, refusal).await
                }
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
                    left = left.saturating_sub(1);
                    pipeline.client().compare_size(message, octets)?;
                    // No message can come from the reply to a command that asks for none.
                    receiver.end(behind.min(left)).await
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

    /// Marks messages as deleted as [`dele_all`](Self::dele_all) does, and ends the session with QUIT. With pipelining,
    /// QUIT does not wait for the replies, so the server removes the messages that it has marked even if it refuses to
    /// mark others. `refused` is called for each refusal.
    ///
    /// NOOP and STAT stand between the last DELE and QUIT, as in [`verify_step`](Self::verify_step). If the server sends
    /// a reply too many, its reply to NOOP is in the place of that to STAT, and the `+OK` in the place of the reply to
    /// QUIT is not believed. Both may be refused.
    ///
    /// Unlike [`quit`](Self::quit), this sends nothing more after a [stop](super::ClientOptions::stop), not even QUIT.
    /// If there is nothing to delete, call `quit`.
    ///
    /// If the future is dropped, the connection is closed, and it is unknown whether anything was removed.
    ///
    /// # Errors
    /// Returns [`ClientError::Refused`] if the server refuses QUIT, or if it refuses STAT and does not close the
    /// connection after the reply to QUIT. It is then unknown which messages were removed, as after most other errors.
    /// After [`ClientError::Stopped`], nothing is removed if not all commands were sent. After
    /// [`ClientError::Protocol`], the refusals may have been those of other messages.
    pub async fn dele_all_and_quit(
        mut self,
        messages: &[MessageNumber],
        refused: impl FnMut(MessageNumber, Refusal),
    ) -> Result<(), ClientError> {
        let result = self.dele_then_quit(messages, refused).await;
        let deadline = self.transport.now().after(CLOSE_TIMEOUT);
        self.transport.close(deadline).await;
        result
    }

    async fn dele_then_quit(
        &mut self,
        messages: &[MessageNumber],
        mut refused: impl FnMut(MessageNumber, Refusal),
    ) -> Result<(), ClientError> {
        let commands = each(messages, Command::Dele, &[Command::Noop, Command::Stat, Command::Quit]);
        let mut pipeline = Pipeline::new(self, commands).await?;
        let (mut no_stat, mut no_quit) = (None, None);
        while let Some(Answer { command, part, .. }) = pipeline.next().await? {
            let Part::Refused(refusal) = part else { continue };
            if let Command::Dele(message) = command {
                refused(message, refusal);
            } else if matches!(command, Command::Stat) {
                no_stat = Some(refusal);
            } else if matches!(command, Command::Quit) {
                no_quit = Some(refusal);
            }
        }
        match (no_quit, no_stat) {
            (Some(refusal), _) => Err(ClientError::Refused(refusal)),
            // Another reply is the one to QUIT. Other octets behind the last reply harm nobody.
            (None, None) if is_reply(self.untaken()) => self.be_quiet(),
            (None, None) => Ok(()),
            // The refusal may be that of DELE, and QUIT may not be answered yet.
            (None, Some(refusal)) => self.end_quietly(refusal).await,
        }
    }

    /// Waits until the server closes the connection. If no other reply comes before, it has sent as many as there were
    /// commands.
    async fn end_quietly(&mut self, refusal: Refusal) -> Result<(), ClientError> {
        self.be_quiet()?;
        let deadline = self.transport.now().after(CLOSE_TIMEOUT);
        match self.transport.read(self.input.room(), deadline).await {
            Ok(0) => Ok(()),
            Ok(octets) => {
                self.input.add(octets);
                self.be_quiet()
            }
            Err(_) => Err(ClientError::Refused(refusal)),
        }
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
        while let Some(Answer { command, part, .. }) = pipeline.next().await? {
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

/// A command for each message, and these behind them.
///
/// A command that an adapter of an iterator holds across an `await` would have to be `Send` for any lifetime.
fn each(
    messages: &[MessageNumber],
    command: fn(MessageNumber) -> Command<'static>,
    behind: &'static [Command<'static>],
) -> impl Iterator<Item = Command<'static>> {
    let mut index = 0;
    core::iter::from_fn(move || {
        index += 1;
        match messages.get(index - 1) {
            Some(&message) => Some(command(message)),
            None => behind.get(index - 1 - messages.len()).copied(),
        }
    })
}

/// Whether octets begin as a reply does.
fn is_reply(octets: &[u8]) -> bool {
    octets.starts_with(b"+OK") || octets.starts_with(b"-ERR")
}
