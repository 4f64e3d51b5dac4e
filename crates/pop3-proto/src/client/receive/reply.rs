//! The first line of a reply, and challenges of AUTH.

use crate::capability::Capability;
use crate::client::challenge::Challenge;
use crate::client::connection::{ClientConnection, Progress, Reading};
use crate::client::entry::ReplyItem;
use crate::client::error::ProtocolError;
use crate::client::event::ClientEvent;
use crate::client::first_line::FirstLine;
use crate::client::lines::{Line, Lines};
use crate::client::outstanding::Outstanding;
use crate::client::rules::{ClientAction, Signal};
use crate::client::state::ClientState;
use crate::command::{Keyword, ReplyShape};
use crate::dots::Unstuffer;
use crate::input::Input;
use crate::quirk::Quirk;
use crate::reply::Reply;

impl ClientConnection {
    /// The first line of a reply.
    pub(super) fn reply<'b>(
        &mut self,
        command: Outstanding,
        input: &mut Input<'b>,
    ) -> Result<ClientEvent<'b>, ProtocolError> {
        let Some(mut line) = self.status_line(&command, input)? else {
            return super::wait(input, Some(command.keyword));
        };
        if line.text.is_empty() && self.overlooks_empty_line() {
            self.skip([Some(Quirk::EmptyLineBeforeReply), line.quirk])?;
            self.lines.take(input, &line);
            self.reading = Reading::Status { empty_lines: 1 };
            line = match self.status_line(&command, input)? {
                Some(line) => line,
                None => return super::wait(input, Some(command.keyword)),
            };
        }
        let line = line;
        let keyword = command.keyword;
        if keyword == Keyword::Auth
            && let Some((challenge, quirk)) = Challenge::parse(line.text)
        {
            return self.challenge(challenge, quirk, &line, input);
        }
        let reply = match Reply::parse(line.text) {
            Some(reply) => reply,
            None if line.quirk == Some(Quirk::UnendedLine) => {
                return Err(ProtocolError::Truncated { during: Some(keyword) });
            }
            None => return Err(ProtocolError::out_of_step()),
        };
        // Nobody can be logged in before anything was said.
        if command.bare_auth && reply.is_positive() {
            return self.challenge(Challenge::EMPTY, Some(Quirk::PositiveReplyForChallenge), &line, input);
        }
        let entry = match reply.is_positive() {
            true => ReplyItem::of_reply(keyword, command.message, reply.text)?,
            false => None,
        };
        let own = entry.and_then(|entry| entry.quirk()).or_else(|| self.oddity(&command, &reply));
        let quirks = self.overlook([line.quirk, reply.quirk, own])?;
        let step = self.session.step(Signal::Reply(keyword, reply.status));
        let action = step.map_err(|_| ProtocolError::out_of_step())?;
        self.lines.take(input, &line);
        if let Some(ReplyItem::Drop(listing)) = entry {
            self.census.messages = Some(listing.messages);
        }
        self.octets_in_flight = self.octets_in_flight.saturating_sub(command.octets);
        let follows = if reply.is_positive() { command.shape } else { ReplyShape::Line };
        match follows {
            ReplyShape::Line => self.complete(follows),
            ReplyShape::Lines => self.reading = Reading::Lines(Progress::default()),
            ReplyShape::Body => {
                self.reading = Reading::Body;
                self.unstuffer = Unstuffer::new();
                self.first_line = FirstLine::new();
            }
        }
        match action {
            ClientAction::StartTls => super::handshake(input, quirks),
            ClientAction::Continue | ClientAction::Close => {
                Ok(ClientEvent::Reply { keyword, reply, entry, follows, quirks })
            }
        }
    }

    /// Returns the line at the front of the input, which must be a reply.
    fn status_line<'b>(
        &mut self,
        command: &Outstanding,
        input: &Input<'b>,
    ) -> Result<Option<Line<'b>>, ProtocolError> {
        let sasl = if command.keyword == Keyword::Auth { self.config.max_sasl_line } else { 0 };
        let limit = self.config.max_reply_line.max(sasl);
        Ok(match self.lines.peek(input, limit)? {
            // Many servers close before they have ended the line.
            None if command.keyword == Keyword::Quit => Lines::peek_unended(input),
            line => line,
        })
    }

    /// Handles a challenge, or a line that stands for one.
    fn challenge<'b>(
        &mut self,
        challenge: Challenge<'b>,
        quirk: Option<Quirk>,
        line: &Line<'b>,
        input: &mut Input<'b>,
    ) -> Result<ClientEvent<'b>, ProtocolError> {
        // A challenge that can't be read is not refused but cancelled (RFC 5034 section 4).
        let refused = self.config.strict && matches!(challenge, Challenge::Words(_));
        let challenge = if refused { Challenge::Unreadable } else { challenge };
        let quirk = quirk.filter(|_| challenge != Challenge::Unreadable);
        let quirks = self.overlook([line.quirk, quirk])?;
        let _ = self.session.step(Signal::Challenge).map_err(|_| ProtocolError::out_of_step())?;
        self.lines.take(input, line);
        self.unreadable = challenge == Challenge::Unreadable;
        if let Some(command) = self.outstanding.front_mut() {
            command.bare_auth = false;
        }
        Ok(ClientEvent::Challenge { challenge, quirks })
    }

    /// Returns whether an empty line before this reply may be skipped. Only one may be, only after the login, and not
    /// after a body, because it may belong to a body whose end was misread.
    fn overlooks_empty_line(&self) -> bool {
        self.session.state() != ClientState::Authorization
            && !self.after_body
            && matches!(self.reading, Reading::Status { empty_lines: 0 })
    }

    /// Returns the departure from the protocol if this reply is unusual for this command.
    fn oddity(&self, command: &Outstanding, reply: &Reply<'_>) -> Option<Quirk> {
        let announced = |known| self.capabilities.as_ref().is_some_and(|list| list.has(known));
        let unannounced = |known| self.listed_after_login && reply.is_positive() && !announced(known);
        let keyword = command.keyword;
        if keyword == Keyword::Capa && !reply.is_positive() {
            Some(Quirk::NoCapabilities)
        } else if (keyword == Keyword::Uidl && unannounced(Capability::Uidl))
            || (keyword == Keyword::Top && unannounced(Capability::Top))
        {
            Some(Quirk::UnannouncedCommand)
        } else if command.language && reply.is_positive() && reply.text.is_empty() {
            Some(Quirk::UnnamedLanguage)
        } else {
            None
        }
    }
}
