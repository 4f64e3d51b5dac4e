//! Reading what the server sends.

use super::challenge::Challenge;
use super::connection::{Connection, Reading};
use super::error::{Error, Protocol};
use super::event::{Entry, Event};
use super::excerpt::Excerpt;
use super::first_line::FirstLine;
use super::lines::{Line, Lines};
use super::outgoing::Outstanding;
use super::session::{Action, Signal, State};
use crate::apop::Timestamp;
use crate::capability::Capability;
use crate::command::{Keyword, ReplyShape};
use crate::dots::{Decoded, Unstuffer};
use crate::input::Input;
use crate::listing::number_alone;
use crate::number::MessageNumber;
use crate::quirk::Quirk;
use crate::reply::Reply;

/// How many empty lines before the greeting are overlooked.
const MAX_EMPTY_LINES: usize = 4;

impl Connection {
    /// One event, without regard to time and earlier errors.
    pub(super) fn receive<'b>(&mut self, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        match self.session.state() {
            State::Greeting => self.greeting(input),
            State::Handshake => handshake(input),
            State::Closed => Ok(Event::Closed),
            // The server waits for the answer as it waits for a command.
            State::Challenged => idle(input),
            State::Authorization | State::Transaction | State::Closing => {
                let Some(&command) = self.outstanding.front() else { return idle(input) };
                match self.reading {
                    Reading::Status { .. } => self.reply(command, input),
                    Reading::Lines { .. } => self.line(command, input),
                    Reading::Body => self.body(command, input),
                }
            }
        }
    }

    fn greeting<'b>(&mut self, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        let Reading::Status { mut empty_lines } = self.reading else { return Err(Error::out_of_step()) };
        loop {
            // A TLS record has no line end to wait for.
            if let [0x14..=0x17, 0x03, ..] = input.rest() {
                return Err(Error::OtherProtocol(Protocol::Tls));
            }
            let Some(line) = self.lines.peek(input, self.config.max_reply_line)? else {
                return wait(input, None);
            };
            if line.text.is_empty() {
                if empty_lines == 0
                    && let Some(quirk) =
                        self.lines.warn([Some(Quirk::EmptyLineBeforeGreeting), None, None, None])?
                {
                    return Ok(Event::Warning(quirk));
                }
                if empty_lines >= MAX_EMPTY_LINES {
                    return Err(Error::out_of_step());
                }
                empty_lines = empty_lines.saturating_add(1);
                self.reading = Reading::Status { empty_lines };
                self.lines.take(input, &line);
                continue;
            }
            let Ok(reply) = Reply::parse(line.text) else {
                return Err(Protocol::guess(line.text).map_or_else(Error::out_of_step, Error::OtherProtocol));
            };
            if let Some(quirk) = self.lines.warn([line.quirk, reply.quirk, None, None])? {
                return Ok(Event::Warning(quirk));
            }
            // Whether it is the end is told by the state.
            let _ = self.session.step(Signal::Greeting(reply.status)).map_err(|_| Error::out_of_step())?;
            self.lines.take(input, &line);
            if reply.is_positive() {
                self.timestamp = Timestamp::find(reply.text).map(|timestamp| timestamp.as_bytes().to_vec());
            }
            return Ok(Event::Greeting(reply));
        }
    }

    /// The first line of a reply.
    fn reply<'b>(&mut self, command: Outstanding, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        let keyword = command.keyword;
        let sasl = if keyword == Keyword::Auth { self.config.max_sasl_line } else { 0 };
        let limit = self.config.max_reply_line.max(sasl);
        let line = match self.lines.peek(input, limit)? {
            // Many servers close before they have ended the line.
            None if keyword == Keyword::Quit => Lines::peek_unended(input),
            line => line,
        };
        let Some(line) = line else { return wait(input, Some(keyword)) };
        if keyword == Keyword::Auth
            && let Some((challenge, quirk)) = Challenge::parse(line.text)
        {
            return self.challenge(challenge, quirk, &line, input);
        }
        if line.text.is_empty() && self.overlooks_empty_line() {
            if let Some(quirk) =
                self.lines.warn([Some(Quirk::EmptyLineBeforeReply), line.quirk, None, None])?
            {
                return Ok(Event::Warning(quirk));
            }
            self.lines.take(input, &line);
            self.reading = Reading::Status { empty_lines: 1 };
            return self.reply(command, input);
        }
        let reply = match Reply::parse(line.text) {
            Ok(reply) => reply,
            Err(_) if line.quirk == Some(Quirk::UnendedLine) => {
                return Err(Error::Truncated { during: Some(keyword) });
            }
            Err(_) => return Err(Error::out_of_step()),
        };
        // Nobody can be logged in before anything was said.
        if command.bare_auth && reply.is_positive() {
            return self.challenge(Challenge::EMPTY, Some(Quirk::PositiveReplyForChallenge), &line, input);
        }
        let entry = match reply.is_positive() {
            true => Entry::of_reply(keyword, command.message, reply.text)?,
            false => None,
        };
        let own = entry.and_then(|entry| entry.quirk()).or_else(|| self.oddity(&command, &reply));
        if let Some(quirk) = self.lines.warn([line.quirk, reply.quirk, own, None])? {
            return Ok(Event::Warning(quirk));
        }
        let step = self.session.step(Signal::Reply(keyword, reply.status));
        let action = step.map_err(|_| Error::out_of_step())?;
        self.lines.take(input, &line);
        if let Some(Entry::Drop(listing)) = entry {
            self.census.messages = Some(listing.messages);
        }
        self.octets_in_flight = self.octets_in_flight.saturating_sub(command.octets);
        let follows = if reply.is_positive() { command.shape } else { ReplyShape::Line };
        match follows {
            ReplyShape::Line => self.complete(follows),
            ReplyShape::Lines => self.reading = Reading::Lines { count: 0, number: 0, messages: 0 },
            ReplyShape::Body => {
                self.reading = Reading::Body;
                self.unstuffer = Unstuffer::new();
                self.first_line = FirstLine::new();
            }
        }
        match action {
            Action::StartTls => handshake(input),
            Action::Continue | Action::Close => Ok(Event::Reply { keyword, reply, entry, follows }),
        }
    }

    /// A challenge, or what stands for one.
    fn challenge<'b>(
        &mut self,
        challenge: Challenge<'b>,
        quirk: Option<Quirk>,
        line: &Line<'b>,
        input: &mut Input<'b>,
    ) -> Result<Event<'b>, Error> {
        // A challenge that can't be read is not refused but cancelled (RFC 5034 section 4).
        let refused = self.config.strict && matches!(challenge, Challenge::Words(_));
        let challenge = if refused { Challenge::Unreadable } else { challenge };
        let quirk = quirk.filter(|_| challenge != Challenge::Unreadable);
        if let Some(quirk) = self.lines.warn([line.quirk, quirk, None, None])? {
            return Ok(Event::Warning(quirk));
        }
        let _ = self.session.step(Signal::Challenge).map_err(|_| Error::out_of_step())?;
        self.lines.take(input, line);
        self.unreadable = challenge == Challenge::Unreadable;
        if let Some(command) = self.outstanding.front_mut() {
            command.bare_auth = false;
        }
        Ok(Event::Challenge(challenge))
    }

    /// Whether an empty line before this reply may be overlooked: one, after the login, and not where
    /// it may be the rest of a body whose end was mistaken.
    fn overlooks_empty_line(&self) -> bool {
        self.session.state() != State::Authorization
            && !self.after_body
            && matches!(self.reading, Reading::Status { empty_lines: 0 })
    }

    /// What is odd in that the server gives this reply to this command.
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

    /// A line of a listing, or of an extension's reply.
    fn line<'b>(&mut self, command: Outstanding, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        let Reading::Lines { count, number, messages } = self.reading else {
            return Err(Error::out_of_step());
        };
        let keyword = command.keyword;
        let Some(line) = self.lines.peek(input, self.config.max_list_line)? else {
            return within(input, keyword);
        };
        // What an extension lists may come from messages, and they must not end the list. The lists
        // that this crate knows are made by the server alone.
        if keyword == Keyword::Extension
            && let Some(quirk) = line.quirk
        {
            return Err(Error::Quirk(quirk));
        }
        if line.text == b"." {
            let miscounted = self.miscounted(&command, messages);
            if let Some(quirk) = self.lines.warn([line.quirk, miscounted, None, None])? {
                return Ok(Event::Warning(quirk));
            }
            self.lines.take(input, &line);
            if keyword == Keyword::Capa {
                self.capabilities = Some(core::mem::take(&mut self.gathered));
                self.listed_after_login = self.session.state() == State::Transaction;
            } else if matches!(keyword, Keyword::List | Keyword::Uidl) {
                self.census.messages = Some(messages);
            }
            self.complete(ReplyShape::Lines);
            return Ok(Event::End { keyword });
        }
        let capa = keyword == Keyword::Capa;
        let limit = if capa { self.config.max_capabilities } else { self.config.max_list_entries };
        if count >= limit {
            return Err(Error::TooManyEntries);
        }
        let text = line.text.strip_prefix(b".").unwrap_or(line.text);
        let count = count.saturating_add(1);
        let nameless = if keyword == Keyword::Uidl { number_alone(text) } else { None };
        let empty = keyword != Keyword::Extension && text.trim_ascii().is_empty();
        if empty || nameless.is_some() {
            let quirk = if empty { Quirk::EmptyListingLine } else { Quirk::EmptyUniqueId };
            if let Some(quirk) = self.lines.warn([line.quirk, Some(quirk), None, None])? {
                return Ok(Event::Warning(quirk));
            }
            self.lines.take(input, &line);
            let number = nameless.map_or(number, MessageNumber::number);
            let messages = messages.saturating_add(u32::from(nameless.is_some()));
            self.reading = Reading::Lines { count, number, messages };
            // At most one line more is skipped for each warning.
            return self.line(command, input);
        }
        let Some(entry) = Entry::of_line(keyword, text)? else {
            self.lines.take(input, &line);
            self.reading = Reading::Lines { count, number, messages };
            return Ok(Event::Line(text));
        };
        let own_number = entry.message().map_or(number, MessageNumber::number);
        let order = entry.message().and_then(|message| self.order(number, message.number()));
        let own = if capa { self.capability_quirk(text) } else { entry.quirk() };
        if let Some(quirk) = self.lines.warn([line.quirk, own, order, None])? {
            return Ok(Event::Warning(quirk));
        }
        self.lines.take(input, &line);
        let messages = messages.saturating_add(u32::from(order != Some(Quirk::RepeatedNumber)));
        self.reading = Reading::Lines { count, number: own_number, messages };
        if capa {
            if self.gathered.octets().saturating_add(text.len()) > self.config.max_capability_octets {
                return Err(Error::TooManyEntries);
            }
            self.gathered.push(text);
        }
        Ok(Event::Entry(entry))
    }

    /// What is odd about a number in a listing behind another.
    fn order(&self, before: u32, number: u32) -> Option<Quirk> {
        match number.checked_sub(before) {
            None => Some(Quirk::UnorderedListing),
            Some(0) => Some(Quirk::RepeatedNumber),
            Some(1) => None,
            // Messages that are marked as deleted are not listed.
            Some(_) => (!self.census.deleting).then_some(Quirk::SkippedNumber),
        }
    }

    /// What is odd about the number of lines in a listing.
    fn miscounted(&self, command: &Outstanding, messages: u32) -> Option<Quirk> {
        let counts = matches!(command.keyword, Keyword::List | Keyword::Uidl) && !self.census.deleting;
        (counts && self.census.messages.is_some_and(|known| known != messages))
            .then_some(Quirk::DifferentCount)
    }

    /// What is odd about a line of CAPA.
    fn capability_quirk(&self, text: &[u8]) -> Option<Quirk> {
        Capability::quirk(text).or_else(|| {
            let late = self.session.channel().is_tls() && Capability::parse(text) == Capability::Stls;
            late.then_some(Quirk::StlsWithinTls)
        })
    }

    /// Octets of a body.
    fn body<'b>(&mut self, command: Outstanding, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        let limit = self.config.max_body.unwrap_or(u64::MAX);
        let over = |octets: u64| octets.saturating_sub(limit);
        if over(self.unstuffer.octets()) > 0 {
            return Err(Error::BodyTooLong);
        }
        let (consumed, decoded) = self.unstuffer.decode(input.rest());
        input.take(consumed);
        match decoded {
            Decoded::Data(data) => {
                self.first_line.look(data);
                let over = usize::try_from(over(self.unstuffer.octets())).unwrap_or(usize::MAX);
                match data.get(..data.len().saturating_sub(over)) {
                    None | Some([]) => Err(Error::BodyTooLong),
                    Some(data) => Ok(Event::Data(data)),
                }
            }
            Decoded::End => {
                // Told at the end, so that a body is told the same in whatever pieces it comes.
                let bare_dot = self.unstuffer.found_bare_dot().then_some(Quirk::UnstuffedDot);
                let doubled = self.first_line.is_doubled().then_some(Quirk::DoubledCarriageReturn);
                if let Some(quirk) = self.lines.warn([bare_dot, doubled, None, None])? {
                    return Ok(Event::Warning(quirk));
                }
                self.lines.told();
                self.complete(ReplyShape::Body);
                Ok(Event::End { keyword: command.keyword })
            }
            Decoded::More => within(input, command.keyword),
        }
    }

    /// The reply to the oldest command is complete.
    fn complete(&mut self, ended_with: ReplyShape) {
        let answered = self.outstanding.pop_front();
        // With the first reply behind the login all that the server may repeat of it is there.
        let login =
            |command: Outstanding| matches!(command.keyword, Keyword::Pass | Keyword::Apop | Keyword::Auth);
        if self.session.state() == State::Transaction && !answered.is_some_and(login) {
            self.shown.clear();
        }
        self.after_body = ended_with == ReplyShape::Body;
        self.reading = Reading::Status { empty_lines: 0 };
    }
}

