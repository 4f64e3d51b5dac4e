//! Many commands in a pipeline.

use core::iter::Peekable;
use std::collections::VecDeque;

use pop3_proto::Command;
use pop3_proto::client::SendError;

use super::parts::{Part, Piece};
use super::{Client, ClientError};
use crate::transport::Transport;

/// Commands that are sent ahead as far as the window allows.
pub(super) struct Pipeline<'c, T, I: Iterator> {
    client: &'c mut Client<T>,
    commands: Peekable<I>,
    /// The commands without a complete reply.
    sent: VecDeque<I::Item>,
}

impl<'c, T: Transport, I: Iterator<Item = Command<'static>>> Pipeline<'c, T, I> {
    /// Creates a pipeline. Earlier replies are received first.
    pub(super) async fn new(client: &'c mut Client<T>, commands: I) -> Result<Self, ClientError> {
        client.drain().await?;
        Ok(Self { client, commands: commands.peekable(), sent: VecDeque::new() })
    }

    /// Returns the next part of a reply, with its command and the number of commands sent after that one. Returns
    /// `None` when all are answered. After a stop, it sends no more commands.
    pub(super) async fn next(&mut self) -> Result<Option<(Command<'static>, Part, usize)>, ClientError> {
        loop {
            let part = match self.sent.front() {
                Some(_) => self.client.part()?,
                None => Part::Starved,
            };
            let behind = self.sent.len().saturating_sub(1);
            let command = match part {
                Part::Nothing => continue,
                Part::Begun(_) | Part::Data(_) => self.sent.front().copied(),
                Part::Refused(_) | Part::Accepted | Part::End => self.sent.pop_front(),
                // Send as many commands as fit before waiting for octets.
                Part::Starved => {
                    self.fill()?;
                    if self.sent.is_empty() {
                        return if self.commands.peek().is_none() {
                            Ok(None)
                        } else {
                            Err(ClientError::Stopped)
                        };
                    }
                    self.client.progress().await?;
                    continue;
                }
            };
            return match command {
                Some(command) => Ok(Some((command, part, behind))),
                None => Err(self.client.misused()),
            };
        }
    }

    /// Returns the client.
    pub(super) const fn client(&mut self) -> &mut Client<T> {
        self.client
    }

    /// Returns the octets of a piece.
    pub(super) fn octets(&self, piece: &Piece) -> &[u8] {
        self.client.octets(piece)
    }

    /// Sends as many commands as fit.
    fn fill(&mut self) -> Result<(), ClientError> {
        while !self.client.is_stopping()
            && let Some(command) = self.commands.peek()
        {
            match self.client.enqueue(command) {
                Ok(()) => self.sent.extend(self.commands.next()),
                Err(ClientError::Unsendable(SendError::Window)) if !self.sent.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
