//! Many commands in a pipeline.

use core::iter::Peekable;
use std::collections::VecDeque;

use pop3_proto::client::SendError;
use pop3_proto::{Command, Octets};

use super::parts::{Part, Piece};
use super::{Client, ClientError};
use crate::transport::Transport;

/// What a message counts for whose size is not known.
const UNKNOWN: Octets = 64 * 1024;

/// Commands that are sent ahead as far as the window allows.
pub(super) struct Pipeline<'c, T, I: Iterator> {
    client: &'c mut Client<T>,
    commands: Peekable<I>,
    /// The commands without a complete reply, each with the octets of the message that it asks for.
    sent: VecDeque<(I::Item, Octets)>,
    /// The octets of all of them.
    expected: Octets,
    /// More commands are sent when only so many are left, which is when a quarter of those in flight is answered. A write
    /// for each reply would cost both sides more than the reply.
    enough: usize,
}

/// A part of a reply.
pub(super) struct Answer {
    /// The command that is answered.
    pub(super) command: Command<'static>,
    pub(super) part: Part,
    /// How many commands were sent after it.
    pub(super) behind: usize,
}

impl<'c, T: Transport, I: Iterator<Item = Command<'static>>> Pipeline<'c, T, I> {
    /// Creates a pipeline. Earlier replies are received first.
    pub(super) async fn new(client: &'c mut Client<T>, commands: I) -> Result<Self, ClientError> {
        client.drain().await?;
        let mut commands = commands.peekable();
        if !client.is_stopping()
            && let Some(command) = commands.peek().copied()
        {
            client.pay_capa(&command).await?;
        }
        Ok(Self { client, commands, sent: VecDeque::new(), expected: 0, enough: 0 })
    }

    /// Returns the next part of a reply, or `None` when all are answered. After a stop, it sends no more commands.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, ClientError> {
        loop {
            let part = match self.sent.front() {
                Some(_) => self.client.part()?,
                None => Part::Starved,
            };
            let behind = self.sent.len().saturating_sub(1);
            let command = match part {
                Part::Nothing => continue,
                Part::Begun(_) | Part::Data(_) => self.sent.front().map(|(command, _)| *command),
                Part::Refused(_) | Part::Accepted | Part::End => {
                    self.sent.pop_front().map(|(command, octets)| {
                        self.expected = self.expected.saturating_sub(octets);
                        command
                    })
                }
                // Send as many commands as fit before waiting for octets.
                Part::Starved => {
                    if self.sent.len() <= self.enough {
                        self.fill()?;
                        self.enough = self.sent.len() - self.sent.len() / 4;
                    }
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
                Some(command) => Ok(Some(Answer { command, part, behind })),
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
            let octets = if let Command::Retr(message) = command {
                self.client.sizes.get(*message).unwrap_or(UNKNOWN)
            } else {
                0
            };
            let expected = self.expected.saturating_add(octets);
            if octets > 0 && !self.sent.is_empty() && expected > self.client.max_octets_expected {
                break;
            }
            match self.client.enqueue(command) {
                Ok(()) => {
                    self.sent.extend(self.commands.next().map(|command| (command, octets)));
                    self.expected = expected;
                }
                Err(ClientError::Unsendable(SendError::Window)) if !self.sent.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
