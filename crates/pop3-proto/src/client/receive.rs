//! Reading what the server sends.

use super::connection::{Connection, Reading};
use super::error::{Error, Protocol};
use super::event::{Entry, Event};
use super::lines::Lines;
use super::outgoing::Outstanding;
use super::session::{Action, Signal, State};
use crate::apop::Timestamp;
use crate::capability::Capability;
use crate::command::{Keyword, ReplyShape};
use crate::dots::{Decoded, Unstuffer};
use crate::input::Input;
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
            State::Authorization | State::Transaction | State::Closing => {
                let Some(&command) = self.outstanding.front() else { return idle(input) };
                match self.reading {
                    Reading::Status { .. } => self.reply(command, input),
                    Reading::Lines { count, number } => self.line(command, count, number, input),
                    Reading::Body => self.body(command, input),
                }
            }
        }
    }

    fn greeting<'b>(&mut self, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        let Reading::Status { mut empty_lines } = self.reading else { return Err(Error::OutOfStep) };
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
                        self.lines.warn([Some(Quirk::EmptyLineBeforeGreeting), None, None])?
                {
                    return Ok(Event::Warning(quirk));
                }
                if empty_lines >= MAX_EMPTY_LINES {
                    return Err(Error::OutOfStep);
                }
                empty_lines = empty_lines.saturating_add(1);
                self.reading = Reading::Status { empty_lines };
                self.lines.take(input, &line);
                continue;
            }
            let Ok(reply) = Reply::parse(line.text) else {
                return Err(Protocol::guess(line.text).map_or(Error::OutOfStep, Error::OtherProtocol));
            };
            if let Some(quirk) = self.lines.warn([line.quirk, reply.quirk, None])? {
                return Ok(Event::Warning(quirk));
            }
            self.lines.take(input, &line);
            // Whether it is the end is told by the state.
            let _ = self.session.step(Signal::Greeting(reply.status)).map_err(|_| Error::OutOfStep)?;
            if reply.is_positive() {
                self.timestamp = Timestamp::find(reply.text).map(|timestamp| timestamp.as_bytes().to_vec());
            }
            return Ok(Event::Greeting(reply));
        }
    }

    /// The first line of a reply.
    fn reply<'b>(&mut self, command: Outstanding, input: &mut Input<'b>) -> Result<Event<'b>, Error> {
        let keyword = command.keyword;
        let line = match self.lines.peek(input, self.config.max_reply_line)? {
            // Many servers close before they have ended the line.
            None if keyword == Keyword::Quit => Lines::peek_unended(input),
            line => line,
        };
        let Some(line) = line else { return wait(input, Some(keyword)) };
        let reply = match Reply::parse(line.text) {
            Ok(reply) => reply,
            Err(_) if line.quirk == Some(Quirk::UnendedLine) => {
                return Err(Error::Truncated { during: Some(keyword) });
            }
            Err(_) => return Err(Error::OutOfStep),
        };
        let entry = match reply.is_positive() {
            true => Entry::of_reply(keyword, command.message, reply.text)?,
            false => None,
        };
        let quirks = [line.quirk, reply.quirk, entry.and_then(|entry| entry.quirk())];
        if let Some(quirk) = self.lines.warn(quirks)? {
            return Ok(Event::Warning(quirk));
        }
        self.lines.take(input, &line);
        self.octets_in_flight = self.octets_in_flight.saturating_sub(command.octets);
        let follows = if reply.is_positive() { command.shape } else { ReplyShape::Line };
        match follows {
            ReplyShape::Line => self.complete(),
            ReplyShape::Lines => self.reading = Reading::Lines { count: 0, number: 0 },
            ReplyShape::Body => {
                self.reading = Reading::Body;
                self.unstuffer = Unstuffer::new();
            }
        }
        match self.session.step(Signal::Reply(keyword, reply.status)).map_err(|_| Error::OutOfStep)? {
            Action::StartTls => handshake(input),
            Action::Continue | Action::Close => Ok(Event::Reply { keyword, reply, entry, follows }),
        }
    }

    /// A line of a listing, or of an extension's reply.
    fn line<'b>(
        &mut self,
        command: Outstanding,
        count: usize,
        number: u32,
        input: &mut Input<'b>,
    ) -> Result<Event<'b>, Error> {
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
            if let Some(quirk) = self.lines.warn([line.quirk, None, None])? {
                return Ok(Event::Warning(quirk));
            }
            self.lines.take(input, &line);
            if keyword == Keyword::Capa {
                self.capabilities = Some(core::mem::take(&mut self.gathered));
            }
            self.complete();
            return Ok(Event::End { keyword });
        }
        let capa = keyword == Keyword::Capa;
        let limit = if capa { self.config.max_capabilities } else { self.config.max_list_entries };
        if count >= limit {
            return Err(Error::TooManyEntries);
        }
        let text = line.text.strip_prefix(b".").unwrap_or(line.text);
        let count = count.saturating_add(1);
        if keyword != Keyword::Extension && text.trim_ascii().is_empty() {
            if let Some(quirk) = self.lines.warn([line.quirk, Some(Quirk::EmptyListingLine), None])? {
                return Ok(Event::Warning(quirk));
            }
            self.lines.take(input, &line);
            self.reading = Reading::Lines { count, number };
            // At most one line more is skipped for each warning.
            return self.line(command, count, number, input);
        }
        let Some(entry) = Entry::of_line(keyword, text)? else {
            self.lines.take(input, &line);
            self.reading = Reading::Lines { count, number };
            return Ok(Event::Line(text));
        };
        let own_number = entry.message().map_or(number, |message| message.number());
        let order = match entry.message() {
            Some(message) if message.number() == number => Some(Quirk::RepeatedNumber),
            Some(message) if message.number() < number => Some(Quirk::UnorderedListing),
            _ => None,
        };
        let own = if keyword == Keyword::Capa { Capability::quirk(text) } else { entry.quirk() };
        if let Some(quirk) = self.lines.warn([line.quirk, own, order])? {
            return Ok(Event::Warning(quirk));
        }
        self.lines.take(input, &line);
        self.reading = Reading::Lines { count, number: own_number };
        if keyword == Keyword::Capa {
            self.gathered.push(text);
        }
        Ok(Event::Entry(entry))
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
                let over = usize::try_from(over(self.unstuffer.octets())).unwrap_or(usize::MAX);
                match data.get(..data.len().saturating_sub(over)) {
                    None | Some([]) => Err(Error::BodyTooLong),
                    Some(data) => Ok(Event::Data(data)),
                }
            }
            Decoded::End => {
                self.complete();
                Ok(Event::End { keyword: command.keyword })
            }
            Decoded::More => within(input, command.keyword),
        }
    }

    /// The reply to the oldest command is complete.
    fn complete(&mut self) {
        self.outstanding.pop_front();
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
        Some(b' ' | b'\t' | b'\r' | b'\n') if negative => Err(Error::Dismissed),
        None if negative && word.len() == 4 => Err(Error::Dismissed),
        _ => Err(Error::Unsolicited),
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