/// Behind the positive reply to STLS: no plaintext may be there.
fn handshake<'b>(input: &Input<'b>) -> Result<Event<'b>, Error> {
    match (input.rest(), input.is_last()) {
        ([], false) => Ok(Event::StartTls),
        ([], true) => Err(Error::Closed { during: Some(Keyword::Stls) }),
        _ => Err(Error::Injected),
    }
}

/// While nothing is outstanding: nothing may come, but a server may say why it goes.
fn idle<'b>(input: &Input<'b>) -> Result<Event<'b>, Error> {
    let rest = input.rest();
    let (word, behind) = rest.split_at_checked(4).unwrap_or((rest, &[]));
    let negative = b"-ERR".get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    match behind.first() {
        None if negative && !input.is_last() => Ok(Event::Read),
        None if rest.is_empty() => Err(Error::Closed { during: None }),
        Some(b' ' | b'\t' | b'\r' | b'\n') if negative => Err(Error::Dismissed(Excerpt::default())),
        None if negative && word.len() == 4 => Err(Error::Dismissed(Excerpt::default())),
        _ => Err(Error::Unsolicited(Excerpt::default())),
    }
}

/// A reply, or the greeting, is not whole.
fn wait<'b>(input: &Input<'b>, during: Option<Keyword>) -> Result<Event<'b>, Error> {
    match (input.is_last(), input.rest()) {
        (false, _) => Ok(Event::Read),
        (true, []) => Err(Error::Closed { during }),
        (true, _) => Err(Error::Truncated { during }),
    }
}

/// What follows the first line of a reply is not complete.
fn within<'b>(input: &Input<'b>, keyword: Keyword) -> Result<Event<'b>, Error> {
    if input.is_last() { Err(Error::Truncated { during: Some(keyword) }) } else { Ok(Event::Read) }
}

impl Protocol {
    /// The protocol that such a greeting belongs to.
    fn guess(line: &[u8]) -> Option<Self> {
        let begins =
            |with: &[u8]| line.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
        if begins(b"220 ") || begins(b"220-") || begins(b"554 ") || begins(b"421 ") {
            Some(Self::Smtp)
        } else if begins(b"* OK") || begins(b"* PREAUTH") || begins(b"* BYE") {
            Some(Self::Imap)
        } else if begins(b"HTTP/") {
            Some(Self::Http)
        } else if begins(b"SSH-") {
            Some(Self::Ssh)
        } else {
            None
        }
    }
}
