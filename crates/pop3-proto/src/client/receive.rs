//! Reads what the server sends. Each line is read once.

mod body;
mod greeting;
mod listing;
mod reply;

use super::connection::{ClientConnection, Reading};
use super::error::ProtocolError;
use super::event::ClientEvent;
use super::excerpt::Excerpt;
use super::state::ClientState;
use crate::command::{Keyword, ReplyShape};
use crate::input::Input;
use crate::quirk::Quirk;
use crate::quirks::Quirks;

impl ClientConnection {
    /// Returns the next event, without regard to time and earlier errors.
    pub(super) fn receive<'b>(&mut self, input: &mut Input<'b>) -> Result<ClientEvent<'b>, ProtocolError> {
        match self.session.state() {
            ClientState::Greeting => self.greeting(input),
            ClientState::Handshake => handshake(input, Quirks::NONE),
            ClientState::Closed => Ok(ClientEvent::Closed),
            // The server waits for the answer as it waits for a command.
            ClientState::Challenged => idle(input, self.awaited()),
            ClientState::Authorization | ClientState::Transaction | ClientState::Closing => {
                let Some(&command) = self.outstanding.front() else { return idle(input, None) };
                match self.reading {
                    Reading::Status { .. } => self.reply(command, input),
                    Reading::Lines(progress) => self.line(command, progress, input),
                    Reading::Body => self.body(command, input),
                }
            }
        }
    }

    /// Returns the quirks found in what is read, together with those of lines skipped before it. In strict mode the
    /// first one is an error, and what is read must still be in the input.
    fn overlook<const N: usize>(&mut self, found: [Option<Quirk>; N]) -> Result<Quirks, ProtocolError> {
        let mut quirks = core::mem::take(&mut self.skipped);
        for quirk in found.into_iter().flatten() {
            if self.config.strict {
                return Err(ProtocolError::Quirk(quirk));
            }
            quirks = quirks.with(quirk);
        }
        Ok(quirks)
    }

    /// Like [`overlook`](Self::overlook) for a line that is skipped: its quirks are reported with the next event.
    fn skip<const N: usize>(&mut self, found: [Option<Quirk>; N]) -> Result<(), ProtocolError> {
        self.skipped = self.overlook(found)?;
        Ok(())
    }

    /// The reply to the oldest command is complete.
    fn complete(&mut self, ended_with: ReplyShape) {
        let answered = self.outstanding.pop_front();
        // After the first reply following the login, the server no longer repeats secrets of it.
        let login = answered
            .is_some_and(|command| matches!(command.keyword, Keyword::Pass | Keyword::Apop | Keyword::Auth));
        if self.session.state() == ClientState::Transaction && !login && !self.config.keep_secrets {
            self.shown.clear();
        }
        self.after_body = ended_with == ReplyShape::Body;
        self.reading = Reading::Status { empty_lines: 0 };
    }
}

/// After the positive reply to STLS. No plaintext may follow it.
fn handshake<'b>(input: &Input<'b>, quirks: Quirks) -> Result<ClientEvent<'b>, ProtocolError> {
    match (input.rest(), input.is_last()) {
        ([], false) => Ok(ClientEvent::StartTls { quirks }),
        ([], true) => Err(ProtocolError::Closed { during: Some(Keyword::Stls) }),
        _ => Err(ProtocolError::Injected),
    }
}

/// While the server waits for the client, within the exchange of a command or between commands. Nothing may arrive,
/// except a negative reply with which the server ends the session.
fn idle<'b>(input: &Input<'b>, during: Option<Keyword>) -> Result<ClientEvent<'b>, ProtocolError> {
    let rest = input.rest();
    let (word, behind) = rest.split_at_checked(4).unwrap_or((rest, &[]));
    let negative = b"-ERR".get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    match behind.first() {
        None if negative && !input.is_last() => Ok(ClientEvent::Read),
        None if rest.is_empty() => Err(ProtocolError::Closed { during }),
        Some(b' ' | b'\t' | b'\r' | b'\n') if negative => Err(ProtocolError::Dismissed(Excerpt::default())),
        None if negative && word.len() == 4 => Err(ProtocolError::Dismissed(Excerpt::default())),
        _ => Err(ProtocolError::Unsolicited(Excerpt::default())),
    }
}

/// A reply or the greeting is not complete.
fn wait<'b>(input: &Input<'b>, during: Option<Keyword>) -> Result<ClientEvent<'b>, ProtocolError> {
    match (input.is_last(), input.rest()) {
        (false, _) => Ok(ClientEvent::Read),
        (true, []) => Err(ProtocolError::Closed { during }),
        (true, _) => Err(ProtocolError::Truncated { during }),
    }
}

/// What follows the first line of a reply is not complete.
fn within<'b>(input: &Input<'b>, keyword: Keyword) -> Result<ClientEvent<'b>, ProtocolError> {
    if input.is_last() {
        Err(ProtocolError::Truncated { during: Some(keyword) })
    } else {
        Ok(ClientEvent::Read)
    }
}
